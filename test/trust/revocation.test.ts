/** CRLs, OCSP responses and signatures, read strictly: each place where something could be hidden. */
import { describe, expect, it } from "vitest";
import { readPublicKey } from "../../src/trust/x509/public-keys.ts";
import { readSignatureAlgorithm } from "../../src/trust/x509/signature-algorithms.ts";
import { type Parsed, parsing } from "../../src/trust/x509/certificate.ts";
import { type CrlReading, readCrl } from "../../src/trust/revocation/crl.ts";
import { DerReader, TAG } from "../../src/trust/x509/der.ts";
import { parseOcspRevoked } from "../../src/trust/revocation/ocsp-revoked.ts";
import { DAY, type Minted, NOW, ca, extension, name, server, uri } from "../support/certificates.ts";
import { crl, crlNumber, issuingDistributionPoint as idp } from "../support/crls.ts";
import { type Bytes, bytes, concat, generalizedTime, int, oid, seq, tlv, utcTime } from "../support/der.ts";
import { brief, check, policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");
const NULL = bytes(5, 0);
const FLAG = bytes(0xff);
const ECDSA = seq(oid("1.2.840.10045.4.3.2"));
const why = <T>(parsed: Parsed<T> | CrlReading): string => ("why" in parsed ? parsed.why : "parsed");

describe("a CRL", () => {
  const number = crlNumber(7);
  const extensionsOf = (...list: readonly Bytes[]): Bytes => tlv(0xa0, seq(...list));
  const dates = concat(utcTime(NOW - DAY), utcTime(NOW + DAY));
  const list = (rest: Bytes, tail: Bytes = bytes(), outer = ECDSA): Bytes =>
    seq(seq(int(1), ECDSA, name("root"), rest), outer, tlv(3, bytes(0), bytes(1)), tail);
  const entry = (...fields: readonly Bytes[]): Bytes =>
    concat(dates, seq(seq(int(1), utcTime(NOW), ...fields)), extensionsOf(number));

  it.each<[string, Bytes, string]>([
    ["that is good", list(concat(dates, extensionsOf(number))), "parsed"],
    ["with an empty list", list(concat(dates, seq(), extensionsOf(number))), "parsed"],
    ["with an entry", list(entry()), "parsed"],
    [
      "with bytes after it",
      concat(list(concat(dates, extensionsOf(number))), NULL),
      "CertificateList has trailing bytes",
    ],
    ["with more in it", list(concat(dates, extensionsOf(number)), NULL), "CertificateList has trailing bytes"],
    ["with more in tbsCertList", list(concat(dates, extensionsOf(number), NULL)), "tbsCertList has trailing bytes"],
    [
      "of another algorithm",
      list(concat(dates, extensionsOf(number)), bytes(), seq(oid("1.2.840.10045.4.3.3"))),
      "signatureAlgorithm differs inside and outside",
    ],
    ["without nextUpdate", list(concat(utcTime(NOW), extensionsOf(number))), "nextUpdate is missing"],
    ["with GeneralizedTime", list(concat(utcTime(NOW), generalizedTime(NOW + DAY), extensionsOf(number))), "parsed"],
    ["without extensions", list(dates), "the CRL is not version 2 with extensions"],
    [
      "of version 1",
      seq(seq(ECDSA, name("root"), dates, extensionsOf(number)), ECDSA, tlv(3, bytes(0), bytes(1))),
      "the CRL is not version 2 with extensions",
    ],
    [
      "of version 3",
      seq(seq(int(2), ECDSA, name("root"), dates, extensionsOf(number)), ECDSA, tlv(3, bytes(0), bytes(1))),
      "the CRL is not version 2 with extensions",
    ],
    [
      "with two lists of extensions",
      list(concat(dates, tlv(0xa0, seq(number), seq()))),
      "crlExtensions has trailing bytes",
    ],
    [
      "with more in an entry",
      list(entry(seq(extension("2.5.29.21", false, tlv(10, bytes(1)))), NULL)),
      "revokedCertificates has trailing bytes",
    ],
    [
      "with a certificate issuer",
      list(entry(seq(extension("2.5.29.29", false, seq())))),
      "the CRL is not indirect and has an entry with certificateIssuer",
    ],
    [
      "with more in an extension",
      list(concat(dates, extensionsOf(seq(oid("2.5.29.20"), tlv(4, int(7)), NULL)))),
      "CRL extension has trailing bytes",
    ],
    [
      "that is a delta, not critical",
      list(concat(dates, extensionsOf(number, extension("2.5.29.27", false, int(1))))),
      "parsed",
    ],
    [
      "with a number that is none",
      list(concat(dates, extensionsOf(extension("2.5.29.20", false, NULL)))),
      "cRLNumber has tag 0x5",
    ],
    [
      "for users and CAs",
      list(concat(dates, extensionsOf(number, idp(tlv(0x81, FLAG), tlv(0x82, FLAG))))),
      "issuingDistributionPoint names more than one scope",
    ],
    ["for some reasons", list(concat(dates, extensionsOf(number, idp(tlv(0x83, bytes(1, 6)))))), "parsed"],
    [
      "for reasons that are none",
      list(concat(dates, extensionsOf(number, idp(tlv(0x83, bytes(9)))))),
      "issuingDistributionPoint is not a minimal named-bit list",
    ],
    ["that is indirect", list(concat(dates, extensionsOf(number, idp(tlv(0x84, FLAG))))), "parsed"],
    ["for attribute certificates", list(concat(dates, extensionsOf(number, idp(tlv(0x85, FLAG))))), "parsed"],
    [
      "with more in its distribution point",
      list(concat(dates, extensionsOf(number, idp(tlv(0x86, FLAG))))),
      "issuingDistributionPoint has trailing bytes",
    ],
  ])("%s", (_, der, expected) => {
    expect(why(readCrl(der))).toBe(expected);
  });
  it("for end entities covers no CA, and one for CAs no end entity", async () => {
    const issuing = ca("issuing", root);
    const chain = [server(issuing), issuing];
    const of = async (ofRoot: Bytes, ofIssuing: Bytes): Promise<string> =>
      brief(await verdictOf(policy([root], { crls: [ofRoot, ofIssuing] }), chain));
    const users = { extensions: [number, idp(tlv(0x81, FLAG))] };
    const cas = { extensions: [number, idp(tlv(0x82, FLAG))] };
    expect(await of(crl(root, cas), crl(issuing, users))).toBe("verified");
    expect(await of(crl(root, users), crl(issuing))).toBe("revocation-unknown@1");
    expect(await of(crl(root), crl(issuing, cas))).toBe("revocation-unknown@0");
  });
  it("may name several distribution points, of which one fits", async () => {
    const points = ["http://a/crl", "http://b/crl"].map(uri);
    const point = extension("2.5.29.31", false, seq(seq(tlv(0xa0, tlv(0xa0, points[0] ?? bytes())))));
    const list = crl(root, { extensions: [number, idp(tlv(0xa0, tlv(0xa0, ...points)))] });
    const crls = [list];
    expect(brief(await verdictOf(policy([root], { crls }), [server(root, { extensions: [point] })]))).toBe("verified");
  });
  it("counts to the budget of signatures, and holds from its first moment to the latest of several", async () => {
    const budgets = { signatures: 1 };
    expect(brief(await verdictOf(policy([root], { crls: [crl(root)], budgets }), [server(root)]))).toBe(
      "budget-exceeded@null",
    );
    expect(brief(await verdictOf(policy([root], { crls: [crl(root, { thisUpdate: NOW })] }), [server(root)]))).toBe(
      "verified",
    );
    const crls = [crl(root, { nextUpdate: NOW + 9000 }), crl(root, { nextUpdate: NOW + 5000 })];
    expect(await verdictOf(policy([root], { crls }), [server(root)])).toMatchObject({
      peer: { path: { notAfterMs: NOW + 9000 } },
    });
  });
  it("is read from bytes of its own", () => {
    const der = crl(root);
    const parsed = readCrl(der);
    der.fill(0);
    expect(parsed).toMatchObject({ kind: "used", crl: { issuer: { rdns: [expect.anything()] } } });
    expect(parsed.kind === "used" && parsed.crl.tbs[0]).toBe(0x30);
  });
});

describe("an OCSP response", () => {
  const serial = bytes(5);
  const id = seq(seq(oid("1.3.14.3.2.26")), tlv(4), tlv(4), int(5));
  const single = seq(id, tlv(0xa1, generalizedTime(NOW)), generalizedTime(NOW));
  const data = (...before: readonly Bytes[]): Bytes =>
    seq(...before, tlv(0xa2, tlv(4)), generalizedTime(NOW), seq(single));
  const basic = (tbs = data()): Bytes => seq(tbs, ECDSA, tlv(3, bytes(0)));
  const typed = (body: Bytes, type = "1.3.6.1.5.5.7.48.1.1", tail = bytes()): Bytes =>
    seq(oid(type), tlv(4, body), tail);
  const response = (field: Bytes, status = 0, tail = bytes()): Bytes => seq(tlv(0x0a, bytes(status)), field, tail);
  const answer = (der: Bytes): string | boolean => {
    const parsed = parseOcspRevoked(der, serial);
    return parsed.kind === "parsed" ? parsed.value : parsed.why;
  };

  it("is read whole", () => {
    expect(answer(response(tlv(0xa0, typed(basic()))))).toBe(true);
    expect(answer(response(tlv(0xa0, typed(basic(data(tlv(0xa0, int(0))))))))).toBe(true);
    expect(answer(response(tlv(0xa0, typed(basic())), 0, NULL))).toBe("OCSPResponse has trailing bytes");
    expect(answer(response(tlv(0xa0, typed(basic()), NULL)))).toBe("responseBytes has trailing bytes");
    expect(answer(response(tlv(0xa0, typed(basic(), undefined, NULL))))).toBe("responseBytes has trailing bytes");
    expect(answer(response(tlv(0xa0, typed(concat(basic(), NULL)))))).toBe("BasicOCSPResponse has trailing bytes");
    const long = seq(seq(seq(oid("1.3.14.3.2.26")), tlv(4), tlv(4), int(5), NULL), tlv(0x80), generalizedTime(NOW));
    const more = seq(tlv(0xa2, tlv(4)), generalizedTime(NOW), seq(long));
    expect(answer(response(tlv(0xa0, typed(basic(more)))))).toBe("certID has trailing bytes");
  });
  it("says nothing without success, without contents, or of another type", () => {
    expect(answer(response(tlv(0xa0, typed(basic())), 6))).toBe(false);
    expect(answer(response(bytes()))).toBe(false);
    expect(answer(response(bytes(), 6))).toBe(false);
    expect(answer(response(tlv(0xa0, typed(basic(), "1.2.3"))))).toBe(false);
    expect(answer(response(tlv(0xa0, typed(bytes(1, 2, 3), "1.2.3"))))).toBe(false);
  });
});

describe("a signature", () => {
  /** The root, whose every signature is changed on its way. */
  const changing = (change: (signature: Bytes) => Bytes): Minted => {
    const { signer } = root.key;
    return { ...root, key: { ...root.key, signer: { ...signer, sign: (tbs) => change(signer.sign(tbs)) } } };
  };
  const body = (signature: Bytes): Bytes => signature.subarray(2);

  it.each<[string, (signature: Bytes) => Bytes, string]>([
    ["as it is", (signature) => signature, "verified"],
    ["encoded again", (signature) => seq(body(signature)), "verified"],
    ["with bytes after it", (signature) => concat(signature, NULL), "bad-signature@0"],
    ["with more in it", (signature) => seq(body(signature), NULL), "bad-signature@0"],
    ["with a third integer", (signature) => seq(body(signature), int(1)), "bad-signature@0"],
    ["of one integer", (signature) => seq(body(signature).subarray(0, 2 + (signature[3] ?? 0))), "bad-signature@0"],
    ["in a SET", (signature) => tlv(0x31, body(signature)), "bad-signature@0"],
    ["with an s of 33 octets", () => seq(int(1), tlv(2, bytes(1), new Uint8Array(32))), "bad-signature@0"],
    ["with an r of 33 octets", () => seq(tlv(2, bytes(1), new Uint8Array(32)), int(1)), "bad-signature@0"],
    ["with a negative r", () => seq(tlv(2, bytes(0x80)), int(1)), "bad-signature@0"],
  ])("of ECDSA %s", async (_, change, expected) => {
    expect(await check(root, server(changing(change)))).toBe(expected);
  });
});

describe("algorithms and keys", () => {
  const inside = (...fields: readonly Bytes[]): DerReader => new DerReader(seq(...fields)).enter(TAG.sequence, "test");
  const algorithm = (...fields: readonly Bytes[]): string =>
    why(parsing(() => readSignatureAlgorithm(inside(...fields))));
  const key = (id: string, bits: Bytes, ...parameters: readonly Bytes[]): string =>
    why(parsing(() => readPublicKey(inside(seq(oid(id), ...parameters), tlv(3, bytes(0), bits)))));

  it("RSA signatures have NULL parameters or none", () => {
    const rsa = oid("1.2.840.113549.1.1.11");
    expect(algorithm(rsa, NULL)).toBe("parsed");
    expect(algorithm(rsa)).toBe("parsed");
    expect(algorithm(rsa, NULL, NULL)).toBe("signatureAlgorithm has trailing bytes");
    expect(algorithm(rsa, int(1))).not.toBe("parsed");
  });
  it("Ed25519 keys have 32 octets", () => {
    const wrong = "the Ed25519 key has not 32 octets";
    const answers = [31, 32, 33].map((size) => key("1.3.101.112", new Uint8Array(size)));
    expect(answers).toEqual([wrong, "parsed", wrong]);
  });
  it("RSA numbers are positive", () => {
    const rsa = (modulus: Bytes, exponent: Bytes): string =>
      key("1.2.840.113549.1.1.1", seq(tlv(2, modulus), tlv(2, exponent)), NULL);
    expect(rsa(bytes(0x7f), bytes(3))).toBe("parsed");
    expect(rsa(bytes(0x80), bytes(3))).toMatch(/negative/u);
    expect(rsa(bytes(0x7f), bytes(0x80))).toMatch(/negative/u);
  });
  it("Ed25519 keys are canonical and of full order", () => {
    const isSmall = (first: number, middle: number, last: number): unknown => {
      const bits = new Uint8Array(32).fill(middle);
      [bits[0], bits[31]] = [first, last];
      const parsed = parsing(() => readPublicKey(inside(seq(oid("1.3.101.112")), tlv(3, bytes(0), bits))));
      return parsed.kind === "parsed" && parsed.value.kind === "ed25519" && parsed.value.smallOrder;
    };
    // p - 1 is of order 2; p and above stand for smaller numbers.
    expect([0xec, 0xed, 0xee, 0xff].map((first) => isSmall(first, 0xff, 0x7f))).toEqual([true, true, true, true]);
    expect([0xec, 0xed, 0xff].map((first) => isSmall(first, 0xff, 0xff))).toEqual([true, true, true]);
    expect([isSmall(0xeb, 0xff, 0x7f), isSmall(0xff, 0xfe, 0x7f), isSmall(0xff, 0xff, 0x7e)]).toEqual([
      false,
      false,
      false,
    ]);
    expect([isSmall(0, 0, 0), isSmall(1, 0, 0), isSmall(1, 0, 0x80), isSmall(2, 0, 0)]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    const late = new Uint8Array(32).fill(0xff);
    [late[5], late[31]] = [0, 0x7f];
    expect(key("1.3.101.112", late)).toBe("parsed");
    const parsed = parsing(() => readPublicKey(inside(seq(oid("1.3.101.112")), tlv(3, bytes(0), late))));
    expect(parsed).toMatchObject({ value: { smallOrder: false } });
  });
});
