/** Certificate revocation lists (RFC 5280 §5, §6.3), when a policy configures them: they never loosen a check. */
import { BitString } from "asn1js";
import { type SignatureAlgorithm, readSignatureAlgorithm } from "./algorithms.ts";
import type { Budget } from "./budget.ts";
import { type Certificate, type Parsed, parsing } from "./certificate.ts";
import { owned, registerAlgorithm } from "./crypto.ts";
import { hex } from "../bundle/bytes.ts";
import { DerError, DerReader, TAG, context, readTime, sameBytes } from "./der.ts";
import { type DistinguishedName, describeDn, isSameName, readName } from "./dn.ts";
import { readDistributionPointName } from "./extensions.ts";
import { type Problem, formatTime, lacksUsage } from "./profile.ts";
import { type Known, signatureCost, verifySignature } from "./store.ts";

/** A list that was read. Delta and indirect lists, and lists for some reasons only, are refused while reading. */
export interface Crl {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly issuer: DistinguishedName;
  readonly thisUpdateMs: number;
  /** RFC 5280 §5.1.2.5 demands it; without it nothing tells when the list is stale. */
  readonly nextUpdateMs: number;
  readonly revoked: ReadonlySet<string>;
  readonly scope: "all" | "end-entities" | "cas";
  /** URIs of the distribution point it is for; null: no particular one. */
  readonly distributionPoint: readonly string[] | null;
  /** Issuers whose key was tried. */
  readonly verifiedBy: WeakMap<Known, boolean>;
}

/** Reads one DER CertificateList strictly. */
export function parseCrl(der: Uint8Array): Parsed<Crl> {
  return parsing(() => readCrl(der.slice()));
}

/** Either until when the certificate is known not to be revoked, or why not. */
export async function checkRevocation(
  certificate: Certificate,
  issuer: Known,
  crls: readonly Crl[],
  nowMs: number,
  budget: Budget,
): Promise<{ readonly untilMs: number } | Problem> {
  const named = crls.filter((crl) => isSameName(crl.issuer, certificate.issuer));
  const expected = `a current CRL of ${describeDn(certificate.issuer)} that covers the certificate`;
  let untilMs: number | null = null;
  let why = named.length === 0 ? "no CRL of this issuer" : "a CRL that does not cover the certificate";
  for (const crl of named) {
    if (!covers(crl, certificate)) continue;
    // §6.3.3 (f): the issuer must be allowed to sign CRLs.
    if (lacksUsage(issuer.certificate, "crlSign")) {
      why = "an issuer without cRLSign";
      continue;
    }
    const verified = await isSignedBy(crl, issuer, budget);
    if (verified === null) return { code: "budget-exceeded", expected, presented: "too many signatures" };
    if (!verified) {
      why = "a CRL whose signature is not the issuer's";
      continue;
    }
    if (crl.thisUpdateMs > nowMs) {
      why = `a CRL not valid before ${formatTime(crl.thisUpdateMs)}`;
      continue;
    }
    // Even a stale list tells what was revoked.
    if (crl.revoked.has(hex(certificate.serial))) {
      return {
        code: "revoked",
        expected: "a certificate that is not revoked",
        presented: `serial ${hex(certificate.serial)}`,
      };
    }
    if (crl.nextUpdateMs < Math.floor(nowMs / 1000) * 1000) {
      why = `a CRL whose next update was due ${formatTime(crl.nextUpdateMs)}`;
      continue;
    }
    untilMs = Math.max(untilMs ?? 0, crl.nextUpdateMs);
  }
  return untilMs === null ? { code: "revocation-unknown", expected, presented: why } : { untilMs };
}

/** §6.3.3 (b)(2): the scope of issuingDistributionPoint. */
function covers(crl: Crl, certificate: Certificate): boolean {
  const isCa = certificate.basicConstraints?.ca === true;
  if (crl.scope === "cas" ? !isCa : crl.scope === "end-entities" && isCa) return false;
  if (crl.distributionPoint === null) return true;
  return crl.distributionPoint.some((uri) => certificate.crlDistributionPoints?.includes(uri) === true);
}

async function isSignedBy(crl: Crl, issuer: Known, budget: Budget): Promise<boolean | null> {
  const remembered = crl.verifiedBy.get(issuer);
  if (remembered !== undefined) return remembered;
  if (!budget.spend("signatures", signatureCost(issuer.certificate))) return null;
  const bits = new BitString({ valueHex: owned(crl.signature) });
  const verified = await verifySignature(crl.tbs, bits, registerAlgorithm(crl.signatureAlgorithm), issuer);
  crl.verifiedBy.set(issuer, verified);
  return verified;
}

