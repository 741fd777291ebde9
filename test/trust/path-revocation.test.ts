/** The revocation of the certificates of a path, by CRLs and by a stapled OCSP response. */
import { describe, expect, it } from "vitest";
import { NOW, ca, ext, extension, mint, name, server, uri } from "../support/certificates.ts";
import { crl, crlNumber, issuingDistributionPoint as idp } from "../support/crls.ts";
import { type Bytes, bytes, concat, generalizedTime, int, oid, seq, tlv } from "../support/der.ts";
import { ecKey } from "../support/keys.ts";
import { brief, policy, verdictOf } from "../support/verdicts.ts";
import { unsignedStaple as response } from "../support/staples.ts";

const root = ca("root");
const serialOf = 4242;
const leafSpec = { serial: int(serialOf) };

describe("CRLs", () => {
  const intermediate = ca("intermediate", root);
  const chain = [server(intermediate, leafSpec), intermediate];
  const under = async (...crls: readonly Bytes[]): Promise<string> =>
    brief(await verdictOf(policy([root], { crls }), chain));
  const ofRoot = crl(root);

  it("must cover every certificate but the anchor", async () => {
    expect(await under(ofRoot, crl(intermediate))).toBe("verified");
    expect(await under()).toBe("revocation-unknown@0");
    expect(await under(ofRoot)).toBe("revocation-unknown@0");
    expect(await under(crl(intermediate))).toBe("revocation-unknown@1");
    expect(await under(bytes(1, 2, 3))).toBe("revocation-unknown@0");
  });
  const number = crlNumber(7);
  const FLAG = bytes(0xff);
  it.each<[string, Bytes, string]>([
    ["revokes", crl(intermediate, { revoked: [int(1), int(serialOf)] }), "revoked@0"],
    ["of another serial number", crl(intermediate, { revoked: [int(1)] }), "verified"],
    ["of another key", crl(intermediate, { key: ecKey(), revoked: [int(serialOf)] }), "revocation-unknown@0"],
    ["that is stale", crl(intermediate, { nextUpdate: NOW - 1000 }), "revocation-unknown@0"],
    ["that is stale and revokes", crl(intermediate, { nextUpdate: NOW - 1000, revoked: [int(serialOf)] }), "revoked@0"],
    ["to the second", crl(intermediate, { nextUpdate: NOW }), "verified"],
    ["from the future", crl(intermediate, { thisUpdate: NOW + 1000 }), "revocation-unknown@0"],
    ["without nextUpdate", crl(intermediate, { nextUpdate: null }), "revocation-unknown@0"],
    [
      "without a CRL number",
      crl(intermediate, { extensions: [extension("1.2.3", false, bytes())] }),
      "revocation-unknown@0",
    ],
    [
      "with a critical CRL number",
      crl(intermediate, { extensions: [extension("2.5.29.20", true, int(7))] }),
      "revocation-unknown@0",
    ],
    [
      "with an unknown critical extension",
      crl(intermediate, { extensions: [number, extension("1.2.3", true, bytes())] }),
      "revocation-unknown@0",
    ],
    ["with an extension twice", crl(intermediate, { extensions: [number, number] }), "revocation-unknown@0"],
    ["of version 1", crl(intermediate, { version: bytes() }), "revocation-unknown@0"],
    [
      "that is a delta",
      crl(intermediate, { extensions: [number, extension("2.5.29.27", true, int(1))] }),
      "revocation-unknown@0",
    ],
    ["for end entities", crl(intermediate, { extensions: [number, idp(tlv(0x81, FLAG))] }), "verified"],
    ["for CAs", crl(intermediate, { extensions: [number, idp(tlv(0x82, FLAG))] }), "revocation-unknown@0"],
    [
      "for some reasons",
      crl(intermediate, { extensions: [number, idp(tlv(0x83, bytes(1, 6)))] }),
      "revocation-unknown@0",
    ],
    ["that is indirect", crl(intermediate, { extensions: [number, idp(tlv(0x84, FLAG))] }), "verified"],
    [
      "for attribute certificates",
      crl(intermediate, { extensions: [number, idp(tlv(0x85, FLAG))] }),
      "revocation-unknown@0",
    ],
    [
      "for another distribution point",
      crl(intermediate, { extensions: [number, idp(tlv(0xa0, tlv(0xa0, uri("http://a/crl"))))] }),
      "revocation-unknown@0",
    ],
    ["with more in tbsCertList", crl(intermediate, { tbsTail: bytes(5, 0) }), "revocation-unknown@0"],
    [
      "with another algorithm outside",
      crl(intermediate, { outerAlgorithm: seq(oid("1.2.840.10045.4.3.3")) }),
      "revocation-unknown@0",
    ],
    [
      "with a loose distribution point",
      crl(intermediate, { extensions: [number, extension("2.5.29.28", true, concat(seq(), bytes(5, 0)))] }),
      "revocation-unknown@0",
    ],
    [
      "with a certificate issuer",
      crl(intermediate, { revoked: [int(1)], entryExtensions: seq(extension("2.5.29.29", true, seq())) }),
      "revocation-unknown@0",
    ],
    [
      "with a critical reason",
      crl(intermediate, { revoked: [int(1)], entryExtensions: seq(extension("2.5.29.21", true, tlv(0x0a, bytes(1)))) }),
      "revocation-unknown@0",
    ],
    [
      "with a reason",
      crl(intermediate, {
        revoked: [int(1)],
        entryExtensions: seq(extension("2.5.29.21", false, tlv(0x0a, bytes(1)))),
      }),
      "verified",
    ],
    ["with trailing bytes", concat(crl(intermediate), bytes(0)), "revocation-unknown@0"],
  ])("%s", async (_, list, expected) => {
    expect(await under(ofRoot, list)).toBe(expected);
  });
  it("must be for the certificate's distribution point", async () => {
    const point = extension("2.5.29.31", false, seq(seq(tlv(0xa0, tlv(0xa0, uri("http://a/crl"))))));
    const endEntity = server(intermediate, { extensions: [point] });
    const list = crl(intermediate, { extensions: [number, idp(tlv(0xa0, tlv(0xa0, uri("http://a/crl"))))] });
    expect(brief(await verdictOf(policy([root], { crls: [ofRoot, list] }), [endEntity, intermediate]))).toBe(
      "verified",
    );
  });
  it("refuse when any current list revokes", async () => {
    expect(await under(ofRoot, crl(intermediate), crl(intermediate, { revoked: [int(serialOf)] }))).toBe("revoked@0");
  });
  it("say why they do not help", async () => {
    const why = async (...crls: readonly Bytes[]): Promise<unknown> =>
      verdictOf(policy([root], { crls }), [server(root)]);
    expect(await why(crl(intermediate))).toMatchObject({ refusal: { presented: "no CRL of this issuer" } });
    const forCas = crl(root, { extensions: [number, idp(tlv(0x82, FLAG))] });
    expect(await why(forCas)).toMatchObject({ refusal: { presented: "a CRL that does not cover the certificate" } });
  });
  it("need cRLSign", async () => {
    const key = ecKey();
    const silent = mint(
      { subject: name("silent"), key, extensions: [ext.ca(), ext.keyUsage(0x04), ext.ski(key.id)] },
      root,
    );
    const verdict = await verdictOf(policy([root], { crls: [ofRoot, crl(silent)] }), [server(silent), silent]);
    expect(brief(verdict)).toBe("revocation-unknown@0");
  });
  it("revoke intermediates", async () => {
    const serial = int(77);
    const revoked = ca("revoked", root, { serial });
    const crls = [crl(root, { revoked: [serial] }), crl(revoked)];
    expect(brief(await verdictOf(policy([root], { crls }), [server(revoked), revoked]))).toBe("revoked@1");
  });
  it("bound how long a verdict holds", async () => {
    const verdict = await verdictOf(
      policy([root], { crls: [ofRoot, crl(intermediate, { nextUpdate: NOW + 5000 })] }),
      chain,
    );
    expect(verdict).toMatchObject({ kind: "verified", peer: { path: { notAfterMs: NOW + 5000 } } });
  });
});

