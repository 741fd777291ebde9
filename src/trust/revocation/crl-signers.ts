/** Who signed a CRL (RFC 5280 §6.3.3 (f)-(g)): any key of the list's issuer that chains to the anchor of the path. */
import { BitString } from "asn1js";
import { sameBytes } from "../../bundle/bytes.ts";
import type { Budget } from "../budget.ts";
import { lacksUsage } from "../checks/profile.ts";
import { buildPath } from "../path/build.ts";
import { type AnchorIndex, type SourcedCertificate, indexAnchors } from "../path/issuers.ts";
import { copyForWebCrypto, registerAlgorithm } from "../signatures/engine.ts";
import { type KnownCertificate, signatureCost, spendOnHash, verifySignature } from "../signatures/store.ts";
import type { Problem } from "../verdict.ts";
import { isSameNameWithin, shapeOf } from "../x509/name-comparison.ts";
import { ALWAYS, type Period, intersect, validityOf } from "../x509/period.ts";
import { keyProblem } from "../x509/public-keys.ts";
import type { Crl } from "./crl.ts";

/** Where a list's signer may be found. */
export interface SignerSearch {
  /** The path in question, anchor last. All of it but its status has been validated. */
  readonly path: readonly SourcedCertificate[];
  readonly presented: readonly SourcedCertificate[];
  readonly anchors: AnchorIndex;
  readonly nowMs: number;
  readonly budget: Budget;
  readonly maxLength: number;
  /** What is checked of a signer's own complete path beside its CAs and its status. */
  readonly checkPath: (path: readonly SourcedCertificate[]) => Problem | null;
}

export type CrlSignature =
  /** `period`: when a signer that is not of the path is known to be valid. */
  | { readonly kind: "signed"; readonly period: Period }
  /** By another anchor of the policy with the issuer's name. §6.3.3 (f): it MUST be the same; the list only adds. */
  | { readonly kind: "other-anchor" }
  | { readonly kind: "nobody"; readonly why: string };

/** When a certificate is known not to be revoked, or why that is not known. */
export type RevocationStatus = Period | Problem;

/** Signers whose own status is being asked at once, each by a list of the one after it. */
const MAX_NESTED = 3;

/** Finds the signers of the lists that one path needs. */
export class CrlSigners {
  readonly #search: SignerSearch;
  readonly #status: (signer: KnownCertificate) => Promise<RevocationStatus>;
  readonly #found = new Map<Crl, CrlSignature>();
  /** A signer's own list may be one that it signed: that list then counts while the signer is being validated. */
  readonly #nested = new Set<KnownCertificate>();

  /** `status` answers whether a signer is revoked. */
  constructor(search: SignerSearch, status: (signer: KnownCertificate) => Promise<RevocationStatus>) {
    this.#search = search;
    this.#status = status;
  }

  /** When the budget is exceeded meanwhile, the answer means nothing. */
  async signedBy(crl: Crl): Promise<CrlSignature> {
    const found = this.#found.get(crl);
    if (found !== undefined) return found;
    const signed = await this.#find(crl);
    // Found under an assumption about another signer, it is not remembered.
    if (this.#nested.size === 0) this.#found.set(crl, signed);
    return signed;
  }

  async #find(crl: Crl): Promise<CrlSignature> {
    const { budget, path } = this.#search;
    let why = "a CRL whose signature is not the issuer's";
    for (const candidate of this.#candidates(crl)) {
      const { known } = candidate;
      if (!budget.spend("candidates", 1)) break;
      // Before its signature: runtimes differ about keys that are too weak.
      if (keyProblem(known.certificate.key, "ca") !== null) continue;
      // A list of the operator may be of any size; how many certificates bear its issuer's name, a backend chooses.
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
    return { kind: "nobody", why };
  }

  /** Certificates of the list's issuer: those of the path first, then those whose key identifier fits. */
  #candidates({ issuer, keyIdentifier }: Crl): SourcedCertificate[] {
    const { path, presented, anchors, budget } = this.#search;
    // A server does not vouch for itself, unless it is the anchor.
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

  /** §6.3.3 (f): the signer's own path, to the anchor of the path in question. */
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

  /** Of all certificates of a signer's path but its anchor. */
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
 * §6.3.3 (f): "If a key usage extension is present … verify that the cRLSign bit is set." Without one, a CA or an anchor
 * may sign; what is neither may be any server, and CAs MUST give a CRL issuer's certificate the extension (§4.2.1.3).
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
