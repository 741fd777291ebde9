/** The frame of a certificate by strict DER and RFC 5280 §4.1, one deviation a row; and its validity. */
import { describe, expect, it } from "vitest";
import { parseCertificate } from "../../src/trust/x509/certificate.ts";
import { NOW, type Spec, ca, dns, ext, mint, name, server } from "../support/certificates.ts";
import { type Bytes, bytes, concat, generalizedTime, int, oid, seq, text, tlv, utcTime, utf8 } from "../support/der.ts";
import { check, policy, verdictOf, brief } from "../support/verdicts.ts";

const root = ca("root");
const SAN = ext.san(dns("backend.example.com"));

function why(der: Bytes): string {
  const parsed = parseCertificate(der);
  return parsed.kind === "parsed" ? "parsed" : parsed.why;
}

const minted = (spec: Spec): string => why(mint({ extensions: [SAN], ...spec }, root).der);

describe("the certificate's frame", () => {
  const good = mint({ extensions: [SAN] }, root).der;

  it("reads what the helper mints", () => {
    expect(why(good)).toBe("parsed");
  });
  it.each<[string, Spec, string]>([
    ["bytes after signatureValue", { tail: bytes(5, 0) }, "Certificate has trailing bytes"],
    ["bytes after extensions", { tbsTail: bytes(5, 0) }, "tbsCertificate has trailing bytes"],
    [
      "different algorithms",
      { outerAlgorithm: seq(oid("1.2.840.10045.4.3.3")) },
      "signatureAlgorithm differs inside and outside",
    ],
    [
      "parameters of ECDSA",
      { innerAlgorithm: seq(oid("1.2.840.10045.4.3.2"), bytes(5, 0)) },
      "signatureAlgorithm has trailing bytes",
    ],
    ["an encoded version 1", { version: tlv(0xa0, int(0)) }, "version is encoded as 0"],
    ["version 4", { version: tlv(0xa0, int(3)) }, "version is encoded as 3"],
    ["extensions in version 1", { version: bytes() }, "a version 1 certificate has extensions"],
    ["extensions in version 2", { version: tlv(0xa0, int(1)) }, "a version 2 certificate has extensions"],
    [
      "a unique identifier in version 1",
      { version: bytes(), rawExtensions: bytes(), uniqueIds: tlv(0x81, bytes(0, 1)) },
      "a version 1 certificate has a unique identifier",
    ],
    ["empty extensions", { rawExtensions: tlv(0xa3, seq()) }, "extensions is empty"],
    ["a padded serial number", { serial: tlv(0x02, bytes(0, 1)) }, "serialNumber is a non-minimal INTEGER"],
    [
      "a padded negative serial number",
      { serial: tlv(0x02, bytes(0xff, 0x80)) },
      "serialNumber is a non-minimal INTEGER",
    ],
    ["an empty serial number", { serial: tlv(0x02) }, "serialNumber is an empty INTEGER"],
    ["an empty issuer", { issuerName: seq() }, "issuer is empty"],
    ["an empty RDN", { subject: seq(tlv(0x31)) }, "subject has an empty RDN"],
    [
      "broken UTF-8",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x0c, bytes(0xc0, 0x80))))) },
      "subject has a broken UTF8String",
    ],
    [
      "an odd BMPString",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x1e, bytes(0))))) },
      "subject has an odd BMPString",
    ],
    [
      "a PrintableString beyond ASCII",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x13, bytes(0xe4))))) },
      "subject is not ASCII",
    ],
    [
      "bytes after an attribute",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.3"), utf8("a"), utf8("b")))) },
      "subject has trailing bytes",
    ],
    [
      "an unsorted RDN",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.10"), utf8("b")), seq(oid("2.5.4.3"), utf8("a")))) },
      "subject has an unsorted RDN",
    ],
    [
      "33 attributes",
      { subject: name(...Array.from({ length: 33 }, () => "a")) },
      "subject has more than 32 attributes",
    ],
    [
      "33 elements in an attribute",
      { subject: seq(tlv(0x31, seq(oid("2.5.4.16"), seq(...Array.from({ length: 32 }, () => bytes(5, 0)))))) },
      "subject has more than 32 attributes",
    ],
    ["bytes after validity", { validity: seq(utcTime(NOW), utcTime(NOW), bytes(5, 0)) }, "validity has trailing bytes"],
    [
      "UTCTime without seconds",
      { validity: seq(text(0x17, "2606011200Z"), utcTime(NOW)) },
      "notBefore is not a Time in seconds and Zulu",
    ],
    [
      "UTCTime with an offset",
      { validity: seq(text(0x17, "260601120000+0000"), utcTime(NOW)) },
      "notBefore is not a Time in seconds and Zulu",
    ],
    [
      "GeneralizedTime with a fraction",
      { validity: seq(text(0x18, "20260601120000.5Z"), utcTime(NOW)) },
      "notBefore is not a Time in seconds and Zulu",
    ],
    [
      "a Time of letters",
      { validity: seq(text(0x17, "26O601120000Z"), utcTime(NOW)) },
      "notBefore is not a Time of digits",
    ],
    ["30 February", { validity: seq(text(0x17, "260230120000Z"), utcTime(NOW)) }, "notBefore is not a date"],
    ["hour 24", { validity: seq(text(0x17, "260601240000Z"), utcTime(NOW)) }, "notBefore is not a date"],
    ["a Time that is an INTEGER", { validity: seq(int(5), utcTime(NOW)) }, "notBefore is not a Time"],
  ])("refuses %s", (_, spec, expected) => {
    expect(minted(spec)).toBe(expected);
  });
  it.each<[string, Bytes, string]>([
    ["nothing", bytes(), "Certificate is missing"],
    ["trailing bytes", concat(good, bytes(0)), "Certificate has trailing bytes"],
    ["a truncated file", good.subarray(0, -1), "Certificate is truncated"],
    ["a truncated header", bytes(0x30), "Certificate is truncated"],
    ["a truncated length", bytes(0x30, 0x82, 1), "Certificate is truncated"],
    [
      "an indefinite length",
      concat(bytes(0x30, 0x80), good.subarray(4), bytes(0, 0)),
      "Certificate has no definite length",
    ],
    ["a five-octet length", bytes(0x30, 0x85, 0, 0, 0, 0, 1), "Certificate has no definite length"],
    ["a long form below 128", concat(bytes(0x30, 0x81, 1), bytes(0)), "Certificate has a non-minimal length"],
    ["a padded length", concat(bytes(0x30, 0x83, 0), good.subarray(2)), "Certificate has a non-minimal length"],
    ["a multi-byte tag", seq(seq(tlv(0x1f, bytes(1))), seq(), tlv(3, bytes(0))), "serialNumber has tag 0x1f"],
    ["a SET", tlv(0x31, good.subarray(4)), "Certificate has tag 0x31"],
  ])("refuses %s", (_, der, expected) => {
    expect(why(der)).toBe(expected);
  });
  it("refuses an end entity and an intermediate alike", async () => {
    const broken = ca("broken", root, { tail: bytes(5, 0) });
    expect(await check(root, broken)).toBe("malformed@0");
    expect(await check(root, server(broken), server(root), broken)).toBe("malformed@2");
  });
  it("ignores a broken certificate that no path needs", async () => {
    expect(await check(root, server(root), ca("broken", root, { tail: bytes(5, 0) }))).toBe("verified");
  });
  it("does not trust a broken anchor, and does not stumble over it", async () => {
    const broken = ca("broken", null, { tail: bytes(5, 0) });
    expect(await check(broken, server(broken))).toBe("unknown-ca@0");
    expect(brief(await verdictOf(policy([broken, root]), [server(root)]))).toBe("verified");
  });
});

