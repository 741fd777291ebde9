/** Signatures of CRLs as `build` verifies them: by each algorithm that verdicts know, and by nobody else's key. */
import { constants, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isSignedBy } from "../../src/compile/references/crl-signature.ts";
import { type Crl, crlIssuers, readCrl } from "../../src/trust/index.ts";
import { ca, ext, mint, name } from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, bytes, int, oid, seq, tlv } from "../support/der.ts";
import { type Key, ecKey, rsaKey } from "../support/keys.ts";

const SHA256 = seq(oid("2.16.840.1.101.3.4.2.1"), bytes(5, 0));

function pssKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const parameters = seq(tlv(0xa0, SHA256), tlv(0xa1, seq(oid("1.2.840.113549.1.1.8"), SHA256)), tlv(0xa2, int(32)));
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return {
    ...rsaKey(2048),
    spki: new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
    signer: {
      algorithm: seq(oid("1.2.840.113549.1.1.10"), parameters),
      sign: (data: Bytes) => new Uint8Array(sign("sha256", data, { key: privateKey, padding, saltLength: 32 })),
    },
  };
}

function ed25519Key(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    ...ecKey(),
    spki: new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
    signer: {
      algorithm: seq(oid("1.3.101.112")),
      sign: (data: Bytes) => new Uint8Array(sign(null, data, privateKey)),
    },
  };
}

function read(der: Bytes): Crl {
  const reading = readCrl(der);
  if (reading.kind === "refused") throw new Error(reading.why);
  return reading.crl;
}

const KEYS: readonly [string, () => Key][] = [
  ["P-256", () => ecKey()],
  ["P-384", () => ecKey("P-384", "SHA-384")],
  ["P-521", () => ecKey("P-521", "SHA-512")],
  ["RSA PKCS#1", () => rsaKey(2048)],
  ["RSA PSS", pssKey],
  ["Ed25519", ed25519Key],
];

describe.each(KEYS)("a list signed with %s", (_, make) => {
  const key = make();
  const list = read(crl(ca("root", null, { key })));

  it("is signed by that key", () => {
    expect(isSignedBy(list, key.spki)).toBe(true);
  });
  it.each(KEYS)("is not signed by another key: %s", (_other, another) => {
    expect(isSignedBy(list, another().spki)).toBe(false);
  });
  it("is not signed once the list or the signature is changed", () => {
    const tbs = list.tbs.slice();
    tbs[tbs.length - 1] = (tbs.at(-1) ?? 0) ^ 1;
    expect(isSignedBy({ ...list, tbs }, key.spki)).toBe(false);
    expect(isSignedBy({ ...list, signature: bytes(1, 2, 3) }, key.spki)).toBe(false);
  });
});

it("anchors of the list's name are its issuers, and those with cRLSign its signers", () => {
  const root = ca("root");
  const silent = mint({ subject: name("root"), extensions: [ext.ca(), ext.keyUsage(0x04)] });
  const list = read(crl(root));
  const ask = (...anchors: readonly { der: Bytes }[]): unknown => {
    const { named, keys } = crlIssuers(
      list,
      anchors.map(({ der }) => der),
    );
    return [named, keys.length];
  };
  expect([ask(), ask(ca("other")), ask(root), ask(silent), ask(root, silent)]).toEqual([
    [0, 0],
    [0, 0],
    [1, 1],
    [1, 0],
    [2, 1],
  ]);
});
