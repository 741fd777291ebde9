/** The decisions of several CRLs together: none is passed over so that another one decides. */
import { describe, expect, it } from "vitest";
import { DAY, NOW, ca, ext, extension, server, uri } from "../support/certificates.ts";
import { crl, crlNumber as number, issuingDistributionPoint as idp } from "../support/crls.ts";
import { type Bytes, bytes, oid, seq, tlv } from "../support/der.ts";
import { ecKey } from "../support/keys.ts";
import { policy, verdictOf } from "../support/verdicts.ts";
import {
  SERIAL,
  root,
  issuing,
  leaf,
  FLAG,
  delta,
  fullName,
  reason,
  entry,
  revoked,
  ofRoot,
  complete,
  under,
  both,
} from "./revocable.ts";

describe("beside a complete list that does not list the certificate", () => {
  const sha1 = { ...issuing.key, signer: { ...issuing.key.signer, algorithm: seq(oid("1.2.840.10045.4.1")) } };
  const newer = { thisUpdate: NOW - 60_000 };
  it.each<[string, Bytes, string]>([
    ["a newer list that revokes", crl(issuing, { ...newer, ...revoked, extensions: [number(8)] }), "revoked@0"],
    ["an older list that revokes", crl(issuing, { ...revoked, extensions: [number(3)] }), "revoked@0"],
    ["a list not valid yet that revokes", crl(issuing, { thisUpdate: NOW + DAY / 2, ...revoked }), "revoked@0"],
    ["a list not valid yet", crl(issuing, { thisUpdate: NOW + DAY / 2 }), "verified"],
    ["a stale list", crl(issuing, { nextUpdate: NOW - 1000 }), "verified"],
    ["a delta that revokes", crl(issuing, { ...revoked, extensions: [number(8), delta(7)] }), "revoked@0"],
    ["a delta", crl(issuing, { extensions: [number(8), delta(7)] }), "verified"],
    ["a delta to an older list", crl(issuing, { extensions: [number(8), delta(2)] }), "verified"],
    ["a delta to a list that is missing", crl(issuing, { extensions: [number(9), delta(8)] }), "revocation-unknown@0"],
    ["a stale delta", crl(issuing, { nextUpdate: NOW - 1000, extensions: [number(8), delta(7)] }), "verified"],
    [
      "a stale delta that revokes",
      crl(issuing, { ...revoked, nextUpdate: NOW - 1000, extensions: [number(8), delta(7)] }),
      "revoked@0",
    ],
    [
      "a delta that takes it off the list",
      crl(issuing, { entries: [entry(SERIAL, reason(8))], extensions: [number(8), delta(7)] }),
      "verified",
    ],
    ["a complete list that misuses removeFromCRL", crl(issuing, { entries: [entry(SERIAL, reason(8))] }), "revoked@0"],
    ["a list for some reasons", crl(issuing, { extensions: [number(8), idp(tlv(0x83, bytes(1, 6)))] }), "verified"],
    [
      "a list for some reasons that revokes",
      crl(issuing, { ...revoked, extensions: [number(8), idp(tlv(0x83, bytes(1, 6)))] }),
      "revoked@0",
    ],
    [
      "a list for CAs that revokes it",
      crl(issuing, { ...revoked, extensions: [number(8), idp(tlv(0x82, FLAG))] }),
      "revoked@0",
    ],
    [
      "a list of another distribution point that revokes it",
      crl(issuing, { ...revoked, extensions: [number(8), idp(fullName(uri("http://other")))] }),
      "revoked@0",
    ],
    ["a list for attribute certificates", crl(issuing, { extensions: [number(8), idp(tlv(0x85, FLAG))] }), "verified"],
    [
      "a list without a number",
      crl(issuing, { ...newer, extensions: [ext.aki(issuing.key.id)] }),
      "revocation-unknown@0",
    ],
    ["a list of version 1", crl(issuing, { ...newer, version: bytes() }), "revocation-unknown@0"],
    ["a list without nextUpdate", crl(issuing, { nextUpdate: null }), "revocation-unknown@0"],
    [
      "an unknown critical extension",
      crl(issuing, { extensions: [number(8), extension("1.2.3", true, bytes())] }),
      "revocation-unknown@0",
    ],
    [
      "an unknown critical extension of an entry",
      crl(issuing, { entries: [entry(1, extension("1.2.3", true, bytes()))] }),
      "revocation-unknown@0",
    ],
    ["a list that nobody signed", crl(issuing, { key: ecKey() }), "revocation-unknown@0"],
    ["a list that nobody signed and that revokes", crl(issuing, { key: ecKey(), ...revoked }), "revocation-unknown@0"],
    ["a list of SHA-1", crl(issuing, { key: sha1 }), "revocation-unknown@0"],
    ["no list at all", bytes(1, 2, 3), "revocation-unknown@0"],
    ["a broken list of a stranger", crl(ca("stranger"), { version: bytes() }), "verified"],
    ["a stranger's list with the same serial number", crl(ca("stranger"), revoked), "verified"],
  ])("%s", async (_, list, expected) => {
    expect(await both(complete, list)).toBe(expected);
  });

  it("a certificate on hold stays revoked when a delta takes it off", async () => {
    const hold = crl(issuing, { entries: [entry(SERIAL, reason(6))], extensions: [number(7)] });
    const off = crl(issuing, { entries: [entry(SERIAL, reason(8))], extensions: [number(8), delta(7)] });
    expect(await both(hold, off)).toBe("revoked@0");
  });
  it("a list whose issuer has a name that cannot be told from the issuer's leaves it unknown", async () => {
    // RFC 4518 §2.2 drops a soft hyphen; other readers keep it.
    const [soft, plain] = [ca("iss\u00ADuing", root), server(issuing)];
    expect(await both(complete, crl(soft), [plain, issuing])).toBe("revocation-unknown@0");
  });
  it("a delta holds as long as a list that is as new as its base", async () => {
    const crls = [
      crl(root, { nextUpdate: NOW + DAY }),
      crl(issuing, { nextUpdate: NOW + 5000, extensions: [number(7)] }),
      crl(issuing, { nextUpdate: NOW + 9000, extensions: [number(3)] }),
      crl(issuing, { nextUpdate: NOW + 9000, extensions: [number(8), delta(7)] }),
    ];
    expect(await verdictOf(policy([root], { crls }), [leaf, issuing])).toMatchObject({
      peer: { path: { notAfterMs: NOW + 5000 } },
    });
  });
  it("says what is wrong with the list that cannot be used", async () => {
    const list = crl(issuing, { extensions: [ext.aki(issuing.key.id)] });
    const why = async (broken: Bytes): Promise<unknown> =>
      verdictOf(policy([root], { crls: [ofRoot, complete, broken] }), [leaf, issuing]);
    expect(await why(list)).toMatchObject({
      refusal: { presented: "a CRL that cannot be used: the CRL has no cRLNumber" },
    });
    expect(await why(crl(issuing, { key: sha1 }))).toMatchObject({
      refusal: { presented: expect.stringContaining("signed with ECDSA with SHA-1") },
    });
  });
});

