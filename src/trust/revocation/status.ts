/**
 * Checks whether a certificate is revoked (RFC 5280 §6.3.3), by the CRLs of a policy. No CRL is passed over: one
 * that is about the certificate and cannot be used leaves its status unknown, whatever the other CRLs say.
 */
import { hex } from "../../bundle/bytes.ts";
import type { Budget } from "../budget.ts";
import { formatTime } from "../checks/single-certificate.ts";
import type { KnownCertificate } from "../signatures/store.ts";
import type { Problem } from "../verdict.ts";
import type { Certificate } from "../x509/certificate.ts";
import { describeDn } from "../x509/distinguished-names.ts";
import { ALL_REASONS, type DistributionPoint, isSamePoint, shareName } from "../x509/distribution-points.ts";
import { compareNames, isSameName } from "../x509/name-comparison.ts";
import { ALWAYS, type Period, intersect } from "../x509/period.ts";
import type { CrlSet } from "./crl-set.ts";
import { CrlSigners, type RevocationStatus, type SignerSearch } from "./crl-signers.ts";
import type { Crl } from "./crl.ts";

/** The inputs of checking the certificates of one path. */
interface RevocationRules extends SignerSearch {
  readonly crls: CrlSet;
  readonly nowMs: number;
  readonly budget: Budget;
}

/** The revocation check of the certificates of one path. */
export class RevocationCheck {
  readonly #rules: RevocationRules;
  readonly #signers: CrlSigners;

  constructor(rules: RevocationRules) {
    this.#rules = rules;
    // The certificate of a CRL's signer is itself checked with the CRLs.
    this.#signers = new CrlSigners(rules, (known) => this.check(known));
  }

  /**
   * The time in which the certificate is known not to be revoked, or the problem: the certificate is revoked, or
   * nothing shows that it is not.
   */
  async check({ certificate }: KnownCertificate): Promise<RevocationStatus> {
    const { crls, nowMs, budget } = this.#rules;
    if (!budget.spend("comparisons", crls.comparisonsWith(certificate))) return tooManySignatures(certificate);
    const { lists, unusable } = crls.listsAbout(certificate);
    const serial = hex(certificate.serial);
    const deciding: CurrentCrl[] = [];
    const deltas: Crl[] = [];
    /** Why a CRL about the certificate could not be used; then no other CRL decides. */
    let blocked = unusable;
    let why = lists.length === 0 ? "no CRL of this issuer" : "a CRL that does not cover the certificate";
    for (const crl of lists) {
      const covers = reasonsOf(crl, certificate) !== 0;
      const listed = isListed(crl, serial, certificate);
      if (!covers && !listed) continue;
      const signed = await this.#signers.signedBy(crl);
      if (budget.exceeded !== null) return tooManySignatures(certificate);
      if (signed.kind === "no-signer") {
        blocked ??= signed.why;
        continue;
      }
      // A listed certificate is revoked whatever the scope, the reasons and the dates of the CRL are.
      if (listed) return revoked(serial);
      if (signed.kind === "other-anchor") why = "a CRL that is signed under another of the policy's CAs";
      else if (crl.baseNumber !== null) deltas.push(crl);
      else if (crl.thisUpdateMs > nowMs) why = `a CRL not valid before ${formatTime(crl.thisUpdateMs)}`;
      else if (crl.nextUpdateMs < Math.floor(nowMs / 1000) * 1000) {
        why = `a CRL whose next update was due ${formatTime(crl.nextUpdateMs)}`;
      } else deciding.push({ crl, period: intersect(datesOf(crl), signed.period) });
    }
    if (blocked !== null) return statusUnknown(certificate, blocked);
    if (deciding.length === 0) return statusUnknown(certificate, why);
    const based = findBases(deltas, deciding);
    if (typeof based === "string") return statusUnknown(certificate, based);
    const covered = findCover(deciding, certificate);
    if (covered === null) return statusUnknown(certificate, "CRLs for some reasons only");
    return intersect(covered, based);
  }
}

