/** The rules of the profile strict. */
import { describe, expect, it } from "vitest";
import type { Rule } from "../../src/trust/verdict.ts";
import {
  DAY,
  HOST,
  type Minted,
  NOW,
  SERVER_AUTH,
  type Spec,
  ca,
  dns,
  ext,
  extension,
  ip,
  mint,
  name,
  server,
} from "../support/certificates.ts";
import { type Bytes, TRUE, bytes, generalizedTime, int, oid, seq, tlv, utcTime } from "../support/der.ts";
import { ecKey, rsaKey } from "../support/keys.ts";
import { brief, check, policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");

describe("the profile strict", () => {
  const strict = async (endEntity: Minted, anchor = root): Promise<string> =>
    brief(await verdictOf(policy([anchor], { profile: "strict" }), [endEntity]));
  const both = async (endEntity: Minted, anchor = root): Promise<[string, string]> => [
    await strict(endEntity, anchor),
    await check(anchor, endEntity),
  ];
  const bare = (extensions: readonly Bytes[], spec: Spec = {}): Minted =>
    mint({ subject: name(HOST), extensions, ...spec }, root);
  const usual = [ext.eku(SERVER_AUTH), ext.san(dns(HOST))];
  const aki = ext.aki(root.key.id);
  const critical = (id: string, value: Bytes): Bytes => extension(id, true, value);
  const rootOf = (...extensions: readonly Bytes[]): Minted => {
    const key = ecKey();
    return mint({ subject: name("odd root"), key, extensions });
  };
  const CA = [ext.ca(), ext.keyUsage(0x06)];
  const SKI = ext.ski(bytes(1, 2));

  it("accepts a certificate of the usual form", async () => {
    expect(await both(server(root))).toEqual(["verified", "verified"]);
    expect(
      await both(server(root, { subject: seq(), names: [], extensions: [critical("2.5.29.17", seq(dns(HOST)))] })),
    ).toEqual(["verified", "verified"]);
    expect(await both(server(root, { subject: name("192.0.2.1"), names: [dns(HOST), ip(192, 0, 2, 1)] }))).toEqual([
      "verified",
      "verified",
    ]);
  });
  it.each<[Rule, Minted]>([
    ["aki-missing", bare(usual)],
    [
      "aki-form",
      bare([
        ...usual,
        extension(
          "2.5.29.35",
          false,
          seq(tlv(0x80, root.key.id), tlv(0xa1, tlv(0xa4, name("x"))), tlv(0x82, bytes(1))),
        ),
      ]),
    ],
    ["aki-form", bare([...usual, extension("2.5.29.35", false, seq())])],
    ["aki-critical", bare([...usual, critical("2.5.29.35", seq(tlv(0x80, root.key.id)))])],
    ["aki-mismatch", bare([...usual, ext.aki(bytes(1))])],
    ["ski-critical", bare([...usual, aki, critical("2.5.29.14", tlv(4, bytes(1)))])],
    ["cn-not-in-san", server(root, { subject: name("Backend.example.com") })],
    [
      "cn-not-in-san",
      server(root, {
        subject: name("::0001"),
        names: [
          dns(HOST),
          tlv(
            0x87,
            Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? 1 : 0)),
          ),
        ],
      }),
    ],
    ["public-suffix-wildcard", server(root, { names: [dns(HOST), dns("*.co.uk")] })],
    ["public-suffix-wildcard", server(root, { names: [dns(HOST), dns("*.s3.amazonaws.com")] })],
    ["serial", server(root, { serial: int(0) })],
    ["serial", server(root, { serial: tlv(2, bytes(0x80)) })],
    ["serial", server(root, { serial: tlv(2, bytes(1), new Uint8Array(20)) })],
    ["rsa-modulo-8", server(root, { key: rsaKey(2052) })],
    ["early-generalized-time", server(root, { validity: seq(utcTime(NOW - DAY), generalizedTime(NOW + DAY)) })],
    ["eku-critical", bare([critical("2.5.29.37", seq(oid(SERVER_AUTH))), ext.san(dns(HOST)), aki])],
    ["eku-missing", server(root, { purposes: [] })],
    ["san-critical", bare([ext.eku(SERVER_AUTH), critical("2.5.29.17", seq(dns(HOST))), aki])],
    ["san-not-critical", server(root, { subject: seq() })],
    ["dns-name-syntax", server(root, { names: [dns(HOST), dns("a_b.example.com")] })],
  ])("%s", async (rule, endEntity) => {
    expect(await both(endEntity)).toEqual([`issuance-rule@0 ${rule}`, "verified"]);
  });
  it.each<[Rule, Minted]>([
    ["ski-missing", rootOf(...CA)],
    ["aki-mismatch", rootOf(...CA, SKI, ext.aki(bytes(9)))],
    ["basic-constraints-not-critical", rootOf(extension("2.5.29.19", false, seq(TRUE)), ext.keyUsage(0x06), SKI)],
    [
      "name-constraints-not-critical",
      rootOf(...CA, SKI, extension("2.5.29.30", false, seq(tlv(0xa0, seq(dns("example.com")))))),
    ],
    ["policy-constraints-not-critical", rootOf(...CA, SKI, extension("2.5.29.36", false, seq(tlv(0x81, bytes(0)))))],
    ["inhibit-any-policy-not-critical", rootOf(...CA, SKI, extension("2.5.29.54", false, int(0)))],
    ["ca-key-usage-missing", rootOf(ext.ca(), SKI)],
  ])("%s, of a CA", async (rule, anchor) => {
    const endEntity = mint({ subject: name(HOST), extensions: [...usual, ext.aki(bytes(1, 2))] }, anchor);
    expect(await both(endEntity, anchor)).toEqual([`issuance-rule@-1 ${rule}`, "verified"]);
  });
  it("lets an anchor have serial number 0", async () => {
    const anchor = ca("root", null, { serial: int(0) });
    expect(await strict(server(anchor), anchor)).toBe("verified");
  });
});

