/**
 * Mints certificates for the demo and the tests at run time, so that no private key is committed, and no certificate
 * that expires.
 *
 *   const root = await mintCa({ name: "test root" });
 *   const sub = await mintCa({ name: "test intermediate", issuer: root });
 *   const leaf = await mintLeaf({ issuer: sub, dns: ["backend.internal"] });
 *   tls.createServer({ cert: leaf.chainPem, key: leaf.keyPem });
 */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

/** The type of a key, as OpenSSL spells it. */
type KeyType = "ec-p256" | "ec-p384" | "rsa-2048";

/** A certificate with its private key, and with the intermediates between it and its root. */
export interface Minted {
  readonly certPem: string;
  /** PKCS#8 PEM. */
  readonly keyPem: string;
  readonly der: Uint8Array<ArrayBuffer>;
  /** PKCS#8 DER. */
  readonly pkcs8: Uint8Array<ArrayBuffer>;
  readonly key: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly keyType: KeyType;
  readonly certificate: x509.X509Certificate;
  /** The chain that a server presents: this certificate, then its intermediates, without a self-signed root. */
  readonly chain: readonly Uint8Array<ArrayBuffer>[];
  readonly chainPem: string;
  readonly issuer: Minted | null;
}

interface MintOptions {
  /** The common name. The default of a leaf is its first DNS name. */
  readonly name?: string;
  /** The start of validity; one hour ago by default. */
  readonly notBefore?: Date;
  /** The end of validity; in one day by default. */
  readonly notAfter?: Date;
  /** The type of a new key; ec-p256 by default. */
  readonly keyType?: KeyType;
  /** A certificate whose key pair to use instead of a new one, for cross-signed CAs and renewed leaves. */
  readonly reuseKeyOf?: Minted;
  /** Extensions to add after the usual ones. */
  readonly extensions?: readonly x509.Extension[];
}

interface MintCaOptions extends MintOptions {
  readonly name: string;
  /** The issuing CA; without it the certificate is self-signed. */
  readonly issuer?: Minted;
  readonly pathLength?: number;
}

interface MintLeafOptions extends MintOptions {
  /** The issuing CA; without it the certificate is self-signed. */
  readonly issuer?: Minted;
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  readonly ips?: readonly string[];
  readonly emails?: readonly string[];
  /** The extended key usages; `["server"]` by default, and no such extension when empty. */
  readonly usages?: readonly ("server" | "client")[];
}

/** Mints a CA: a self-signed root, or an intermediate when `issuer` is given. */
export function mintCa(options: MintCaOptions): Promise<Minted> {
  const usage = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;
  return mint({ ...options, issuer: options.issuer ?? null }, [
    new x509.BasicConstraintsExtension(true, options.pathLength, true),
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- a sum of flags is what the library takes
    new x509.KeyUsagesExtension(usage, true),
  ]);
}

/** Mints an end-entity certificate. Without names it has no subjectAltName extension. */
export function mintLeaf(options: MintLeafOptions): Promise<Minted> {
  const names: x509.JsonGeneralName[] = [
    ...(options.dns ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(options.uris ?? []).map((value) => ({ type: "url" as const, value })),
    ...(options.ips ?? []).map((value) => ({ type: "ip" as const, value })),
    ...(options.emails ?? []).map((value) => ({ type: "email" as const, value })),
  ];
  const usages = options.usages ?? ["server"];
  const purposes = usages.map((u) =>
    u === "server" ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
  );
  return mint({ ...options, name: options.name ?? options.dns?.[0] ?? "leaf", issuer: options.issuer ?? null }, [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    ...(purposes.length > 0 ? [new x509.ExtendedKeyUsageExtension(purposes)] : []),
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
  ]);
}

const HOUR_MS = 3_600_000;

const KEY_ALGORITHMS: Record<KeyType, EcKeyGenParams | RsaHashedKeyGenParams> = {
  "ec-p256": { name: "ECDSA", namedCurve: "P-256" },
  "ec-p384": { name: "ECDSA", namedCurve: "P-384" },
  "rsa-2048": {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
};

async function mint(
  options: MintOptions & { readonly name: string; readonly issuer: Minted | null },
  extensions: readonly x509.Extension[],
): Promise<Minted> {
  const { name, issuer } = options;
  const keyType = options.reuseKeyOf?.keyType ?? options.keyType ?? "ec-p256";
  const keys =
    options.reuseKeyOf === undefined
      ? await newKeys(keyType)
      : { privateKey: options.reuseKeyOf.key, publicKey: options.reuseKeyOf.publicKey };
  const subject = new x509.Name([{ CN: [name] }]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: subject.toString(),
    issuer: issuer === null ? subject.toString() : issuer.certificate.subject,
    notBefore: options.notBefore ?? new Date(Date.now() - HOUR_MS),
    notAfter: options.notAfter ?? new Date(Date.now() + 24 * HOUR_MS),
    publicKey: keys.publicKey,
    signingKey: issuer === null ? keys.privateKey : issuer.key,
    signingAlgorithm: signingAlgorithm(issuer === null ? keyType : issuer.keyType),
    extensions: [
      ...extensions,
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(issuer === null ? [] : [await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey)]),
      ...(options.extensions ?? []),
    ],
  });
  const der = new Uint8Array(certificate.rawData);
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const chain = [der, ...(issuer === null || issuer.issuer === null ? [] : issuer.chain)];
  return {
    certPem: x509.PemConverter.encode(der, "CERTIFICATE"),
    keyPem: x509.PemConverter.encode(pkcs8, "PRIVATE KEY"),
    der,
    pkcs8,
    key: keys.privateKey,
    publicKey: keys.publicKey,
    keyType,
    certificate,
    chain,
    chainPem: chain.map((c) => x509.PemConverter.encode(c, "CERTIFICATE")).join("\n"),
    issuer,
  };
}

async function newKeys(keyType: KeyType): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(KEY_ALGORITHMS[keyType], true, ["sign", "verify"]);
}

function signingAlgorithm(keyType: KeyType): EcdsaParams | Algorithm {
  switch (keyType) {
    case "ec-p256":
      return { name: "ECDSA", hash: "SHA-256" };
    case "ec-p384":
      return { name: "ECDSA", hash: "SHA-384" };
    case "rsa-2048":
      return { name: "RSASSA-PKCS1-v1_5" };
  }
}

/** A random serial number of 16 bytes, positive (RFC 5280 §4.1.2.2), in hex. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
