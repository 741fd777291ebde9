/** What path validation answers. See docs/trust.md for each code's usual cause and fix. */
import type { Sha256Hex } from "../bundle/types.ts";
import type { TrustIdentifier } from "./x509/identity.ts";
import type { Testimony } from "./witness.ts";

/** Why a presented chain was refused: a closed list, never renamed (access log, metric, `Proxy-Status`). */
export const REFUSAL_CODES = [
  "no-certificate",
  "unknown-ca",
  "name-mismatch",
  "expired",
  "not-yet-valid",
  "wrong-usage",
  "not-a-ca",
  "path-too-long",
  "name-constraint",
  "policy-constraint",
  "bad-signature",
  "weak-key",
  "unsupported-algorithm",
  "malformed",
  "critical-extension",
  "issuance-rule",
  "revoked",
  "revocation-unknown",
  "pin-mismatch",
  "second-opinion",
  "budget-exceeded",
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/**
 * The single rules that people argue about, so that a disagreement with x509-limbo names one. All but the last two
 * are issuance rules: they refuse under `strict` alone, with the code `issuance-rule`.
 */
export const RULES = [
  "aki-missing",
  "aki-form",
  "aki-critical",
  "aki-mismatch",
  "ski-missing",
  "ski-critical",
  "cn-not-in-san",
  "public-suffix-wildcard",
  "serial",
  "rsa-modulo-8",
  "basic-constraints-not-critical",
  "name-constraints-not-critical",
  "policy-constraints-not-critical",
  "inhibit-any-policy-not-critical",
  "san-critical",
  "san-not-critical",
  "eku-critical",
  "eku-missing",
  "ca-key-usage-missing",
  "early-generalized-time",
  "dns-name-syntax",
  "root-with-purposes",
  "ca-as-end-entity",
  "any-purpose-end-entity",
] as const;
export type Rule = (typeof RULES)[number];

/** One refusal, naming both sides. */
export interface Refusal {
  readonly code: RefusalCode;
  /** Index of the certificate in the presented chain; -1 for a trust anchor; null when no single one is at fault. */
  readonly position: number | null;
  /** What the policy wanted, for people. */
  readonly expected: string;
  /** What the peer sent, for people: printable ASCII, bounded. */
  readonly presented: string;
  /** The single rule behind the code, where docs/trust.md names one. */
  readonly rule?: Rule;
}

/** What a verified chain proves. */
export interface VerifiedPath {
  /** DER, end-entity certificate first, trust anchor last. `path[0]` is byte-equal to the presented end-entity certificate. */
  readonly path: readonly Uint8Array[];
  /** The reference identifier that matched, and the presented identifier it matched. */
  readonly matched: { readonly reference: TrustIdentifier; readonly presented: string };
  /** Where the anchor came from (`ConfigMap team/ca`). */
  readonly anchorSource: string;
  /** The earliest notAfter of the path, or the earliest nextUpdate of a CRL used, in ms since the epoch. */
  readonly notAfterMs: number;
  /** What the second verifier vouched for. */
  readonly witness: Testimony;
}

/** Only trust/ holds this key, so nothing else can make a VerifiedPeer. */
const mint: unique symbol = Symbol("VerifiedPeer");

/**
 * The proof that a presented chain was accepted under a policy. backend/ takes one before it writes a request and
 * checks that it names the connection's policy and end-entity certificate.
 */
export class VerifiedPeer {
  readonly policy: Sha256Hex;
  readonly path: VerifiedPath;
  constructor(key: typeof mint, policy: Sha256Hex, path: VerifiedPath) {
    if (key !== mint) throw new TypeError("only trust/ makes a VerifiedPeer");
    this.policy = policy;
    this.path = path;
    Object.freeze(this);
  }
}

export type Verdict =
  | { readonly kind: "verified"; readonly peer: VerifiedPeer }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** For verifier.ts alone; the lint rule keeps other rooms from importing it. */
export function mintVerifiedPeer(policy: Sha256Hex, path: VerifiedPath): VerifiedPeer {
  return new VerifiedPeer(mint, policy, path);
}
