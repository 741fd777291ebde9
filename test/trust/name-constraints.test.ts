/** Name constraints (RFC 5280 §4.2.1.10). */
import { describe, expect, it } from "vitest";
import { HOST, ca, dirName, dns, email, ext, extension, ip, mint, name, server, uri } from "../support/certificates.ts";
import { type Bytes, bytes, oid, seq, tlv, utf8 } from "../support/der.ts";
import { check } from "../support/verdicts.ts";

const root = ca("root");

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

describe("constraints on mailboxes and URIs", () => {
  const under = (
    constraint: ReturnType<typeof email>,
    ...names: readonly ReturnType<typeof email>[]
  ): Promise<string> => {
    const limited = ca("limited", root, { extensions: [ext.constraints([constraint])] });
    return check(root, server(limited, { names: [dns(HOST), ...names] }), limited);
  };
  it("a mailbox permits that mailbox alone", async () => {
    expect(await under(email("user@example.com"), email("user@EXAMPLE.com"))).toBe("verified");
    expect(await under(email("user@example.com"), email("root@example.com"))).toBe("name-constraint@0");
    expect(await under(email("user@example.com"), email("user@other.com"))).toBe("name-constraint@0");
    expect(await under(email("user@example.com"), email("none"))).toBe("name-constraint@0");
  });
  it("a URI constraint is no mailbox", async () => {
    expect(await under(uri("user@example.com"))).toBe("name-constraint@1");
    expect(await under(uri("example.com"), uri("x:https://example.com/"))).toBe("name-constraint@0");
    expect(await under(uri("example.com"), uri("https://example.com:8443/"))).toBe("verified");
  });
});
