/** Bytes after the last field of a certificate, a CRL or an OCSP response, wherever they can stand. */
import { describe, expect, it } from "vitest";
import { readCrl } from "../../src/trust/revocation/crl.ts";
import { parseOcspResponse } from "../../src/trust/revocation/ocsp-response.ts";
import { parseCertificate } from "../../src/trust/x509/certificate.ts";
import {
  HOST,
  NOW,
  SERVER_AUTH,
  type Spec,
  ca,
  dirName,
  dns,
  ext,
  extension,
  mint,
  name,
  uri,
} from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, TRUE, bytes, concat, generalizedTime, int, oid, seq, tlv, utcTime, utf8 } from "../support/der.ts";
import { whyNotParsed } from "../support/parsed.ts";
import { ecKey } from "../support/keys.ts";
import { byKey, byName, staple, stapleAnswer, tlsFeature } from "../support/staples.ts";

const root = ca("root");
const point = tlv(0xa0, tlv(0xa0, uri("http://crl.example.com/1")));

const certificate = mint(
  {
    subject: name("2.5.4.10=Lasthop", "2.5.4.3=leaf"),
    key: ecKey(),
    extensions: [
      ext.ca(1),
      ext.keyUsage(0x06),
      ext.eku(SERVER_AUTH),
      ext.san(dns(HOST), dirName(name("other"))),
      ext.ski(bytes(1, 2)),
      extension("2.5.29.35", false, seq(tlv(0x80, bytes(1)), tlv(0xa1, dirName(name("root"))), tlv(0x82, bytes(5)))),
      ext.constraints([dns("example.com"), dirName(name("permitted"))], [dns("evil.example")]),
      ext.policies("1.2.3.4"),
      ext.mappings(["1.2.3.4", "1.2.3.5"]),
      ext.policyConstraints(1, 1),
      ext.inhibitAny(1),
      extension("2.5.29.31", false, seq(seq(point, tlv(0xa2, dirName(name("issuer")))))),
      extension("1.3.6.1.5.5.7.1.1", false, seq(seq(oid("1.3.6.1.5.5.7.48.1"), uri("http://ocsp.example.com")))),
      tlsFeature(false, 5),
    ],
  },
  root,
).der;

const list = (...scope: readonly Bytes[]): Bytes =>
  crl(root, {
    extensions: [
      extension("2.5.29.20", false, int(7)),
      extension("2.5.29.35", false, seq(tlv(0x80, root.key.id))),
      extension("2.5.29.28", true, seq(...scope)),
    ],
    entries: [
      seq(
        int(5),
        tlv(0x17, new Uint8Array(Buffer.from("260501120000Z"))),
        seq(
          extension("2.5.29.21", false, tlv(0x0a, bytes(1))),
          extension("2.5.29.29", true, seq(dirName(name("root")))),
        ),
      ),
    ],
  });

const reads = (parsed: { readonly kind: string }): boolean => parsed.kind === "parsed" || parsed.kind === "used";

describe.each([
  { what: "a certificate", der: certificate, read: parseCertificate, opaque: /^$/u },
  // The authorityKeyIdentifier of a list only hints at its signer.
  { what: "a CRL", der: list(point, tlv(0x84, bytes(0xff))), read: readCrl, opaque: /^0\.0\.6\.0\.1\.1(?:\.0)?$/u },
  {
    what: "an OCSP response by name",
    der: staple({ serial: 5, issuer: root, responder: byName(root), tail: extensions() }),
    read: parseOcspResponse,
    // The value of an extension that decides nothing is not read.
    opaque: /^0\.1\.0\.1\.0\.0\.3\.0\.0\.1$/u,
  },
  {
    what: "an OCSP response by key",
    der: staple({ serial: 5, issuer: root, algorithm: "sha256", responder: byKey(root), single: extensions() }),
    read: parseOcspResponse,
    // Neither is the value of such an extension read here; and NULL may stand as the parameters of SHA-256.
    opaque: /^0\.1\.0\.1\.0\.0\.2\.0\.(?:4\.0\.0\.1|0\.0)$/u,
  },
])("$what", ({ der, read, opaque }) => {
  it("is read as it is", () => {
    expect(reads(read(der))).toBe(true);
  });
  it("is malformed with a NULL at the end of any element", () => {
    const variants = longer(der);
    expect(variants.length).toBeGreaterThan(15);
    const accepted = variants.filter(({ variant }) => reads(read(variant))).map(({ at }) => at);
    expect(accepted.filter((at) => !opaque.test(at))).toEqual([]);
  });
});