/** Whether the CRL lists this serial number under a name that is, or may be, the certificate's issuer (§5.3.3). */
function isListed({ revoked }: Crl, serial: string, { issuer }: Certificate): boolean {
  return revoked.some(
    ({ issuers, serials }) =>
      serials.has(serial) && issuers.some((named) => compareNames(named, issuer) !== "different"),
  );
}

/** The reasons for which the CRL covers the certificate (§6.3.3 (b), (d)); 0: it does not cover it. */
function reasonsOf(crl: Crl, certificate: Certificate): number {
  const isCa = certificate.basicConstraints?.ca === true;
  // §6.3.3 (b)(2)(ii)-(iv).
  if (crl.scope === "attribute-certificates" || (crl.scope === "cas" ? !isCa : crl.scope === "end-entities" && isCa)) {
    return 0;
  }
  // "any available CRLs not specified in a distribution point but issued by the certificate issuer".
  const own: DistributionPoint = {
    name: { kind: "full", names: [{ type: "directory", value: certificate.issuer }] },
    reasons: null,
    issuers: null,
  };
  return [...(certificate.crlDistributionPoints ?? []), own]
    .filter((point) => isListOf(crl, point, certificate))
    .reduce((sum, point) => sum | (crl.reasons & (point.reasons ?? ALL_REASONS)), 0);
}

/** Whether the CRL is that of this distribution point of the certificate (§6.3.3 (b)(1), (b)(2)(i)). */
function isListOf(crl: Crl, { name, issuers }: DistributionPoint, certificate: Certificate): boolean {
  if (issuers === null) {
    if (!isSameName(crl.issuer, certificate.issuer)) return false;
  } else if (!crl.indirect || !shareName(issuers, [{ type: "directory", value: crl.issuer }])) return false;
  if (crl.point === null) return true;
  return isSamePoint(crl.point, name ?? { kind: "full", names: issuers ?? [] }, crl.issuer);
}

/** A complete CRL that is current, and the time in which the CRL and its signer are both valid. */
interface CurrentCrl {
  readonly crl: Crl;
  readonly period: Period;
}

const datesOf = ({ thisUpdateMs, nextUpdateMs }: Crl): Period => ({ fromMs: thisUpdateMs, untilMs: nextUpdateMs });

const longestFirst = (deciding: readonly CurrentCrl[]): CurrentCrl[] =>
  deciding.toSorted((a, b) => b.period.untilMs - a.period.untilMs);

/**
 * Checks that a current complete CRL exists for each delta CRL, with the delta's BaseCRLNumber or a higher number
 * (§5.2.4). Answers when all of them are current, or a text: a complete CRL is then missing, and may revoke the
 * certificate.
 */
function findBases(deltas: readonly Crl[], complete: readonly CurrentCrl[]): Period | string {
  let period = ALWAYS;
  for (const { baseNumber } of deltas) {
    const base = longestFirst(complete).find(({ crl }) => baseNumber !== null && crl.number >= baseNumber);
    if (base === undefined) {
      return `a delta CRL to CRL number ${baseNumber}, and no current CRL with that number or a later one`;
    }
    period = intersect(period, base.period);
  }
  return period;
}

/** The time in which CRLs that together cover all reasons are current (§6.3.3 (e)); null: no CRL covers some reason. */
function findCover(deciding: readonly CurrentCrl[], certificate: Certificate): Period | null {
  let reasons = 0;
  let cover = ALWAYS;
  for (const { crl, period } of longestFirst(deciding)) {
    const more = reasons | reasonsOf(crl, certificate);
    if (more === reasons) continue;
    reasons = more;
    cover = intersect(cover, period);
    if (reasons === ALL_REASONS) return cover;
  }
  return null;
}

const expectation = (certificate: Certificate): string =>
  `a current CRL of ${describeDn(certificate.issuer)} that covers the certificate`;

const statusUnknown = (certificate: Certificate, presented: string): Problem => ({
  code: "revocation-unknown",
  expected: expectation(certificate),
  presented,
});

const tooManySignatures = (certificate: Certificate): Problem => ({
  code: "budget-exceeded",
  expected: expectation(certificate),
  presented: "too many signatures",
});

const revoked = (serial: string): Problem => ({
  code: "revoked",
  expected: "a certificate that is not revoked",
  presented: `serial ${serial}`,
});
