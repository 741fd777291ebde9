/** CRLs for golden inputs, by name: of the CA `crlca`, whose certificate minted.ts makes, unless the name says otherwise. */
import { type KeyObject, createPublicKey, sign } from "node:crypto";
import { type Minted, extension, name } from "../support/certificates.ts";
import { type CrlSpec, crl, crlNumber as number } from "../support/crls.ts";
import { type Bytes, bytes, int, oid, seq, tlv, utcTime } from "../support/der.ts";

const issuing = (...fields: readonly Bytes[]): Bytes => extension("2.5.29.28", true, seq(...fields));
const entry = (...extensions: readonly Bytes[]): Bytes =>
  seq(int(7), utcTime(Date.UTC(2020, 0, 1)), seq(...extensions));

const LISTS: Readonly<Record<string, CrlSpec>> = {
  good: {},
  newer: { extensions: [number(9)], entries: [seq(int(7), utcTime(Date.UTC(2020, 0, 1)))] },
  delta: { extensions: [number(8), extension("2.5.29.27", true, int(7))] },
  orphan: { extensions: [number(12), extension("2.5.29.27", true, int(11))] },
  reasons: { extensions: [number(7), issuing(tlv(0x83, bytes(1, 6)))] },
  indirect: { extensions: [number(7), issuing(tlv(0x84, bytes(0xff)))] },
  numberless: { extensions: [extension("1.2.3", false, bytes(5, 0))] },
  versionone: { version: bytes() },
  endless: { nextUpdate: null },
  critical: { extensions: [number(7), extension("1.2.3", true, bytes(5, 0))] },
  entry: { entries: [entry(extension("1.2.3", true, bytes(5, 0)))] },
  // The dates of these lists are around the golden files' clock, 2026-06-01.
  stale: { nextUpdate: Date.UTC(2020, 0, 2) },
  due: { nextUpdate: Date.UTC(2026, 5, 7) },
  future: { thisUpdate: Date.UTC(2026, 5, 2) },
};

/** A list in PEM. `forged` has another key, `stranger` is of another CA, `broken` is no list. `keyOf` gives a key by its name. */
export function mintCrl(list: string, keyOf: (name: string) => KeyObject): string {
  const issuer = minted(list === "stranger" ? "stranger" : "crlca", keyOf(list === "forged" ? "forged" : "crlca"));
  const spec = { thisUpdate: Date.UTC(2020, 0, 1), nextUpdate: Date.UTC(2049, 11, 31), ...LISTS[list] };
  const der = list === "broken" ? bytes(0x30, 0) : crl(issuer, spec);
  return `-----BEGIN X509 CRL-----\n${Buffer.from(der).toString("base64")}\n-----END X509 CRL-----\n`;
}

function minted(commonName: string, key: KeyObject): Minted {
  const spki = new Uint8Array(createPublicKey(key).export({ type: "spki", format: "der" }));
  const signer = { algorithm: seq(oid("1.3.101.112")), sign: (data: Bytes) => new Uint8Array(sign(null, data, key)) };
  return { der: bytes(), subject: name(commonName), key: { spki, id: bytes(1), signer } };
}