describe("a stapled OCSP response", () => {
  const REVOKED = tlv(0xa1, generalizedTime(NOW));
  it.each<[string, Bytes, string]>([
    ["good", response(serialOf, tlv(0x80)), "verified"],
    ["unknown", response(serialOf, tlv(0x82)), "verified"],
    ["revoked", response(serialOf, REVOKED), "revoked@0"],
    ["revoked, of another certificate", response(7, REVOKED), "verified"],
    ["tryLater", seq(tlv(0x0a, bytes(3))), "verified"],
    ["nothing", bytes(), "verified"],
    ["garbage", bytes(1, 2, 3), "revocation-unknown@0"],
    ["trailing bytes", concat(seq(tlv(0x0a, bytes(3))), bytes(0)), "revocation-unknown@0"],
  ])("%s", async (_, staple, expected) => {
    expect(brief(await verdictOf(policy([root]), [server(root, leafSpec)], NOW, staple))).toBe(expected);
  });
  const loose = (body: Bytes): Bytes =>
    seq(tlv(0x0a, bytes(0)), tlv(0xa0, seq(oid("1.3.6.1.5.5.7.48.1.1"), tlv(4, body))));
  const data = seq(tlv(0xa2, tlv(4, bytes(1))), generalizedTime(NOW), seq());
  it.each([
    ["more behind the data", loose(concat(seq(data), bytes(5, 0)))],
    ["more behind no data", loose(concat(seq(seq()), bytes(5, 0)))],
    ["nothing", loose(seq())],
    ["more behind it", concat(response(serialOf, tlv(0x80)), bytes(0))],
  ])("is read to its end: with %s", async (_what, staple) => {
    expect(brief(await verdictOf(policy([root]), [server(root, leafSpec)], NOW, staple))).toBe("revocation-unknown@0");
  });
});
