/**
 * The door of trust/: whether a presented chain proves what a policy asks for (docs/trust.md). Other rooms import from
 * here alone.
 *
 * A backend's chain: `createVerifier({ policy, trust, sha256, witness }).verify(presented, nowMs)` answers a `Verdict`.
 * At build: `parsePemBundle` and `judgeAnchor` read CA certificates, `readCrl` revocation lists.
 */
export { type AnchorJudgement, type AnchorProblem, type AnchorUse, judgeAnchor } from "./anchors.ts";
export type { TrustPolicy } from "./policy.ts";
export { refuseEndEntity } from "./possession.ts";
export { crlIssuers } from "./revocation/crl-issuers.ts";
export { type Crl, readCrl } from "./revocation/crl.ts";
export { CertificateStore } from "./signatures/store.ts";
export {
  REFUSAL_CODES,
  type Refusal,
  type RefusalCode,
  type Testimony,
  type Verdict,
  VerifiedPeer,
} from "./verdict.ts";
export { type Verifier, createVerifier } from "./verifier.ts";
export type { Witness, WitnessAnswer, WitnessQuestion } from "./witness.ts";
export { describeDn } from "./x509/distinguished-names.ts";
export type { TrustIdentifier } from "./x509/identity.ts";
export { isSameName } from "./x509/name-comparison.ts";
export { type PemProblem, parsePemBundle } from "./x509/pem.ts";
