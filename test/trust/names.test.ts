/** RFC 9525 names, BackendTLSPolicy's SAN rules, and RFC 5280 §4.2.1.10 name constraints. */
import { describe, expect, it } from "vitest";
import { type TrustIdentifier, matchIdentity, parseIp } from "../../src/trust/x509/identity.ts";
import { formatIp } from "../../src/trust/x509/general-names.ts";
import { HOST, ca, dirName, dns, email, ext, extension, ip, mint, name, server, uri } from "../support/certificates.ts";
import { type Bytes, bytes, oid, seq, tlv, utf8 } from "../support/der.ts";
import { brief, check, policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");

describe("dNSName", () => {
  const matches = (reference: string, presented: string): boolean =>
    matchIdentity([{ type: "dns", value: reference }], [{ type: "dns", value: presented }]) !== null;
  it.each<[string, string, boolean]>([
    ["a.example.com", "a.example.com", true],
    ["A.example.com", "a.EXAMPLE.com", true],
    ["localhost", "localhost", true],
    ["a.example.com", "b.example.com", false],
    ["a.example.com", "example.com", false],
    ["example.com", "a.example.com", false],
    // A presented wildcard.
    ["a.example.com", "*.example.com", true],
    ["a.example.com", "*.EXAMPLE.com", true],
    ["xn--bliss-1b3c148a.example.com", "*.example.com", true],
    ["example.com", "*.example.com", false],
    ["a.b.example.com", "*.example.com", false],
    ["a.b.example.com", "*.*.example.com", false],
    ["a.b.example.com", "a.*.example.com", false],
    ["ab.example.com", "a*.example.com", false],
    ["ab.example.com", "*b.example.com", false],
    ["xn--a-1b3c148a.example.com", "xn--*-1b3c148a.example.com", false],
    ["example.com", "*.com", false],
    ["backend.internal", "*.internal", false],
    ["com", "*", false],
    ["example.com", "*", false],
    // A policy's wildcard.
    ["*.example.com", "*.example.com", true],
    ["*.example.com", "a.example.com", true],
    ["*.example.com", "example.com", false],
    ["*.example.com", "a.b.example.com", false],
    ["*.example.com", "*.b.example.com", false],
    ["*.b.example.com", "*.example.com", false],
    ["*.com", "*.com", false],
    ["*.com", "example.com", false],
    ["*", "*", false],
    // Not the preferred name syntax.
    ["a_b.example.com", "a_b.example.com", false],
    ["example.com", "example.com.", false],
    ["example.com.", "example.com.", false],
    [".example.com", ".example.com", false],
    ["a..example.com", "a..example.com", false],
    ["-a.example.com", "-a.example.com", false],
    ["a-.example.com", "a-.example.com", false],
    ["", "", false],
    [`${"a".repeat(63)}.example.com`, `${"a".repeat(63)}.example.com`, true],
    [`${"a".repeat(64)}.example.com`, `${"a".repeat(64)}.example.com`, false],
    [`${"a.".repeat(126)}aa`, `${"a.".repeat(126)}aa`, false],
    // An address is no host name.
    ["127.0.0.1", "127.0.0.1", false],
    ["1.2.3.0x4", "1.2.3.0x4", false],
    ["1.2.3.4", "*.2.3.4", false],
    ["a.example.1a", "a.example.1a", true],
  ])("%s against %s: %s", (reference, presented, expected) => {
    expect(matches(reference, presented)).toBe(expected);
  });
});

describe("the other identifiers", () => {
  const of = async (identifiers: readonly TrustIdentifier[], ...names: readonly Bytes[]): Promise<string> =>
    brief(await verdictOf(policy([root], { identifiers }), [server(root, { names })]));
  const SPIFFE = "spiffe://cluster.local/ns/team/sa/app";

  it("URI: exactly", async () => {
    expect(await of([{ type: "uri", value: SPIFFE }], uri(SPIFFE))).toBe("verified");
    for (const other of [`${SPIFFE}/`, "spiffe://CLUSTER.local/ns/team/sa/app", "spiffe://cluster.local/ns/team/sa"]) {
      expect(await of([{ type: "uri", value: SPIFFE }], uri(other))).toBe("name-mismatch@0");
    }
    expect(await of([{ type: "uri", value: "https://a.example" }], dns("a.example"))).toBe("name-mismatch@0");
  });
  it("any one of several", async () => {
    const both = [
      { type: "uri", value: SPIFFE },
      { type: "dns", value: HOST },
    ] as const;
    expect(await of(both, dns(HOST))).toBe("verified");
    expect(await of(both, dns("x.example"), uri(SPIFFE))).toBe("verified");
    expect(await of(both, dns("x.example"))).toBe("name-mismatch@0");
    expect(await of([], dns(HOST))).toBe("name-mismatch@0");
  });
  it("addresses: as iPAddress alone", async () => {
    expect(await of([{ type: "ip", value: "192.0.2.1" }], ip(192, 0, 2, 1))).toBe("verified");
    expect(await of([{ type: "ip", value: "192.0.2.1" }], dns("192.0.2.1"))).toBe("name-mismatch@0");
    expect(await of([{ type: "dns", value: "192.0.2.1" }], ip(192, 0, 2, 1), dns("192.0.2.1"))).toBe("name-mismatch@0");
    expect(await of([{ type: "ip", value: "::ffff:192.0.2.1" }], ip(192, 0, 2, 1))).toBe("name-mismatch@0");
    expect(await of([{ type: "ip", value: "nonsense" }], ip(192, 0, 2, 1))).toBe("name-mismatch@0");
  });
  it("mailboxes: the host without case", async () => {
    expect(await of([{ type: "rfc822", value: "Ann@example.com" }], email("Ann@EXAMPLE.com"))).toBe("verified");
    expect(await of([{ type: "rfc822", value: "ann@example.com" }], email("Ann@example.com"))).toBe("name-mismatch@0");
  });
  it("never the common name", async () => {
    expect(await of([{ type: "dns", value: HOST }])).toBe("name-mismatch@0");
  });
  it("names both sides, printable and bounded", async () => {
    const names = [
      dns("a\u0000b\n"),
      ...Array.from({ length: 20 }, (_, index) => dns(`host-${index}.${"x".repeat(60)}.example`)),
    ];
    const verdict = await verdictOf(policy([root]), [server(root, { names })]);
    if (verdict.kind === "verified") throw new Error("verified");
    expect(verdict.refusal.expected).toBe(`dns:${HOST}`);
    expect(verdict.refusal.presented).toMatch(/^DNS:a\?b\?, DNS:host-0[ -~]{1,240}\.\.\.$/u);
  });
});

it.each([
  ["0.0.0.0", "0.0.0.0"],
  ["::", "::"],
  ["::1", "::1"],
  ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["::ffff:192.0.2.1", "::ffff:c000:201"],
  ["1::", "1::"],
])("reads and writes the address %s", (text, canonical) => {
  const parsed = parseIp(text);
  expect(parsed === null ? null : formatIp(parsed)).toBe(canonical);
});
it.each([
  "1.2.3",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.4.5",
  ":",
  ":::",
  "1::2::3",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "g::",
  "12345::",
  "1.2.3.4::",
  "1:2:3:4:5:6:7::8",
  "",
])("reads no address in %s", (text) => {
  expect(parseIp(text)).toBeNull();
});

describe("name constraints", () => {
  /** The verdict when a CA permits and excludes these, for an end entity of these names. */
  const under = async (
    permitted: readonly Bytes[],
    excluded: readonly Bytes[],
    names: readonly Bytes[],
    subject = name(HOST),
  ): Promise<string> => {
    const limited = ca("limited", root, { extensions: [ext.constraints(permitted, excluded)] });
    return check(root, server(limited, { names: [dns(HOST), ...names], subject }), limited);
  };
  const FAILS = "name-constraint@0";
  const here = dns("example.com");
  const OK = "verified";

  it.each<[string, readonly Bytes[], readonly Bytes[], readonly Bytes[], string]>([
    ["dns within", [here], [], [], OK],
    ["dns equal", [dns(HOST)], [], [], OK],
    ["dns in other case", [dns("EXAMPLE.com")], [], [], OK],
    ["dns outside", [dns("example.org")], [], [], FAILS],
    ["dns that only ends alike", [here], [], [dns("notexample.com")], FAILS],
    ["every name must pass", [here], [], [dns("example.org")], FAILS],
    ["one of several subtrees is enough", [dns("example.org"), here], [], [], OK],
    ["the empty subtree permits all", [], [dns("")], [], FAILS],
    ["excluded dns", [], [here], [], FAILS],
    ["excluded dns elsewhere", [], [dns("example.org")], [], OK],
    ["excluded beats permitted", [here], [dns(HOST)], [], FAILS],
    ["an excluded second name", [], [dns("example.org")], [dns("a.example.org")], FAILS],
    ["a wildcard within", [here], [], [dns("*.example.com")], OK],
    ["a wildcard that reaches outside", [dns(HOST)], [], [dns("*.example.com")], FAILS],
    ["a wildcard that covers an excluded name", [], [dns("bar.example.com")], [dns("*.example.com")], FAILS],
    ["a wildcard beside a deeper excluded name", [], [dns("a.bar.example.com")], [dns("*.example.com")], OK],
    ["a wildcard below an excluded name", [], [dns("example.org")], [dns("*.a.example.org")], FAILS],
    ["a name that is none, permitted", [here], [], [dns(".example.com")], FAILS],
    ["a name that is none, excluded elsewhere", [], [dns("example.org")], [dns("a_b.example.com")], FAILS],
    ["a permitted subtree with a leading dot", [dns(".example.com")], [], [], "name-constraint@1"],
    ["a subtree with a wildcard", [], [dns("*.example.org")], [], "name-constraint@1"],
    ["address within", [ip(10, 0, 0, 0, 255, 0, 0, 0)], [], [ip(10, 1, 2, 3)], OK],
    ["address outside", [ip(10, 0, 0, 0, 255, 0, 0, 0)], [], [ip(11, 1, 2, 3)], FAILS],
    ["IPv6 under permitted IPv4", [ip(10, 0, 0, 0, 255, 0, 0, 0)], [], [tlv(0x87, new Uint8Array(16))], FAILS],
    ["IPv6 within", [tlv(0x87, new Uint8Array(32))], [], [tlv(0x87, new Uint8Array(16))], OK],
    ["excluded address", [], [ip(10, 0, 0, 0, 255, 128, 0, 0)], [ip(10, 127, 0, 1)], FAILS],
    ["address beside the excluded", [], [ip(10, 0, 0, 0, 255, 128, 0, 0)], [ip(10, 128, 0, 1)], OK],
    ["a mask with a hole", [], [ip(10, 0, 0, 0, 255, 0, 255, 0)], [], "name-constraint@1"],
    ["a mask with a hole in an octet", [], [ip(10, 0, 0, 0, 253, 0, 0, 0)], [], "name-constraint@1"],
    ["mailbox at the host", [email("example.com")], [], [email("a@example.com")], OK],
    ["mailbox below the host", [email("example.com")], [], [email("a@b.example.com")], FAILS],
    ["mailbox below the domain", [email(".example.com")], [], [email("a@b.example.com")], OK],
    ["mailbox at the domain itself", [email(".example.com")], [], [email("a@example.com")], FAILS],
    ["that mailbox", [email("a@example.com")], [], [email("a@EXAMPLE.com")], OK],
    ["another mailbox", [email("a@example.com")], [], [email("b@example.com")], FAILS],
    ["an excluded mailbox", [], [email("a@example.com")], [email("a@example.com")], FAILS],
    ["a mailbox that is none", [], [email("example.org")], [email("nobody")], FAILS],
    ["a broken mailbox constraint", [], [email("a b@example.org")], [], "name-constraint@1"],
    ["URI at the host", [uri("example.com")], [], [uri("https://example.com:8443/x?y#z")], OK],
    ["URI below the host", [uri("example.com")], [], [uri("spiffe://a.example.com/x")], FAILS],
    ["URI below the domain", [uri(".example.com")], [], [uri("spiffe://a.example.com/x")], OK],
    ["excluded URI", [], [uri("a.example.com")], [uri("spiffe://A.example.com")], FAILS],
    ["URI whose user hides the host", [], [uri("evil.example")], [uri("https://good.example@evil.example/")], FAILS],
    ["URI without authority", [], [uri("example.org")], [uri("urn:x:y")], FAILS],
    ["URI of an address", [], [uri("example.org")], [uri("https://192.0.2.1/")], FAILS],
    ["a broken URI constraint", [], [uri("https://example.org")], [], "name-constraint@1"],
    ["directory outside", [dirName(name("2.5.4.10=Other"))], [], [], FAILS],
    ["excluded directory of another", [], [dirName(name("2.5.4.10=Other"))], [], OK],
    [
      "a directory alternative name outside",
      [],
      [dirName(name("2.5.4.10=Other"))],
      [dirName(name("2.5.4.10=other", "x"))],
      FAILS,
    ],
    [
      "an otherName under its type",
      [],
      [tlv(0xa0, oid("1.2.3"), tlv(0xa0, utf8("x")))],
      [tlv(0xa0, oid("1.2.4"), tlv(0xa0, utf8("y")))],
      FAILS,
    ],
    ["an otherName without a name of its type", [], [tlv(0xa0, oid("1.2.3"), tlv(0xa0, utf8("x")))], [], OK],
    [
      "a registeredID under an otherName",
      [],
      [tlv(0xa0, oid("1.2.3"), tlv(0xa0, utf8("x")))],
      [tlv(0x88, bytes(0x2a))],
      OK,
    ],
  ])("%s", async (_, permitted, excluded, names, expected) => {
    expect(await under(permitted, excluded, names)).toBe(expected);
  });
  it("apply to the subject, RDN by RDN from the first", async () => {
    const inside = name("2.5.4.10=Team", HOST);
    const permitted = [dirName(name("2.5.4.10=team"))];
    expect(await under(permitted, [], [], inside)).toBe(OK);
    expect(await under(permitted, [], [], name(HOST, "2.5.4.10=Team"))).toBe(FAILS);
    expect(await under([], permitted, [], inside)).toBe(FAILS);
    expect(await under([dirName(name("2.5.4.10=team", HOST, "x"))], [], [], inside)).toBe(FAILS);
    expect(await under(permitted, [], [], seq())).toBe(OK);
  });
  it("apply to mailboxes in the subject", async () => {
    const subject = name(HOST, "1.2.840.113549.1.9.1=a@example.org");
    expect(await under([email("example.com")], [], [], subject)).toBe(FAILS);
    expect(await under([email("example.org")], [], [], subject)).toBe(OK);
    expect(await under([], [email("example.org")], [email("b@example.com")], subject)).toBe(FAILS);
  });
  it("intersect along the path", async () => {
    const wide = ca("wide", root, { extensions: [ext.constraints([dns("example.com")])] });
    const narrow = ca("narrow", wide, { extensions: [ext.constraints([dns("a.example.com")])] });
    expect(await check(root, server(narrow), narrow, wide)).toBe(FAILS);
    const fitting = ca("fitting", wide, { extensions: [ext.constraints([dns(HOST)])] });
    expect(await check(root, server(fitting), fitting, wide)).toBe(OK);
  });
  it("apply to CAs below, unless self-issued", async () => {
    const limited = ca("limited", root, { extensions: [ext.constraints([dns("example.com")])] });
    const outside = [ext.san(dns("example.org"))];
    const other = ca("other", limited, { extensions: outside });
    expect(await check(root, server(other), other, limited)).toBe("name-constraint@1");
    const rolled = ca("limited", limited, { extensions: outside });
    expect(await check(root, server(rolled), rolled, limited)).toBe(OK);
  });
  it("spare the subject of a self-issued CA: PKITS 4.13.19", async () => {
    const subject = name("2.5.4.10=Inside", "limited");
    const permitted = [ext.constraints([dirName(name("2.5.4.10=Inside", HOST))])];
    const limited = ca("limited", root, { subject, extensions: permitted });
    const rolled = ca("limited", limited, { subject });
    const leaf = { subject: name("2.5.4.10=Inside", HOST, "x") };
    expect(await check(root, server(rolled, leaf), rolled, limited)).toBe(OK);
    // Another CA of the same subordinate is under its constraints.
    const other = ca("other", limited, { subject: name("2.5.4.10=Inside", "other") });
    expect(await check(root, server(other, leaf), other, limited)).toBe("name-constraint@1");
  });
  it("apply to a self-issued end entity", async () => {
    const limited = ca("limited", root, { extensions: [ext.constraints([dns("example.org")])] });
    expect(await check(root, server(limited, { subject: name("limited") }), limited)).toBe(FAILS);
  });
  it("bind when not critical too", async () => {
    const loose = extension("2.5.29.30", false, seq(tlv(0xa1, seq(dns("example.com")))));
    const limited = ca("limited", root, { extensions: [loose] });
    expect(await check(root, server(limited), limited)).toBe(FAILS);
  });
  it("leave a backend that is its own anchor alone", async () => {
    const self = mint({ extensions: [ext.san(dns(HOST)), ext.constraints([dns("example.org")]), ext.ca()] });
    expect(await check(self, self)).toBe(OK);
  });
});