describe("validity", () => {
  const at = async (nowMs: number, spec: Partial<Spec> = {}): Promise<string> =>
    brief(
      await verdictOf(
        policy([root]),
        [server(root, { notBefore: NOW - 60_000, notAfter: NOW + 60_000, ...spec })],
        nowMs,
      ),
    );

  it("includes both ends, in whole seconds", async () => {
    expect(await at(NOW - 60_001)).toBe("not-yet-valid@0");
    expect(await at(NOW - 60_000)).toBe("verified");
    expect(await at(NOW + 60_999)).toBe("verified");
    expect(await at(NOW + 61_000)).toBe("expired@0");
    expect(await at(Number.NaN)).toBe("not-yet-valid@-1");
  });
  it("reads years of two digits as RFC 5280 does", async () => {
    const of = (from: string, to: string): Partial<Spec> => ({ validity: seq(text(0x17, from), text(0x17, to)) });
    expect(await at(NOW, of("500101000000Z", "491231235959Z"))).toBe("verified");
    expect(await at(NOW, { validity: seq(generalizedTime(NOW - 1000), text(0x18, "99991231235959Z")) })).toBe(
      "verified",
    );
  });
  it("holds for every certificate of the path", async () => {
    const old = ca("old", root, { notAfter: NOW - 1000 });
    expect(await check(root, server(old), old)).toBe("expired@1");
    const young = ca("young", root, { notBefore: NOW + 1000 });
    expect(await check(root, server(young), young)).toBe("not-yet-valid@1");
    const anchor = ca("root", null, { notAfter: NOW - 1000 });
    expect(await check(anchor, server(anchor))).toBe("expired@-1");
  });
});