describe("a field with a value that means nothing", () => {
  const why = (parsed: { readonly kind: string; readonly why?: string }): string => parsed.why ?? parsed.kind;
  const response = (type: string, data: Bytes): string => {
    const basic = seq(data, root.key.signer.algorithm, tlv(3, bytes(0), root.key.signer.sign(data)));
    return why(parseOcspResponse(seq(tlv(0x0a, bytes(0)), tlv(0xa0, seq(oid(type), tlv(4, basic))))));
  };
  const BASIC = "1.3.6.1.5.5.7.48.1.1";
  const answers = (...more: readonly Bytes[]): Bytes =>
    seq(...more, byName(root), generalizedTime(NOW), seq(stapleAnswer({ serial: 5, issuer: root })));

  it("an OCSP response of another type or version, or with a status of its own", () => {
    expect(response(BASIC, answers())).toBe("parsed");
    expect(response("1.3.6.1.5.5.7.48.1.9", answers())).toContain("not basic");
    expect(response(BASIC, answers(tlv(0xa0, int(1))))).toContain("version is not 1");
    const odd = staple({ serial: 5, issuer: root, status: tlv(0x83) });
    expect(why(parseOcspResponse(odd))).toContain("certStatus has tag 0x83");
  });
  it("a CRL with a negative number, or an entry whose certificateIssuer is no distinguished name", () => {
    const negative = crl(root, { extensions: [extension("2.5.29.20", false, bytes(2, 1, 0xff))] });
    expect(why(readCrl(negative))).toContain("is negative");
    const nobody = crl(root, {
      extensions: [extension("2.5.29.20", false, int(7)), extension("2.5.29.28", true, seq(tlv(0x84, bytes(0xff))))],
      entries: [seq(int(5), utcTime(NOW), seq(extension("2.5.29.29", true, seq(uri("http://ca.example.com")))))],
    });
    expect(why(readCrl(nobody))).toContain("no distinguished name");
  });
});

function extensions(): Bytes {
  return tlv(0xa1, seq(extension("1.3.6.1.5.5.7.48.1.2", false, tlv(4, bytes(1)))));
}

/** The element with a NULL after its content, for it and for each one within: also within octet strings of DER. */
function longer(der: Bytes): { readonly at: string; readonly variant: Bytes }[] {
  const NULL = bytes(5, 0);
  const inside = (element: Bytes, path: string): { at: string; variant: Bytes }[] => {
    const { tag, content, header } = open(element);
    const prefix = element.subarray(0, header);
    const parts = (tag & 0x20) !== 0 || tag === 4 ? split(content) : null;
    if (parts === null || prefix.length === 0) return [];
    const own = { at: path, variant: tlv(tag, content, NULL) };
    const below = parts.flatMap((part, index) =>
      inside(part, `${path}.${index}`).map(({ at, variant }) => ({
        at,
        variant: tlv(tag, ...parts.slice(0, index), variant, ...parts.slice(index + 1)),
      })),
    );
    return [own, ...below];
  };
  return [{ at: "file", variant: concat(der, NULL) }, ...inside(der, "0")];
}

function open(element: Bytes): { tag: number; content: Bytes; header: number; end: number } {
  const first = element[1] ?? 0;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  let length = octets === 0 ? first : 0;
  for (let at = 0; at < octets; at++) length = length * 256 + (element[2 + at] ?? 0);
  const header = 2 + octets;
  return { tag: element[0] ?? 0, content: element.subarray(header, header + length), header, end: header + length };
}

/** The elements that stand in this content; null when it is not made of elements. */
function split(content: Bytes): Bytes[] | null {
  const parts: Bytes[] = [];
  for (let rest = content; rest.length > 0;) {
    const { end } = open(rest);
    if (rest.length < 2 || end > rest.length) return null;
    parts.push(rest.subarray(0, end));
    rest = rest.subarray(end);
  }
  return parts;
}

const NULL = bytes(5, 0);
const SAN = ext.san(dns(HOST));

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
    expect(whyNotParsed(spec)).toBe(expected);
  });
});
