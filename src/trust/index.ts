/** The public face of trust/: other rooms import from here alone. */
export { type AnchorJudgement, type AnchorProblem, type AnchorUse, judgeAnchor } from "./anchors.ts";
export { type Budgets, DEFAULT_BUDGETS } from "./budget.ts";
export { type Crl, readCrl } from "./revocation/crl.ts";
export { crlIssuers } from "./revocation/crl-issuers.ts";
export { describeDn } from "./x509/distinguished-names.ts";
export { isSameName } from "./x509/name-comparison.ts";
export type { TrustIdentifier } from "./x509/identity.ts";
export { type PemBundle, type PemProblem, parsePemBundle } from "./x509/pem.ts";
export type { TrustPolicy } from "./policy.ts";
export { refuseEndEntity } from "./possession.ts";
export { CertificateStore } from "./signatures/store.ts";
export {
  NAME_ABSTENTIONS,
  type NameAbstention,
  PATH_ABSTENTIONS,
  type PathAbstention,
  REFUSAL_CODES,
  RULES,
  type Refusal,
  type RefusalCode,
  type Rule,
  type Testimony,
  type Verdict,
  VerifiedPeer,
  type VerifiedPath,
} from "./verdict.ts";
export type { Witness, WitnessAnswer, WitnessName, WitnessQuestion } from "./witness.ts";
export { type HandshakeFacts, type Verifier, type VerifierOptions, createVerifier } from "./verifier.ts";
