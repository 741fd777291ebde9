/**
 * Finds the certificate that signed a CRL (RFC 5280 §6.3.3 (f)-(g)): any key of the CRL's issuer whose path ends at
 * the anchor of the path in question.
 */
import { BitString } from "asn1js";
import { sameBytes } from "../../bundle/bytes.ts";
import type { Budget } from "../budget.ts";
import { lacksUsage } from "../checks/single-certificate.ts";
import { buildPath } from "../path/build.ts";
import { type AnchorIndex, type SourcedCertificate, indexAnchors } from "../path/issuers.ts";
import { copyForWebCrypto, registerAlgorithm } from "../signatures/engine.ts";
import { type KnownCertificate, signatureCost, spendOnHash, verifySignature } from "../signatures/store.ts";
import type { Problem } from "../verdict.ts";
import { isSameNameWithin, shapeOf } from "../x509/name-comparison.ts";
import { ALWAYS, type Period, intersect, validityOf } from "../x509/period.ts";
import { keyProblem } from "../x509/public-keys.ts";
import type { Crl } from "./crl.ts";

/** The certificates among which the signer of a CRL is searched. */
export interface SignerSearch {
  /** The path in question, anchor last. Everything but the revocation of its certificates has been checked. */
  readonly path: readonly SourcedCertificate[];
  readonly presented: readonly SourcedCertificate[];
  readonly anchors: AnchorIndex;
  readonly nowMs: number;
  readonly budget: Budget;
  readonly maxLength: number;
  /** Checks a signer's own complete path, except for its CAs and its revocation. */
  readonly checkPath: (path: readonly SourcedCertificate[]) => Problem | null;
}

/** The signer of a CRL, as `CrlSigners.signedBy` answers. */
type CrlSignature =
  /** The CRL is signed; `period` is the time in which the signer is known to be valid and not revoked. */
  | { readonly kind: "signed"; readonly period: Period }
  /**
   * An anchor of the policy with the issuer's name signed, and it is not the path's. §6.3.3 (f): the anchor MUST be
   * the same, so such a CRL can only add revocations.
   */
  | { readonly kind: "other-anchor" }
  | { readonly kind: "no-signer"; readonly why: string };

/** The time in which a certificate is known not to be revoked, or the problem that refuses it. */
export type RevocationStatus = Period | Problem;

/**
 * The number of signers that may be validated inside one another: the CRL for each signer is signed by the next one.
 */
const MAX_NESTED = 3;

/** The signers of the CRLs that one path needs: found when first asked for, and remembered. */
export class CrlSigners {
  readonly #search: SignerSearch;
  readonly #status: (signer: KnownCertificate) => Promise<RevocationStatus>;
  readonly #found = new Map<Crl, CrlSignature>();
  /** The signers that are being validated now. A signer may have signed the CRL about itself: that CRL then counts. */
  readonly #nested = new Set<KnownCertificate>();

  /** `status` checks whether the certificate of a signer is revoked. */
  constructor(search: SignerSearch, status: (signer: KnownCertificate) => Promise<RevocationStatus>) {
    this.#search = search;
    this.#status = status;
  }

  /** The signer of this CRL. The answer means nothing once the budget is exceeded. */
  async signedBy(crl: Crl): Promise<CrlSignature> {
    const found = this.#found.get(crl);
    if (found !== undefined) return found;
    const signed = await this.#find(crl);
    // An answer found while a signer is being validated assumes that signer to be valid: it is not remembered.
    if (this.#nested.size === 0) this.#found.set(crl, signed);
    return signed;
  }

  async #find(crl: Crl): Promise<CrlSignature> {
    const { budget, path } = this.#search;
    let why = "a CRL whose signature is not the issuer's";
    for (const candidate of this.#candidates(crl)) {
      const { known } = candidate;
      if (!budget.spend("candidates", 1)) break;
      // The key is checked before the signature, because runtimes differ about keys that are too weak.
      if (keyProblem(known.certificate.key, "ca") !== null) continue;
      // Hashing the CRL is charged for each candidate of the presented chain: the operator decides the size of a CRL,
      // and the backend how many certificates bear its issuer's name.
      if (!path.some((link) => link.known === known) && !spendOnHash(crl.tbs, budget)) break;
      const verified = await isSignedBy(crl, known, budget);
      if (verified === null) break;
      if (!verified) continue;
      if (!maySign(candidate)) {
        why = "an issuer without cRLSign";
        continue;
      }
      if (path.some((link) => link.known === known) || this.#nested.has(known)) {
        return { kind: "signed", period: ALWAYS };
      }
      if (candidate.source !== null) return { kind: "other-anchor" };
      const answer = await this.#validate(candidate);
      if ("untilMs" in answer) return { kind: "signed", period: answer };
      why = `a CRL whose signer has no path of its own: ${answer.code}, ${answer.presented}`;
    }
    return { kind: "no-signer", why };
  }

