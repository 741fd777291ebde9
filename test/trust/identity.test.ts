/** The match of presented and reference identifiers, by RFC 9525 and BackendTLSPolicy. */
import { describe, expect, it } from "vitest";
import { formatIp } from "../../src/trust/x509/general-names.ts";
import {
  type TrustIdentifier,
  isDnsName,
  matchIdentity,
  parseIp,
  splitMailbox,
} from "../../src/trust/x509/identity.ts";
import { HOST, ca, dns, email, ip, server, uri } from "../support/certificates.ts";
import { type Bytes, bytes } from "../support/der.ts";
import { brief, policy, verdictOf } from "../support/verdicts.ts";

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
    // The presented identifier is a wildcard.
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
    // The policy's identifier is a wildcard.
    ["*.example.com", "*.example.com", true],
    ["*.example.com", "a.example.com", true],
    ["*.example.com", "example.com", false],
    ["*.example.com", "a.b.example.com", false],
    ["*.example.com", "*.b.example.com", false],
    ["*.b.example.com", "*.example.com", false],
    ["*.com", "*.com", false],
    ["*.com", "example.com", false],
    ["*", "*", false],
    // These names are not in the preferred name syntax.
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
    expect(await of([{ type: "uri", value: "https://a.example" }], dns("a.example"))).toBe("name-mismatch@0");
  });
  it.each([`${SPIFFE}/`, "spiffe://CLUSTER.local/ns/team/sa/app", "spiffe://cluster.local/ns/team/sa"])(
    "URI: never %s",
    async (other) => {
      expect(await of([{ type: "uri", value: SPIFFE }], uri(other))).toBe("name-mismatch@0");
    },
  );
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

describe("identifiers", () => {
  const match = (type: "dns" | "uri" | "ip" | "rfc822", value: string, presented: unknown): boolean =>
    matchIdentity([{ type, value }], [presented as never]) !== null;

  it("match names of their own type alone", () => {
    expect(match("uri", "a.example", { type: "uri", value: "a.example" })).toBe(true);
    expect(match("uri", "a.example", { type: "dns", value: "a.example" })).toBe(false);
    expect(match("dns", "a.example", { type: "uri", value: "a.example" })).toBe(false);
    expect(match("rfc822", "a@b.example", { type: "rfc822", value: "a@B.example" })).toBe(true);
    expect(match("rfc822", "a@b.example", { type: "uri", value: "a@b.example" })).toBe(false);
    expect(match("ip", "10.0.0.1", { type: "ip", value: bytes(10, 0, 0, 1) })).toBe(true);
    expect(match("ip", "10.0.0.1", { type: "other", tag: 0x88, value: bytes(10, 0, 0, 1) })).toBe(false);
    expect(match("ip", "10.0.0", { type: "ip", value: bytes(10, 0, 0, 1) })).toBe(false);
  });
  const mailbox = (one: string, other: string): boolean => match("rfc822", one, { type: "rfc822", value: other });
  it("compare both parts of mailboxes", () => {
    expect(mailbox("a@b.example", "a@c.example")).toBe(false);
    expect(mailbox("A@b.example", "a@b.example")).toBe(false);
  });
  it.each(["", "a", "@b.example", "a@", "a b@c.example", "a@b..example", "a@*.b.example"])(
    "compare no mailbox with %j, which is none",
    (none) => {
      expect(splitMailbox(none)).toBeNull();
      expect([mailbox(none, none), mailbox("a@b.example", none), mailbox(none, "a@b.example")]).toEqual([
        false,
        false,
        false,
      ]);
    },
  );
  it("know a DNS name", () => {
    const of = (length: number): string => `${"a.".repeat(127).slice(0, length - 1)}b`;
    expect(of(253)).toHaveLength(253);
    const names = [of(253), "a", "a.b1", "a.1b", "a.x0x1", "0x1.a", "1.a", "a.0xg", "*.a.b"];
    expect(names.filter((each) => !isDnsName(each))).toEqual([]);
    const none = [
      `${of(253)}cc`,
      `aa.${of(251)}`,
      "*",
      "*.a",
      "a.12",
      "a.1",
      "a.0x",
      "a.0x1",
      "a.0xff",
      "a.",
      "a..b",
      "*.*.a.b",
    ];
    expect(none.filter(isDnsName)).toEqual([]);
  });
  it("know an address", () => {
    const octets = (value: string): string => Buffer.from(parseIp(value) ?? bytes()).toString("hex");
    expect(octets("1:2:3:4:5:6:1.2.3.4")).toBe("00010002000300040005000601020304");
    expect(octets("::1.2.3.4")).toBe("00000000000000000000000001020304");
    expect(octets("1:2:3:4:5:6:7::")).toBe("00010002000300040005000600070000");
    expect(octets("::2:3:4:5:6:7:8")).toBe("00000002000300040005000600070008");
    expect(octets("::")).toBe("0".repeat(32));
    expect(octets("1::")).toBe(`0001${"0".repeat(28)}`);
    const none = [
      "1.2.3.4:5::",
      "::1.2.3.4:5",
      "::1.2.3.400",
      "1::2::3",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8::",
      "::g",
      ":1",
    ];
    expect(
      [...none, "1.2.3.4::", "01.2.3.4", "1.2.3.256", "1.2.3", "::12345"].filter((each) => parseIp(each) !== null),
    ).toEqual([]);
  });
});