describe("the profile strict, of the CAs between", () => {
  const strict = async (anchor: typeof root, ...chain: readonly (typeof root)[]): Promise<string> =>
    brief(await verdictOf(policy([anchor], { profile: "strict" }), chain, NOW));
  it("wants serial numbers of all but the anchor", async () => {
    const zero = ca("zero", root, { serial: int(0) });
    expect(await strict(root, server(zero), zero)).toBe("issuance-rule@1 serial");
    const long = ca("long", root, { serial: tlv(2, new Uint8Array(20).fill(1)) });
    expect(await strict(root, server(long), long)).toBe("verified");
    const negative = ca("negative", root, { serial: tlv(2, bytes(0x80)) });
    expect(await strict(root, server(negative), negative)).toBe("issuance-rule@1 serial");
  });
  it("wants authorityKeyIdentifier of all but a self-signed anchor", async () => {
    const CA = [ext.ca(), ext.keyUsage(0x06)];
    const plain = mint({ subject: name("plain"), extensions: [...CA, ext.ski(bytes(7))] }, root);
    expect(await strict(plain, server({ ...plain, key: { ...plain.key, id: bytes(7) } }))).toBe(
      "issuance-rule@-1 aki-missing",
    );
    const selfIssued = mint({ subject: name("root"), extensions: [...CA, ext.ski(bytes(7))] }, root);
    expect(await strict(root, server({ ...selfIssued, key: { ...selfIssued.key, id: bytes(7) } }), selfIssued)).toBe(
      "issuance-rule@1 aki-missing",
    );
  });
});

describe("public suffixes", () => {
  const strict = async (wildcard: string): Promise<string> =>
    brief(
      await verdictOf(policy([root], { profile: "strict" }), [server(root, { names: [dns(HOST), dns(wildcard)] })]),
    );
  it.each([
    ["*.example.com", "verified"],
    ["*.a.co.uk", "verified"],
    ["*.co.uk", "issuance-rule@0 public-suffix-wildcard"],
    ["*.CO.uk", "issuance-rule@0 public-suffix-wildcard"],
    ["*.s3.amazonaws.com", "issuance-rule@0 public-suffix-wildcard"],
  ])("%s", async (wildcard, expected) => {
    expect(await strict(wildcard)).toBe(expected);
  });
});