function readCrl(der: Uint8Array): Crl {
  const file = new DerReader(der);
  const outer = file.enter(TAG.sequence, "CertificateList");
  file.finish("CertificateList");
  const tbsElement = outer.expect(TAG.sequence, "tbsCertList");
  const outerAlgorithm = outer.expect(TAG.sequence, "signatureAlgorithm");
  const signature = outer.octetBits("signatureValue");
  outer.finish("CertificateList");
  const tbs = new DerReader(der, tbsElement.content, tbsElement.end);
  const version = tbs.peek() === TAG.integer ? tbs.smallInteger("version") : 0;
  const innerAlgorithm = tbs.expect(TAG.sequence, "signature");
  // §5.1.1.2.
  if (!sameBytes(outer.whole(outerAlgorithm), tbs.whole(innerAlgorithm))) {
    throw new DerError("signatureAlgorithm differs inside and outside");
  }
  const issuer = readName(tbs, "issuer");
  const thisUpdate = readTime(tbs, "thisUpdate");
  if (tbs.peek() !== TAG.utcTime && tbs.peek() !== TAG.generalizedTime) throw new DerError("nextUpdate is missing");
  const nextUpdate = readTime(tbs, "nextUpdate");
  const revoked = readRevoked(tbs);
  const extensions = tbs.optional(context(0, true), "crlExtensions");
  tbs.finish("tbsCertList");
  // §5.1.2.1, §5.2: version 2, with its extensions.
  if (version !== 1 || extensions === null) throw new DerError("the CRL is not version 2 with extensions");
  return {
    tbs: outer.whole(tbsElement),
    signatureAlgorithm: readSignatureAlgorithm(new DerReader(der, outerAlgorithm.content, outerAlgorithm.end)),
    signature,
    issuer,
    thisUpdateMs: thisUpdate.ms,
    nextUpdateMs: nextUpdate.ms,
    revoked,
    ...readCrlExtensions(extensions),
    verifiedBy: new WeakMap(),
  };
}

function readRevoked(tbs: DerReader): ReadonlySet<string> {
  const revoked = new Set<string>();
  const list = tbs.optional(TAG.sequence, "revokedCertificates");
  // §5.1.2.6: without revoked certificates the list MUST be absent. OpenSSL writes it empty: that says the same.
  list?.each(() => {
    const entry = list.enter(TAG.sequence, "revokedCertificates");
    revoked.add(hex(entry.integer("userCertificate")));
    readTime(entry, "revocationDate");
    const extensions = entry.optional(TAG.sequence, "crlEntryExtensions");
    entry.finish("revokedCertificates");
    extensions?.each(() => {
      const { oid, critical } = readExtension(extensions);
      // §5.3.3: certificateIssuer belongs to indirect CRLs; an unknown critical one voids the list (§5.3).
      if (critical || oid === "2.5.29.29") throw new DerError(`CRL entry extension ${oid} is not supported`);
    });
  });
  return revoked;
}

function readCrlExtensions(field: DerReader): Pick<Crl, "scope" | "distributionPoint"> {
  const list = field.enter(TAG.sequence, "crlExtensions");
  field.finish("crlExtensions");
  const seen = new Set<string>();
  let point: Pick<Crl, "scope" | "distributionPoint"> = { scope: "all", distributionPoint: null };
  while (!list.empty) {
    const { oid, critical, value } = readExtension(list);
    if (seen.has(oid)) throw new DerError(`CRL extension ${oid} occurs twice`);
    seen.add(oid);
    if (oid === "2.5.29.28") point = readIssuingDistributionPoint(value);
    else if (oid === "2.5.29.27") throw new DerError("the CRL is a delta CRL");
    // §5.2.3: the CRL number MUST be non-critical. No other extension is processed.
    else if (critical) throw new DerError(`critical CRL extension ${oid} is not supported`);
    if (oid === "2.5.29.20") value.integer("cRLNumber");
  }
  // §5.2.3: CRL issuers MUST include this extension in all CRLs.
  if (!seen.has("2.5.29.20")) throw new DerError("the CRL has no cRLNumber");
  return point;
}

/** §5.2.5. */
function readIssuingDistributionPoint(value: DerReader): Pick<Crl, "scope" | "distributionPoint"> {
  const what = "issuingDistributionPoint";
  const point = value.enter(TAG.sequence, what);
  value.finish(what);
  const name = point.optional(context(0, true), what);
  const users = point.defaultFalse(what, context(1, false));
  const cas = point.defaultFalse(what, context(2, false));
  const someReasons = point.peek() === context(3, false);
  if (someReasons) point.namedBits(what, context(3, false));
  const indirect = point.defaultFalse(what, context(4, false));
  const attributes = point.defaultFalse(what, context(5, false));
  point.finish(what);
  if (someReasons || indirect || attributes || (users && cas)) {
    throw new DerError("the CRL is indirect, partial or for attribute certificates");
  }
  return {
    scope: users ? "end-entities" : cas ? "cas" : "all",
    distributionPoint: name === null ? null : readDistributionPointName(name, what),
  };
}

function readExtension(list: DerReader): { oid: string; critical: boolean; value: DerReader } {
  const extension = list.enter(TAG.sequence, "CRL extension");
  const oid = extension.oid("extnID");
  const critical = extension.defaultFalse("critical");
  const value = extension.enter(TAG.octetString, "extnValue");
  extension.finish("CRL extension");
  return { oid, critical, value };
}
