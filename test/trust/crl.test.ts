/** CRLs, read strictly: each place where something could be hidden, and what a list covers. */
import { describe, expect, it } from "vitest";
import { readCrl } from "../../src/trust/revocation/crl.ts";
import { DAY, NOW, ca, extension, name, server, uri } from "../support/certificates.ts";
import { crl, crlNumber, issuingDistributionPoint as idp } from "../support/crls.ts";
import { type Bytes, bytes, concat, generalizedTime, int, oid, seq, tlv, utcTime } from "../support/der.ts";
import { brief, policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");
const NULL = bytes(5, 0);
const FLAG = bytes(0xff);
const ECDSA = seq(oid("1.2.840.10045.4.3.2"));

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
    const reading = readCrl(der);
    expect(reading.kind === "refused" ? reading.why : "parsed").toBe(expected);
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
