/** The form of certificates: bytes after the last field, wherever they can stand, and names of every shape. */
import { describe, expect, it } from "vitest";
import { type Certificate, parseCertificate, parsing } from "../../src/trust/x509/certificate.ts";
import { sameBytes } from "../../src/bundle/bytes.ts";
import { DerReader, TAG } from "../../src/trust/x509/der.ts";
import { readTime } from "../../src/trust/x509/time.ts";
import { commonNames, emailAddresses } from "../../src/trust/x509/distinguished-names.ts";
import { shapeOf } from "../../src/trust/x509/name-comparison.ts";
import { VerifiedPeer, parsePemBundle } from "../../src/trust/index.ts";
import { latin1 } from "../../src/trust/x509/directory-strings.ts";
import { formatIp } from "../../src/trust/x509/general-names.ts";
import {
  HOST,
  NOW,
  type Spec,
  ca,
  dirName,
  dns,
  email,
  ext,
  extension,
  mint,
  name,
  server,
  uri,
} from "../support/certificates.ts";
import { type Bytes, TRUE, bytes, int, oid, seq, text, tlv, utf8 } from "../support/der.ts";
import { brief, check, policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");
const NULL = bytes(5, 0);
const SAN = ext.san(dns(HOST));
const parsed = (spec: Spec): Certificate | string => {
  const answer = parseCertificate(mint({ extensions: [SAN], ...spec }, root).der);
  return answer.kind === "parsed" ? answer.value : answer.why;
};
const why = (spec: Spec): string => {
  const answer = parsed(spec);
  return typeof answer === "string" ? answer : "parsed";
};

describe("bytes after the last field", () => {
  it.each<[string, Spec, string]>([
    ["in version", { version: tlv(0xa0, int(2), NULL) }, "version has trailing bytes"],
    ["in extensions", { rawExtensions: tlv(0xa3, seq(SAN), NULL) }, "extensions has trailing bytes"],
    [
      "in basicConstraints",
      { extensions: [extension("2.5.29.19", true, seq(TRUE, int(0), NULL))] },
      "basicConstraints has trailing bytes",
    ],
    [
      "in nameConstraints",
      { extensions: [extension("2.5.29.30", true, seq(tlv(0xa0, seq(dns("a"))), NULL))] },
      "nameConstraints has trailing bytes",
    ],
    [
      "in a policy",
      { extensions: [extension("2.5.29.32", false, seq(seq(oid("1.2.3"), NULL)))] },
      "certificatePolicies has trailing bytes",
    ],
    [
      "in a policy mapping",
      { extensions: [extension("2.5.29.33", true, seq(seq(oid("1.2.3"), oid("1.2.4"), NULL)))] },
      "policyMappings has trailing bytes",
    ],
    [
      "in policyConstraints",
      { extensions: [extension("2.5.29.36", true, seq(bytes(0x80, 1, 0), NULL))] },
      "policyConstraints has trailing bytes",
    ],
    [
      "in authorityKeyIdentifier",
      { extensions: [extension("2.5.29.35", false, seq(tlv(0x80, bytes(1)), NULL))] },
      "authorityKeyIdentifier has trailing bytes",
    ],
    [
      "in an access description",
      { extensions: [extension("1.3.6.1.5.5.7.1.1", false, seq(seq(oid("1.2.3"), uri("x"), NULL)))] },
      "authorityInfoAccess has trailing bytes",
    ],
    [
      "in a distribution point",
      { extensions: [extension("2.5.29.31", false, seq(seq(tlv(0xa0, tlv(0xa0, uri("x"))), NULL)))] },
      "cRLDistributionPoints has trailing bytes",
    ],
    [
      "in its name",
      { extensions: [extension("2.5.29.31", false, seq(seq(tlv(0xa0, tlv(0xa0, uri("x")), NULL))))] },
      "cRLDistributionPoints has trailing bytes",
    ],
    [
      "in a directoryName",
      { extensions: [ext.san(tlv(0xa4, name("x"), NULL))] },
      "subjectAltName directoryName has trailing bytes",
    ],
    [
      "in an attribute",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.3"), utf8("x"), NULL))) },
      "subject has trailing bytes",
    ],
  ])("%s", (_, spec, expected) => {
    expect(why(spec)).toBe(expected);
  });
});

describe("extensions", () => {
  it("may be 32", () => {
    const list = (count: number): Bytes[] =>
      Array.from({ length: count }, (_, at) => extension(`1.2.3.${at}`, false, NULL));
    expect(why({ extensions: list(32) })).toBe("parsed");
    expect(why({ extensions: list(33) })).toBe("more than 32 extensions");
  });
  it("hold policy qualifiers that are DER, and nothing else", () => {
    const qualified = (qualifiers: Bytes): string =>
      why({ extensions: [extension("2.5.29.32", false, seq(seq(oid("1.2.3"), qualifiers)))] });
    expect(qualified(seq(seq(oid("1.2.4"), utf8("x"))))).toBe("parsed");
    expect(qualified(seq(bytes(0x30, 9)))).toBe("certificatePolicies is truncated");
  });
  it("tell of an authorityKeyIdentifier what it consists of", () => {
    const aki = (...fields: readonly Bytes[]): unknown => {
      const certificate = parsed({ extensions: [extension("2.5.29.35", false, seq(...fields))] });
      return typeof certificate === "string" ? certificate : certificate.authorityKeyIdentifier;
    };
    expect(aki(tlv(0x80, bytes(7)))).toEqual({ keyIdentifier: bytes(7), issuer: false, serial: false });
    expect(aki(tlv(0xa1, dirName(name("x"))), tlv(0x82, bytes(1)))).toEqual({
      keyIdentifier: null,
      issuer: true,
      serial: true,
    });
    expect(aki(tlv(0x82, bytes(0, 1)))).toBe("authorityKeyIdentifier is a non-minimal INTEGER");
  });
  it("list distribution points by name, by RDN and by cRLIssuer", () => {
    const points = (...list: readonly Bytes[]): unknown => {
      const certificate = parsed({ extensions: [extension("2.5.29.31", false, seq(...list))] });
      return typeof certificate === "string" ? certificate : certificate.crlDistributionPoints;
    };
    const full = (...names: readonly Bytes[]): Bytes => tlv(0xa0, tlv(0xa0, ...names));
    const rdn = seq(oid("2.5.4.3"), utf8("x"));
    const names = (...list: readonly unknown[]): unknown => ({ kind: "full", names: list });
    expect(points(seq(full(uri("http://a"), dns("b"))), seq(tlv(0xa0, tlv(0xa1, rdn))))).toMatchObject([
      { name: names({ type: "uri", value: "http://a" }, { type: "dns", value: "b" }), reasons: null, issuers: null },
      { name: { kind: "relative", rdn: [{ type: "2.5.4.3", text: "x" }] }, reasons: null, issuers: null },
    ]);
    expect(points(seq(tlv(0x81, bytes(1, 6)), tlv(0xa2, dirName(name("x")))))).toMatchObject([
      { name: null, reasons: 0x0600, issuers: [{ type: "directory", value: { der: name("x") } }] },
    ]);
    expect(points(seq(tlv(0xa0, tlv(0xa1, bytes(0x30, 9)))))).toBe("cRLDistributionPoints is truncated");
    expect(points(seq(tlv(0xa0, tlv(0xa1))))).toBe("cRLDistributionPoints has an empty RDN");
  });
  it("and unique identifiers stand in version 2 or 3", () => {
    const uniqueIds = tlv(0x81, bytes(0, 1));
    expect(why({ uniqueIds })).toBe("parsed");
    expect(why({ uniqueIds, version: tlv(0xa0, int(1)), rawExtensions: bytes() })).toBe("parsed");
    expect(why({ uniqueIds, version: bytes(), rawExtensions: bytes() })).toBe(
      "a version 1 certificate has a unique identifier",
    );
  });
});

describe("names", () => {
  const attribute = (type: string, value: Bytes): Bytes => seq(oid(type), value);
  const subjectOf = (subject: Bytes): Certificate["subject"] | string => {
    const certificate = parsed({ subject });
    return typeof certificate === "string" ? certificate : certificate.subject;
  };
  const shapeOfSubject = (...rdns: readonly (readonly Bytes[])[]): string => {
    const subject = subjectOf(seq(...rdns.map((rdn) => tlv(0x31, ...rdn))));
    return typeof subject === "string" ? subject : shapeOf(subject);
  };
  const [cn, unit, longer] = [
    attribute("2.5.4.3", utf8("a")),
    attribute("2.5.4.11", utf8("b")),
    attribute("2.5.4.3", utf8("bb")),
  ];

  it("may have several attributes in one RDN, in DER's order", () => {
    expect(shapeOfSubject([cn, unit])).toBe("2.5.4.11+2.5.4.3");
    expect(shapeOfSubject([cn], [unit])).toBe("2.5.4.3,2.5.4.11");
    expect(shapeOfSubject([unit, cn])).toBe("subject has an unsorted RDN");
    expect(shapeOfSubject([longer, cn])).toBe("subject has an unsorted RDN");
    expect(shapeOfSubject([cn, cn])).toBe("2.5.4.3+2.5.4.3");
  });
  it("may have 32 attributes", () => {
    const units = (count: number): Bytes => seq(...Array.from({ length: count }, () => tlv(0x31, unit)));
    expect(why({ subject: units(32) })).toBe("parsed");
    expect(why({ subject: units(33) })).toBe("subject has more than 32 attributes");
  });
  it("tell common names and mailboxes apart from the rest", () => {
    const subject = subjectOf(name("2.5.4.10=Org", "a", "1.2.840.113549.1.9.1=u@example.com", "b"));
    if (typeof subject === "string") throw new Error(subject);
    expect([commonNames(subject), emailAddresses(subject)]).toEqual([["a", "b"], ["u@example.com"]]);
  });
  it("are read in every string type", () => {
    const text = (tag: number, ...octets: readonly number[]): unknown => {
      const subject = subjectOf(seq(tlv(0x31, attribute("2.5.4.3", tlv(tag, bytes(...octets))))));
      return typeof subject === "string" ? subject : commonNames(subject)[0];
    };
    expect(text(0x1c, 0, 0, 0x04, 0x16)).toBe("\u{416}");
    expect(text(0x1c, 0, 1, 0xf6, 0)).toBe("\u{1f600}");
    expect(text(0x1c, 0, 0x10, 0xff, 0xff)).toBe("\u{10ffff}");
    expect(text(0x1c, 0, 0x11, 0, 0)).toBe("subject has a UniversalString beyond Unicode");
    expect(text(0x1c, 0, 0, 1)).toBe("subject has a broken UniversalString");
    expect(text(0x1e, 0x04, 0x16)).toBe("\u{416}");
    expect(text(0x1e, 4)).toMatch(/odd BMPString/u);
    expect(text(0x0c, 0xc3, 0xa9)).toBe("\u{e9}");
    expect(text(0x0c, 0xc3)).toBe("subject has a broken UTF8String");
    expect(text(0x0c, 0x80)).toBe("subject has a broken UTF8String");
  });
  it("are long at times", async () => {
    const long = "x".repeat(5000);
    for (const value of [long, `${long}\u{e9}`]) {
      const subject = subjectOf(name(value));
      expect(typeof subject === "string" ? subject : commonNames(subject)).toEqual([value]);
    }
    expect(latin1(new Uint8Array(10_000).fill(0xe9))).toBe("\u{e9}".repeat(10_000));
    expect([4096, 4097].map((size) => latin1(new Uint8Array(size).fill(0x61)).length)).toEqual([4096, 4097]);
    const issuing = ca(long, root);
    expect(await check(root, server(issuing), issuing)).toBe("verified");
  });
  it("of DNS are ASCII to the last octet", () => {
    const san = (...octets: readonly number[]): string => why({ extensions: [ext.san(tlv(0x82, bytes(...octets)))] });
    expect(san(0x61, 0x7f)).toBe("parsed");
    expect(san(0x61, 0x80)).toBe("subjectAltName dNSName is not ASCII");
    expect(why({ extensions: [ext.san(email("a"), tlv(0x81, bytes(0x80)))] })).toMatch(/not ASCII/u);
  });
  it("that are addresses are written as RFC 5952 writes them", () => {
    const v6 = (...groups: readonly number[]): Bytes =>
      Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
    expect(formatIp(bytes(10, 0, 0, 1))).toBe("10.0.0.1");
    expect(formatIp(v6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1))).toBe("2001:db8::1:0:0:1");
    expect(formatIp(v6(0x2001, 0, 0, 1, 0, 0, 0, 1))).toBe("2001:0:0:1::1");
    expect(formatIp(v6(1, 0, 2, 3, 4, 5, 6, 7))).toBe("1:0:2:3:4:5:6:7");
    expect(formatIp(v6(1, 2, 3, 4, 5, 6, 0, 0))).toBe("1:2:3:4:5:6::");
    expect(formatIp(v6(0, 0, 0, 0, 0, 0, 0, 0))).toBe("::");
    expect(formatIp(bytes(10, 0, 0, 0, 255, 0, 0, 0))).toBe("10.0.0.0/255.0.0.0");
    expect(formatIp(new Uint8Array(32))).toBe("::/::");
  });
});

