/** CRLs of a distribution point, and indirect CRLs: which certificates they cover. */
import { describe, expect, it } from "vitest";
import { readCrl } from "../../src/trust/index.ts";
import { type Minted, ca, dirName, extension, name, server, uri, relativeName } from "../support/certificates.ts";
import { crl, crlNumber as number, issuingDistributionPoint as idp } from "../support/crls.ts";
import { type Bytes, bytes, int, oid, seq, tlv, utf8 } from "../support/der.ts";
import { brief, policy, verdictOf } from "../support/verdicts.ts";
import { root, issuing, points, fullName, INDIRECT, of, entry, ofRoot, complete, under } from "./revocable.ts";

describe("a distribution point", () => {
  const at = (...fields: readonly Bytes[]): Minted => server(issuing, { extensions: [points(seq(...fields))] });
  const list = (...fields: readonly Bytes[]): Bytes => crl(issuing, { extensions: [number(7), idp(...fields)] });
  const below = (commonName: string): Bytes => name("issuing", commonName);
  const rdn = relativeName;
  const wider = tlv(0xa0, tlv(0xa1, seq(oid("2.5.4.10"), utf8("more")), seq(oid("2.5.4.3"), utf8("point"))));

  it.each<[string, Minted, Bytes, string]>([
    ["by DN", at(fullName(dirName(name("point")))), list(fullName(dirName(name("point")))), "verified"],
    ["by DN in another case", at(fullName(dirName(name("POINT")))), list(fullName(dirName(name("point")))), "verified"],
    [
      "by another DN",
      at(fullName(dirName(name("point")))),
      list(fullName(dirName(name("other")))),
      "revocation-unknown@0",
    ],
    ["by RDN on both sides", at(rdn("point")), list(rdn("point")), "verified"],
    ["by RDN and DN", at(rdn("point")), list(fullName(dirName(below("point")))), "verified"],
    ["by DN and RDN", at(fullName(dirName(below("point")))), list(rdn("point")), "verified"],
    ["by RDN and DN in another case", at(rdn("point")), list(fullName(dirName(name("ISSUING", "POINT")))), "verified"],
    [
      "by RDN and a DN elsewhere",
      at(rdn("point")),
      list(fullName(dirName(name("root", "point")))),
      "revocation-unknown@0",
    ],
    ["by RDN and the last of a DN", at(rdn("point")), list(fullName(dirName(name("point")))), "revocation-unknown@0"],
    ["by RDN and one that has more", at(rdn("point")), list(wider), "revocation-unknown@0"],
    ["by RDN and one that has less", at(wider), list(rdn("point")), "revocation-unknown@0"],
    ["by another RDN", at(rdn("point")), list(rdn("other")), "revocation-unknown@0"],
    ["by one URI of two", at(fullName(uri("http://a"))), list(fullName(uri("http://b"), uri("http://a"))), "verified"],
    [
      "by a URI in another case",
      at(fullName(uri("http://a/X"))),
      list(fullName(uri("http://a/x"))),
      "revocation-unknown@0",
    ],
    [
      "by the name of the issuer, without one in the certificate",
      server(issuing),
      list(fullName(dirName(name("issuing")))),
      "verified",
    ],
    ["that the certificate does not have", server(issuing), list(fullName(uri("http://a"))), "revocation-unknown@0"],
    [
      "for some reasons of the certificate",
      at(fullName(uri("http://a")), tlv(0x81, bytes(1, 6))),
      list(fullName(uri("http://a"))),
      "revocation-unknown@0",
    ],
    ["of a certificate, and a list without one", at(fullName(uri("http://a"))), crl(issuing), "verified"],
  ])("%s", async (_, certificate, crls, expected) => {
    expect(await under([crls], [certificate, issuing])).toBe(expected);
  });
});

