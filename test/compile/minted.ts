/**
 * Certificates for golden inputs, made anew in every run: `MINTED-crt-a` stands for the certificate named a, `MINTED-key-a`
 * for its key, `MINTED-crt-a+b` for both certificates, each as the base64 that a Secret's `data` holds. The same name gives
 * the same Ed25519 certificate each time, so that outputs can be compared whole; names of weak keys give keys of that kind,
 * `anypurpose` has anyExtendedKeyUsage, `clients` clientAuth and `servers` serverAuth alone, `nosan` no alternative name,
 * `expired` has expired, and `crlca` is a CA. `MINTED-crl-a+b` stands for two lists of minted-crls.ts.
 */
import "reflect-metadata";
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import * as x509 from "@peculiar/x509";

import { mintCrl } from "./minted-crls.ts";

interface Minted {
  readonly crt: string;
  readonly key: string;
}

/** The text with each placeholder replaced. */
export async function mintPlaceholders(text: string): Promise<string> {
  const matches = [...text.matchAll(PLACEHOLDER)].filter(([, part]) => part !== "crl");
  const names = new Set(matches.flatMap(([, , list = ""]) => list.split("+")));
  const minted = new Map(await Promise.all([...names].map(async (name) => [name, await mint(name)] as const)));
  return text.replaceAll(PLACEHOLDER, (_, part: keyof Minted | "crl", list: string) =>
    Buffer.from(
      list
        .split("+")
        .map((name) => (part === "crl" ? mintCrl(name, keyOf) : (minted.get(name)?.[part] ?? "")))
        .join(""),
    ).toString("base64"),
  );
}

const PLACEHOLDER = /MINTED-(crt|key|crl)-([a-z0-9+]+)/g;

async function mint(name: string): Promise<Minted> {
  const key = keyOf(name);
  const spki = new Uint8Array(createPublicKey(key).export({ type: "spki", format: "der" }));
  const algorithm = ALGORITHMS[key.asymmetricKeyType ?? ""] ?? ED25519;
  // The certificates of all keys are signed by Ed25519, whose signatures have one length, so that places in diagnostics stay.
  const signer = new Uint8Array(ed25519(name).export({ type: "pkcs8", format: "der" }));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: "01",
    subject: `CN=${name}`,
    issuer: `CN=${name}`,
    notBefore: new Date("2020-01-01T00:00:00Z"),
    notAfter: new Date(name === "expired" ? "2021-12-31T00:00:00Z" : "2049-12-31T00:00:00Z"),
    publicKey: await crypto.subtle.importKey("spki", spki, algorithm, true, ["verify"]),
    signingKey: await crypto.subtle.importKey("pkcs8", signer, ED25519, true, ["sign"]),
    signingAlgorithm: ED25519,
    extensions: [
      name === "nosan"
        ? new x509.BasicConstraintsExtension(false)
        : new x509.SubjectAlternativeNameExtension([{ type: "dns", value: `${name}.example` }]),
      ...(name === "servers" ? [new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1"])] : []),
      ...(name === "clients" ? [new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.2"])] : []),
      ...(name === "crlca" ? [new x509.BasicConstraintsExtension(true, undefined, true)] : []),
      ...(name === "anypurpose" ? [new x509.ExtendedKeyUsageExtension(["2.5.29.37.0"])] : []),
    ],
  });
  return { crt: `${certificate.toString("pem")}\n`, key: String(key.export({ type: "pkcs8", format: "pem" })) };
}

const ED25519 = { name: "Ed25519" };
const ALGORITHMS: Readonly<Record<string, { name: string; hash: string; namedCurve?: string }>> = {
  rsa: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ec: { name: "ECDSA", hash: "SHA-512", namedCurve: "P-521" },
};

/** The beginning of an Ed25519 key in PKCS#8, before its 32 octets (RFC 8410 §7). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

function ed25519(name: string): KeyObject {
  const seed = createHash("sha256").update(`golden ${name}`).digest();
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
}

function keyOf(name: string): KeyObject {
  if (name === "rsa1024") return generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
  if (name === "p521") return generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey;
  return ed25519(name);
}
