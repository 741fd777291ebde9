/** The verdict on a presented chain. docs/trust.md tells the usual cause and the fix for each code. */
import type { Sha256Hex } from "../bundle/types.ts";
import type { TrustIdentifier } from "./x509/identity.ts";

/**
 * Why a presented chain was refused. The list is closed, and a code is never renamed: access logs, metrics and
 * `Proxy-Status` contain it.
 */
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
/** One of `REFUSAL_CODES`. */
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/**
 * Names for single rules, so that a disagreement with x509-limbo can name one. All but the last two are issuance
 * rules: they refuse under the profile `strict` alone, with the code `issuance-rule`.
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
/** One of `RULES`. */
export type Rule = (typeof RULES)[number];

/**
 * One refusal, with what was expected and what was presented. Example: `{ code: "name-mismatch", position: 0, expected:
 * "dns:api.example.com", presented: "DNS:www.example.com" }`.
 */
export interface Refusal {
  readonly code: RefusalCode;
  /** Index of the certificate in the presented chain; -1 for a trust anchor; null when no single one is at fault. */
  readonly position: number | null;
  /** What the policy or RFC 5280 asks for, for people. */
  readonly expected: string;
  /** What the peer sent, for people: printable ASCII, bounded. */
  readonly presented: string;
  /** The rule that was broken, for a refusal that `RULES` has a name for. */
  readonly rule?: Rule;
}

/** A refusal before the position of its certificate is known. */
export type Problem = Omit<Refusal, "position">;

/** Features of a path that webpki cannot judge, so it verifies only signatures. docs/trust.md has a line for each. */
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
/** Kinds of names that webpki cannot match, so it judges the path without one. */
const NAME_ABSTENTIONS = ["mailbox-name", "no-name", "uri-name", "wildcard-name"] as const;
/** One of `PATH_ABSTENTIONS`. */
export type PathAbstention = (typeof PATH_ABSTENTIONS)[number];
/** One of `NAME_ABSTENTIONS`. */
export type NameAbstention = (typeof NAME_ABSTENTIONS)[number];

/**
 * What the witness confirmed. `judged`: the path and the name. `features` tells why it confirmed less, and is never
 * empty.
 */
export type Testimony =
  | { readonly kind: "judged" }
  /** The path, but not the name that matched. */
  | { readonly kind: "name-abstained"; readonly features: readonly NameAbstention[] }
  /** Only the signatures whose algorithms webpki has. */
  | { readonly kind: "path-abstained"; readonly features: readonly PathAbstention[] };

/** What a verdict has verified: the path, the name and how long both hold. */
interface VerifiedPath {
  /** DER, end-entity certificate first, trust anchor last. `path[0]` is byte-equal to the presented end-entity certificate. */
  readonly path: readonly Uint8Array[];
  /** The reference identifier that matched, and the presented identifier it matched. */
  readonly matched: { readonly reference: TrustIdentifier; readonly presented: string };
  /** Where the anchor came from (`ConfigMap team/ca`). */
  readonly anchorSource: string;
  /**
   * The earliest of the path's notAfter dates and of the nextUpdate dates of the CRLs and the stapled response that
   * were needed, in ms since the epoch.
   */
  readonly notAfterMs: number;
  /** What the witness confirmed. */
  readonly witness: Testimony;
}

/**
 * The key that the constructor of VerifiedPeer asks for. Only this file can make a VerifiedPeer, because the key is not
 * exported.
 */
const mint: unique symbol = Symbol("VerifiedPeer");

/**
 * The proof that a presented chain was accepted under a policy: only trust/ can make one. backend/ demands one
 * before it writes a request, and checks that it names the connection's policy and end-entity certificate.
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

/** The answer of a verifier: the proof, or the refusal. */
export type Verdict =
  | { readonly kind: "verified"; readonly peer: VerifiedPeer }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/**
 * Makes the proof. The function is for verifier.ts alone: index.ts does not export it, and scripts/rooms.ts keeps other
 * rooms from importing this file.
 */
export function mintVerifiedPeer(policy: Sha256Hex, path: VerifiedPath): VerifiedPeer {
  return new VerifiedPeer(mint, policy, path);
}