describe("an indirect list", () => {
  const authority = ca("authority", root);
  const named = (serial: number): Minted =>
    server(issuing, { serial: int(serial), extensions: [points(seq(tlv(0xa2, dirName(authority.subject))))] });
  const list = (spec: object = {}, ...fields: readonly Bytes[]): Bytes =>
    crl(authority, { extensions: [number(7), idp(...fields, INDIRECT)], ...spec });
  const of1 = async (certificate: Minted, ...crls: readonly Bytes[]): Promise<string> =>
    under(crls, [certificate, issuing, authority]);

  it("counts where the certificate names its issuer as cRLIssuer, and nowhere else", async () => {
    expect(await of1(named(5), list())).toBe("verified");
    expect(await of1(server(issuing), list())).toBe("revocation-unknown@0");
    expect(
      await of1(server(issuing, { serial: int(5) }), complete, list({ entries: [entry(5, of(issuing.subject))] })),
    ).toBe("verified");
    expect(await of1(named(5), crl(authority))).toBe("revocation-unknown@0");
  });
  it("revokes by issuer and serial number, and an entry takes the issuer of the one before", async () => {
    const entries = [entry(1), entry(2, of(issuing.subject)), entry(3), entry(4, of(name("else"))), entry(5)];
    const answers = [1, 2, 3, 4, 5].map((serial) => of1(named(serial), list({ entries })));
    expect(await Promise.all(answers)).toEqual(["verified", "revoked@0", "revoked@0", "verified", "verified"]);
  });
  it("revokes under a name that may be the issuer's", async () => {
    const general = seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x1b, new TextEncoder().encode("issuing")))));
    expect(await of1(named(3), list({ entries: [entry(3, of(general))] }))).toBe("revoked@0");
  });
  it("names many issuers for many entries at a cost that is their sum", async () => {
    const names = Array.from({ length: 2_000 }, (_, index) => dirName(name(`n${index}`)));
    const crowd = extension("2.5.29.29", true, seq(...names, dirName(issuing.subject)));
    const entries = [entry(1, crowd), ...Array.from({ length: 2_000 }, (_, index) => entry(index + 2))];
    const read = readCrl(list({ entries }));
    if (read.kind !== "used") throw new Error(read.why);
    expect(read.crl.revoked.reduce((sum, { issuers, serials }) => sum + issuers.length + serials.size, 0)).toBe(4_003);
    expect(await of1(named(2_001), list({ entries }))).toBe("revoked@0");
  });
  it("revokes beside a complete list of the issuer", async () => {
    expect(await of1(named(5), complete, list({ entries: [entry(5, of(issuing.subject))] }))).toBe("revoked@0");
    expect(await of1(named(5), complete, list({ version: bytes() }))).toBe("revocation-unknown@0");
  });
  it("needs the cRLIssuer's own certificate, under the same anchor", async () => {
    expect(await under([list()], [named(5), issuing])).toBe("revocation-unknown@0");
    const other = ca("other root");
    const stranger = ca("authority", other);
    const crls = [ofRoot, crl(stranger, { extensions: [number(7), idp(INDIRECT)] })];
    const chain = [named(5), issuing, stranger];
    expect(brief(await verdictOf(policy([root, other], { crls }), chain))).toBe("revocation-unknown@0");
  });
  it("may be of the issuer itself, for its own certificates", async () => {
    const own = crl(issuing, { extensions: [number(7), idp(INDIRECT)], entries: [entry(5)] });
    expect(await under([own], [server(issuing, { serial: int(6) }), issuing])).toBe("verified");
    expect(await under([own], [server(issuing, { serial: int(5) }), issuing])).toBe("revoked@0");
  });
  it("at the distribution point that the certificate names", async () => {
    const at = (path: string): Minted =>
      server(issuing, { extensions: [points(seq(fullName(uri(path)), tlv(0xa2, dirName(authority.subject))))] });
    expect(await of1(at("http://a"), list({}, fullName(uri("http://a"))))).toBe("verified");
    expect(await of1(at("http://b"), list({}, fullName(uri("http://a"))))).toBe("revocation-unknown@0");
  });
});
