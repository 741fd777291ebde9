/**
 * Whether a certificate can be a trust anchor: decided when a policy is compiled, by the functions that judge every
 * chain.
 */
import { Budget, DEFAULT_BUDGETS } from "./budget.ts";
import { checkCa, checkEndEntity } from "./checks/single-certificate.ts";
import type { RefusalCode } from "./verdict.ts";
import { type Certificate, parseAnchor, parseCertificate } from "./x509/certificate.ts";
import { keyProblem } from "./x509/public-keys.ts";
import { PURPOSE } from "./x509/purposes.ts";

/** Why a certificate can be no anchor: what was expected and what was found, for people. */
export interface AnchorProblem {
  readonly code: RefusalCode;
  readonly expected: string;
  readonly found: string;
}

/**
 * What `judgeAnchor` answers. `notBeforeMs` and `notAfterMs` are the certificate's own dates, in ms since the epoch.
 */
export type AnchorJudgement =
  | {
      readonly kind: "usable";
      /**
       * `issuer`: chains end at this anchor. `end-entity`: the certificate is no CA, so it verifies only a backend
       * that presents exactly this certificate, byte for byte.
       */
      readonly as: "issuer" | "end-entity";
      readonly selfIssued: boolean;
      readonly notBeforeMs: number;
      readonly notAfterMs: number;
      /** Why a presented certificate of this form would be refused; null: it would not. */
      readonly oddity: string | null;
    }
  | { readonly kind: "unusable"; readonly problem: AnchorProblem };

/**
 * The peers whose chains end at an anchor. `servers`: backends, whose chains trust/ judges. `clients`: the gateway's
 * own clients, whose chains the TLS library of the runtime judges.
 */
export type AnchorUse = "servers" | "clients";

/**
 * Judges a DER certificate as an anchor: whether some chain could be verified with it at some time. The date is left
 * out: an expired anchor is usable, and refuses chains with `expired`. Example: a server's certificate that is no CA
 * answers `{ kind: "usable", as: "end-entity", … }` for `servers`, and `unusable` for `clients`.
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
  // The check is made at notBefore, when a certificate is valid unless its notAfter comes before its notBefore.
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

/** Whether a policy can match one of its names: policies ask for DNS names and URIs alone. */
const hasNames = ({ subjectAltNames }: Certificate): boolean =>
  subjectAltNames?.some(({ type }) => type === "dns" || type === "uri") === true;

/**
 * OpenSSL, unlike RFC 5280 §4.2.1.12, does not take anyExtendedKeyUsage in place of clientAuth: a CA of clients that
 * has extKeyUsage needs clientAuth among its purposes.
 */
function clientIssuerProblem({ extendedKeyUsage: purposes, key }: Certificate): AnchorProblem | null {
  if (purposes !== null && !purposes.includes(PURPOSE.clientAuth)) {
    const found = `extKeyUsage ${purposes.slice(0, 8).join(", ")}`;
    return { code: "wrong-usage", expected: `extKeyUsage with clientAuth (${PURPOSE.clientAuth}), or none`, found };
  }
  const problem = keyProblem(key, "ca");
  return problem === null ? null : { code: problem.code, expected: problem.expected, found: problem.presented };
}