it("a list for attribute certificates covers nothing", async () => {
  expect(await under([crl(issuing, { extensions: [number(8), idp(tlv(0x85, FLAG))] })])).toBe("revocation-unknown@0");
});

describe("lists that stand for some reasons", () => {
  const some = (bits: Bytes, more: object = {}): Bytes =>
    crl(issuing, { ...more, extensions: [number(7), idp(tlv(0x83, bits))] });
  const compromise = bytes(5, 0x60);
  const others = bytes(7, 0x1f, 0x80);

  it("cover a certificate when together they stand for all", async () => {
    expect(await both(some(compromise), some(others))).toBe("verified");
    expect(await under([some(compromise)])).toBe("revocation-unknown@0");
    expect(await both(some(compromise), some(bytes(0, 0x1f)))).toBe("revocation-unknown@0");
    expect(await both(some(compromise), some(others, { nextUpdate: NOW - 1000 }))).toBe("revocation-unknown@0");
    expect(await both(some(compromise), some(others, revoked))).toBe("revoked@0");
  });
  it("hold as long as the first of them, unless one list stands for all", async () => {
    const until = async (...crls: readonly Bytes[]): Promise<unknown> => {
      const verdict = await verdictOf(policy([root], { crls: [crl(root, { nextUpdate: NOW + DAY }), ...crls] }), [
        leaf,
        issuing,
      ]);
      return verdict.kind === "verified" ? verdict.peer.path.notAfterMs - NOW : verdict;
    };
    const pair = [some(compromise, { nextUpdate: NOW + 5000 }), some(others, { nextUpdate: NOW + 9000 })];
    expect(await until(...pair)).toBe(5000);
    expect(await until(...pair, crl(issuing, { nextUpdate: NOW + 20_000 }))).toBe(20_000);
  });
});
