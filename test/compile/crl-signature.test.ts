/** Signatures of CRLs as `build` verifies them: by each algorithm that verdicts know, and by nobody else's key. */
import { describe, expect, it } from "vitest";
import { isSignedBy } from "../../src/compile/references/crl-signature.ts";
import { type Crl, crlIssuers, readCrl } from "../../src/trust/index.ts";
import { ca, ext, mint, name } from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, bytes } from "../support/der.ts";
import { type Key, ecKey, rsaKey, edKey, pssKey } from "../support/keys.ts";

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
  ["RSA PSS", () => pssKey()],
  ["Ed25519", edKey],
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