describe("DER, at its edges", () => {
  const said = <T>(read: (reader: DerReader) => T, der: Bytes): T | string => {
    const answer = parsing(() => read(new DerReader(der)));
    return answer.kind === "parsed" ? answer.value : answer.why;
  };
  it("a BOOLEAN has one octet", () => {
    const read = (...octets: readonly number[]): unknown =>
      said((reader) => reader.defaultFalse("it"), tlv(1, bytes(...octets)));
    expect(read(0xff)).toBe(true);
    for (const octets of [[0xff, 0xff], [], [0], [1]]) expect(read(...octets)).toBe("it is not an encoded TRUE");
  });
  it("a BIT STRING has an octet that counts", () => {
    const read = (...octets: readonly number[]): unknown =>
      said((reader) => reader.octetBits("it"), tlv(3, bytes(...octets)));
    expect(read(0, 7)).toEqual(bytes(7));
    expect(read(0)).toEqual(bytes());
    for (const octets of [[], [1, 2], [8, 0]]) expect(read(...octets)).toBe("it is not a string of whole octets");
  });
  it("a named-bit list has no zero bits at its end", () => {
    const read = (...octets: readonly number[]): unknown =>
      said((reader) => reader.namedBits("it"), tlv(3, bytes(...octets)));
    expect([read(0), read(7, 0x80), read(0, 0x81), read(7, 1, 0x80), read(0, 0, 1)]).toEqual([
      0, 0x8000, 0x8100, 0x0180, 1,
    ]);
    for (const octets of [[1], [7, 0], [6, 0x80], [7, 0xc0], [0, 0x80], [0, 1, 0], [8, 0], [8, 1], [9, 2], [40, 1]]) {
      expect(read(...octets)).toBe("it is not a minimal named-bit list");
    }
    for (const octets of [[], [0, 1, 1, 1]]) expect(read(...octets)).toBe("it is not a short named-bit list");
  });
  it("a small INTEGER is below 2^31", () => {
    const read = (...octets: readonly number[]): unknown =>
      said((reader) => reader.smallInteger("it"), tlv(2, bytes(...octets)));
    expect([read(0), read(0x7f), read(0, 0x80), read(1, 2), read(0x7f, 0xff, 0xff, 0xff)]).toEqual([
      0,
      127,
      128,
      258,
      2 ** 31 - 1,
    ]);
    for (const octets of [[0x80], [0xff], [1, 0, 0, 0, 0]]) expect(read(...octets)).toBe("it is out of range");
    expect(read()).toBe("it is an empty INTEGER");
    for (const octets of [
      [0, 0x7f],
      [0xff, 0x80],
    ])
      expect(read(...octets)).toBe("it is a non-minimal INTEGER");
    expect([read(0xff, 0x7f)]).toEqual(["it is out of range"]);
  });
  it("an OBJECT IDENTIFIER has 64 octets at most, the last of them an end", () => {
    const read = (der: Bytes): unknown => said((reader) => reader.oid("it"), tlv(6, der));
    const ones = (count: number): Bytes => new Uint8Array(count).fill(1);
    expect(read(ones(64))).toBe(`0.1${".1".repeat(63)}`);
    for (const wrong of [bytes(), ones(65), bytes(1, 0x80), bytes(1, 0x81), bytes(0xff)]) {
      expect(read(wrong)).toBe("it is not an OBJECT IDENTIFIER");
    }
    expect([read(bytes(39)), read(bytes(40)), read(bytes(79)), read(bytes(80)), read(bytes(127))]).toEqual([
      "0.39",
      "1.0",
      "1.39",
      "2.0",
      "2.47",
    ]);
  });
  it("a length has as many octets as it needs, and four at most", () => {
    const read = (...octets: readonly number[]): unknown =>
      said((reader) => reader.contents(reader.next("it")).length, bytes(...octets));
    expect(read(4, 0)).toBe(0);
    expect(read(4, 0x81, 0x80, ...new Uint8Array(128))).toBe(128);
    expect(read(4, 0x84, 1, 0, 0, 0)).toBe("it is truncated");
    expect([read(4, 0x81, 0x7f), read(4, 0x82, 0, 0xff)]).toEqual([
      "it has a non-minimal length",
      "it has a non-minimal length",
    ]);
    expect([read(4, 0x82, 1), read(4, 0x81), read(4), read(4, 1)]).toEqual(
      Array.from({ length: 4 }, () => "it is truncated"),
    );
    expect([read(4, 0x80), read(4, 0x85, 1, 1, 1, 1, 1)]).toEqual([
      "it has no definite length",
      "it has no definite length",
    ]);
  });
  it("a Time has seconds, digits and a Z", () => {
    const read = (tag: number, value: string): unknown => said((reader) => readTime(reader, "it"), text(tag, value));
    expect(read(0x17, "260601235959Z")).toEqual({ ms: Date.UTC(2026, 5, 1, 23, 59, 59), early: false });
    expect(read(0x18, "20491231235959Z")).toMatchObject({ early: true });
    expect(read(0x18, "20500101000000Z")).toMatchObject({ early: false });
    for (const value of ["2606011200Z", "260601120000", "2606011200000", "260601120000z", "260601120000ZZ"]) {
      expect(read(0x17, value)).toBe("it is not a Time in seconds and Zulu");
    }
    for (const value of ["26060112000/Z", "26060112000:Z", "2606011200 0Z"])
      expect(read(0x17, value)).toBe("it is not a Time of digits");
    for (const value of [
      "260601240000Z",
      "260601126000Z",
      "260601120060Z",
      "260631120000Z",
      "261301120000Z",
      "260001120000Z",
      "260600120000Z",
    ]) {
      expect(read(0x17, value)).toBe("it is not a date");
    }
  });
  it("bytes are the same only at the same length", () => {
    expect([
      sameBytes(bytes(1), bytes(1, 2)),
      sameBytes(bytes(1, 2), bytes(1)),
      sameBytes(bytes(), bytes()),
      sameBytes(bytes(1), bytes(1)),
    ]).toEqual([false, false, true, true]);
    expect(new DerReader(bytes(1, 2, 3), 1).rest()).toEqual(bytes(2, 3));
    expect(said((reader) => reader.enter(TAG.set, "it"), seq())).toBe("it has tag 0x30");
  });
});

describe("PEM", () => {
  const problems = (body: string): readonly string[] =>
    parsePemBundle(`-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`).problems.map(
      ({ message }) => message,
    );
  it.each(["", "AA", "AAA", "A===", "AB==", "====", "AAAA!AAA", "AAAA====", "AA==AAAA", "\u{e9}AAA"])(
    "is no base64 in %j",
    (body) => {
      expect(problems(body)).toEqual([expect.stringMatching(/^the block is not base64/u)]);
    },
  );
});

describe("the proof of a verdict", () => {
  it("is made in this room alone, and cannot be changed", async () => {
    expect(() => Reflect.construct(VerifiedPeer, [Symbol("VerifiedPeer"), "a".repeat(64), {}])).toThrow(/only trust/u);
    const verdict = await verdictOf(policy([root]), [server(root)]);
    expect(verdict.kind === "verified" && Object.isFrozen(verdict.peer)).toBe(true);
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
