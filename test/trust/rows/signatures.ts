/** Rows about keys and signatures: each algorithm, and what is no key or no signature of it. */
import { readFileSync } from "node:fs";
import { type Minted, ca, server } from "../../support/certificates.ts";
import { type Bytes, bytes, concat, int, oid, seq, tlv } from "../../support/der.ts";
import { type Key, bareKey, ecKey, edKey, rsaKey } from "../../support/keys.ts";
import type { RowSet } from "./row-set.ts";

/** Adds the rows. */
export function addSignatures({ root, row }: RowSet): void {
  const keys: readonly (readonly [string, () => Key])[] = [
    ["P-256 with SHA-256", () => ecKey()],
    ["P-256 with SHA-512", () => ecKey("P-256", "SHA-512")],
    ["P-384 with SHA-256", () => ecKey("P-384", "SHA-256")],
    ["P-384 with SHA-384", () => ecKey("P-384", "SHA-384")],
    ["P-521 with SHA-256", () => ecKey("P-521", "SHA-256")],
    ["P-521 with SHA-512", () => ecKey("P-521", "SHA-512")],
    ["Ed25519", edKey],
    ["RSA-2048 with SHA-256", () => rsaKey(2048)],
    ["RSA-2048 with SHA-384, exponent 3", () => rsaKey(2048, "SHA384", 3)],
    ["RSA-2056 with SHA-512", () => rsaKey(2056, "SHA512")],
    ["RSA-1024", () => rsaKey(1024)],
    ["RSA with SHA-1", () => rsaKey(2048, "SHA1")],
  ];
  for (const [title, key] of keys) {
    const own = key();
    const anchor = ca("anchor", null, { key: own });
    row(`${title}: verifies`, [server(anchor)], { anchors: [anchor] });
    row(`${title}: a broken signature`, [broken(server(anchor))], { anchors: [anchor] });
    row(`${title}: of a server`, [server(root, { key: own })]);
    row(`${title}: of another key`, [server({ ...anchor, key: { ...root.key, id: anchor.key.id } })], {
      anchors: [anchor],
    });
  }
  for (const file of ["rsa8192-pkcs1", "rsa8192-pss", "rsa4100-pss", "rsa2048-pss"]) {
    const [anchor, endEntity] = [`${file}-ca`, `${file}-server`].map((part): Minted => {
      return { ...root, der: new Uint8Array(readFileSync(new URL(`../fixtures/${part}.der`, import.meta.url))) };
    });
    if (anchor === undefined || endEntity === undefined) continue;
    row(file, [endEntity], { anchors: [anchor], nowMs: Date.UTC(2030, 0, 1) });
    row(`${file}: a broken signature`, [broken(endEntity)], { anchors: [anchor], nowMs: Date.UTC(2030, 0, 1) });
  }
  const point = (curve: string, size: number, first = 4): Key =>
    bareKey(seq(seq(oid("1.2.840.10045.2.1"), oid(curve)), tlv(3, bytes(0, first), new Uint8Array(size))));
  const ed = (hex: string): Key => {
    const key = new Uint8Array(Buffer.from(hex, "hex"));
    const signature = Uint8Array.from({ length: 64 }, (_, index) => (index === 0 ? 1 : 0));
    const signer = { algorithm: seq(oid("1.3.101.112")), sign: () => signature };
    return { spki: seq(seq(oid("1.3.101.112")), tlv(3, bytes(0), key)), signer, id: bytes(1) };
  };
  for (const [title, key] of [
    ["a point off the curve", point("1.2.840.10045.3.1.7", 64)],
    ["a compressed point", point("1.2.840.10045.3.1.7", 32, 2)],
    ["P-224", point("1.3.132.0.33", 56)],
    ["DSA", bareKey(seq(seq(oid("1.2.840.10040.4.1"), seq()), tlv(3, bytes(0), int(5))))],
    ["Ed25519 of small order", ed("01".padEnd(64, "0"))],
    ["Ed25519 that is not canonical", ed(`ee${"ff".repeat(30)}7f`)],
    ["Ed25519, another point", ed(`02${"ff".repeat(30)}7f`)],
  ] as const) {
    const anchor = ca("anchor", null, { key });
    row(`${title}, of a CA`, [server(anchor)], { anchors: [anchor] });
    row(`${title}, of a server`, [server(root, { key })]);
  }
  for (const [title, signature] of [
    ["trailing bytes", (der: Bytes) => concat(der, bytes(0))],
    ["a padded integer", () => seq(tlv(2, bytes(0, 1)), int(1))],
    ["zero", () => seq(int(0), int(0))],
    ["a huge integer", () => seq(tlv(2, new Uint8Array(40).fill(1)), int(1))],
    ["nothing", () => bytes()],
  ] as const) {
    row(`ECDSA signature with ${title}`, [server(root, { signature: signature(seq(int(1), int(1))) })]);
  }
  row("an unknown signature algorithm", [server(root, { innerAlgorithm: seq(oid("1.2.3.4")) })]);
}

/** The certificate with one bit of its signature changed. */
function broken(minted: Minted): Minted {
  const der = Uint8Array.from(minted.der);
  der[der.length - 9] = (der[der.length - 9] ?? 0) ^ 0x10;
  return { ...minted, der };
}
