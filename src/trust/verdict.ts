/** What path validation answers. See docs/trust.md for each code's usual cause and fix. */
import type { Sha256Hex } from "../bundle/types.ts";
import type { TrustIdentifier } from "./x509/identity.ts";

/** Why a presented chain was refused: a closed list, never renamed (access log, metric, `Proxy-RevocationStatus`). */
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

/** A refusal before the position of its certificate is known. */
export type Problem = Omit<Refusal, "position">;

/** Why webpki is not asked to judge a path. docs/trust.md has a line for each. */
export const PATH_ABSTENTIONS = [
  "any-purpose-ca",
  "before-1970",
  "constraint-form",
  "critical-key-identifier",
  "critical-policy",
  "critical-tls-feature",
  "ecdsa-sha-512",
  "long-path-length",
  "many-cas",
  "name-encoding",
  "p-521",
  "pss-parameters",
  "repeated-key",
  "self-issued-ca",
  "single-certificate",
  "unique-identifier",
] as const;
/** Why webpki, which judges the path, is not asked about the name that matched. */
export const NAME_ABSTENTIONS = ["mailbox-name", "no-name", "uri-name", "wildcard-name"] as const;
export type PathAbstention = (typeof PATH_ABSTENTIONS)[number];
export type NameAbstention = (typeof NAME_ABSTENTIONS)[number];

/** What the witness was asked to vouch for. `features` is never empty. */
export type Testimony =
  | { readonly kind: "judged" }
  /** The path was judged, without a reference identifier. */
  | { readonly kind: "name-abstained"; readonly features: readonly NameAbstention[] }
  /** Only signatures were verified, those that webpki can verify. */
  | { readonly kind: "path-abstained"; readonly features: readonly PathAbstention[] };

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