  /**
   * The certificates with the name of the CRL's issuer: those of the path first, then those whose key identifier
   * fits.
   */
  #candidates({ issuer, keyIdentifier }: Crl): SourcedCertificate[] {
    const { path, presented, anchors, budget } = this.#search;
    // An end entity cannot sign a CRL about itself, unless it is the anchor.
    const cas = path.length === 1 ? path : path.slice(1);
    const links = [...cas, ...presented, ...(anchors.get(shapeOf(issuer)) ?? [])].filter(({ known }) =>
      isSameNameWithin(known.certificate.subject, issuer, budget),
    );
    const rank = ({ known }: SourcedCertificate): number => {
      const own = known.certificate.subjectKeyIdentifier;
      const fits = keyIdentifier !== null && own !== null && sameBytes(keyIdentifier, own);
      return (path.some((link) => link.known === known) ? 2 : 0) + (fits ? 1 : 0);
    };
    return links
      .filter((link, index) => links.findIndex(({ known }) => known === link.known) === index)
      .toSorted((a, b) => rank(b) - rank(a));
  }

  /** Validates the signer's own path, which must end at the anchor of the path in question (§6.3.3 (f)). */
  async #validate(signer: SourcedCertificate): Promise<RevocationStatus> {
    const { path, presented, nowMs, budget, maxLength, checkPath } = this.#search;
    const anchor = path.at(-1);
    if (anchor === undefined || this.#nested.size >= MAX_NESTED) return TOO_DEEP;
    let period: Period | null = null;
    this.#nested.add(signer.known);
    const failure = await buildPath(signer, {
      presented: [...path.slice(1, -1), ...presented],
      anchors: indexAnchors([anchor]),
      nowMs,
      budget,
      maxLength,
      role: "ca",
      accept: async (own) => {
        const problem = checkPath(own);
        const status = problem ?? (await this.#statusOf(own));
        if ("code" in status) {
          return { problem: status, position: null, progress: { kind: "validating", step: "revocation" } };
        }
        period = status;
        return null;
      },
    });
    this.#nested.delete(signer.known);
    return failure?.problem ?? period ?? TOO_DEEP;
  }

  /** The time in which all certificates of a signer's path but its anchor are valid and not revoked. */
  async #statusOf(own: readonly SourcedCertificate[]): Promise<RevocationStatus> {
    let period = ALWAYS;
    for (const { known } of own.slice(0, -1)) {
      const answer = await this.#status(known);
      if ("code" in answer) return answer;
      period = intersect(period, answer, validityOf(known.certificate));
    }
    return period;
  }
}

/**
 * Whether a certificate may sign CRLs. §6.3.3 (f): "If a key usage extension is present … verify that the cRLSign
 * bit is set." A certificate without keyUsage must be a CA's or an anchor, because any server's may lack the
 * extension, and §4.2.1.3 obliges CAs to put it into a CRL issuer's certificate.
 */
function maySign({ known: { certificate }, source }: SourcedCertificate): boolean {
  if (lacksUsage(certificate, "crlSign")) return false;
  return certificate.keyUsage !== null || certificate.basicConstraints?.ca === true || source !== null;
}

const TOO_DEEP: Problem = {
  code: "revocation-unknown",
  expected: `at most ${MAX_NESTED} signers of CRLs, one above the other`,
  presented: "more",
};

async function isSignedBy(crl: Crl, signer: KnownCertificate, budget: Budget): Promise<boolean | null> {
  const remembered = crl.verifiedBy.get(signer);
  if (remembered !== undefined) return remembered;
  if (!budget.spend("signatures", signatureCost(signer.certificate))) return null;
  const bits = new BitString({ valueHex: copyForWebCrypto(crl.signature) });
  const verified = await verifySignature(crl.tbs, bits, registerAlgorithm(crl.signatureAlgorithm), signer);
  crl.verifiedBy.set(signer, verified);
  return verified;
}
