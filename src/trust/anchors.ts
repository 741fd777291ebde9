/** Whether a certificate can be a trust anchor, decided at build by the functions that decide about every chain. */
import { Budget, DEFAULT_BUDGETS } from "./budget.ts";
import { checkCa, checkEndEntity } from "./checks/profile.ts";
import type { RefusalCode } from "./verdict.ts";
import { type Certificate, parseAnchor, parseCertificate } from "./x509/certificate.ts";
import { keyProblem } from "./x509/public-keys.ts";
import { PURPOSE } from "./x509/purposes.ts";

export interface AnchorProblem {
  readonly code: RefusalCode;
  readonly expected: string;
  readonly found: string;
}

export type AnchorJudgement =
  | {
      readonly kind: "usable";
      /** `issuer`: chains end at it. `end-entity`: it is no CA, so it stands for itself alone, byte for byte. */
      readonly as: "issuer" | "end-entity";
      readonly selfIssued: boolean;
      readonly notBeforeMs: number;
      readonly notAfterMs: number;
      /** Why a presented certificate of this form would be refused; null: it would not. */
      readonly oddity: string | null;
    }
  | { readonly kind: "unusable"; readonly problem: AnchorProblem };

/** Whose chains end at an anchor: the backends' servers, whom trust/ judges, or clients, whom the runtimes' own TLS does. */
export type AnchorUse = "servers" | "clients";

/**
 * Whether some chain could be verified with a certificate as anchor, at some time: what a verdict asks of an anchor,
 * but for the date. An expired anchor is usable, and refuses chains with `expired`.
 */
export function judgeAnchor(der: Uint8Array, above: AnchorUse): AnchorJudgement {
  const parsed = parseAnchor(der);
  if (parsed.kind === "malformed") {
    const problem: AnchorProblem = {
      code: "malformed",
      expected: "a certificate of RFC 5280 in DER",
      found: parsed.why,
    };
    return { kind: "unusable", problem };
  }
  const certificate = parsed.value;
  const { selfIssued, notBeforeMs, notAfterMs } = certificate;
  const strict = parseCertificate(der);
  const oddity = strict.kind === "malformed" ? strict.why : null;
  const usable = { kind: "usable", selfIssued, notBeforeMs, notAfterMs, oddity } as const;
  const problem = above === "clients" ? clientIssuerProblem(certificate) : issuerProblem(certificate);
  if (problem === null) return { ...usable, as: "issuer" };
  if (above === "servers" && oddity === null && isServer(certificate)) return { ...usable, as: "end-entity" };
  return { kind: "unusable", problem };
}

function issuerProblem(certificate: Certificate): AnchorProblem | null {
  const key = keyProblem(certificate.key, "ca");
  if (key !== null) return { code: key.code, expected: key.expected, found: key.presented };
  if (certificate.version === 1)
    return { code: "not-a-ca", expected: "version 3 with basicConstraints cA", found: "version 1" };
  // Any moment of its validity: one whose notAfter comes before its notBefore has none.
  const budget = new Budget(DEFAULT_BUDGETS);
  const problem = checkCa(certificate, 0, certificate.notBeforeMs, budget);
  if (budget.exceeded !== null)
    return { code: "budget-exceeded", expected: "a certificate within the limits", found: "more names" };
  return problem === null ? null : { code: problem.code, expected: problem.expected, found: problem.presented };
}

/** Whether a backend that presents exactly this certificate could be verified. */
function isServer(certificate: Certificate): boolean {
  const budget = new Budget(DEFAULT_BUDGETS);
  const problem = checkEndEntity(certificate, true, certificate.notBeforeMs, budget);
  return hasNames(certificate) && problem === null && budget.exceeded === null;
}

/** Policies ask for DNS names and URIs. */
const hasNames = ({ subjectAltNames }: Certificate): boolean =>
  subjectAltNames?.some(({ type }) => type === "dns" || type === "uri") === true;

/**
 * OpenSSL wants clientAuth of every CA of clients that has extKeyUsage: unlike in RFC 5280 §4.2.1.12, anyExtendedKeyUsage
 * does not stand for it.
 */
function clientIssuerProblem({ extendedKeyUsage: purposes, key }: Certificate): AnchorProblem | null {
  if (purposes !== null && !purposes.includes(PURPOSE.clientAuth)) {
    const found = `extKeyUsage ${purposes.slice(0, 8).join(", ")}`;
    return { code: "wrong-usage", expected: `extKeyUsage with clientAuth (${PURPOSE.clientAuth}), or none`, found };
  }
  const problem = keyProblem(key, "ca");
  return problem === null ? null : { code: problem.code, expected: problem.expected, found: problem.presented };
}
