/** Policies over minted certificates, and the verdicts of a fresh verifier. */
import { type TrustPolicy, type Verdict, createVerifier } from "../../src/trust/index.ts";
import { HOST, type Minted, NOW } from "./certificates.ts";
import type { Bytes } from "./der.ts";
import { witness } from "./witness.ts";
import { sha256 } from "./sha256.ts";

/** A policy that wants `HOST` under these anchors. */
export function policy(anchors: readonly Minted[], more: Partial<TrustPolicy> = {}): TrustPolicy {
  return {
    identifiers: [{ type: "dns", value: HOST }],
    anchors: anchors.map(({ der }) => ({ der, source: "ConfigMap test/ca" })),
    profile: "private",
    spkiPins: [],
    crls: null,
    maxChainDepth: 10,
    ...more,
  };
}

/** The digest of every policy here. */
export const POLICY_DIGEST = "a".repeat(64);

/** The verdict of a fresh verifier. */
export function verdictOf(
  trust: TrustPolicy,
  presented: readonly Minted[],
  nowMs = NOW,
  ocspResponse: Bytes | null = null,
): Promise<Verdict> {
  const verifier = createVerifier({ policy: POLICY_DIGEST, trust, sha256, witness });
  return verifier.verify(
    presented.map(({ der }) => der),
    nowMs,
    { ocspResponse },
  );
}

/** As `verdictOf`, with the work that was charged, in the units of `Budgets.work`. */
export async function workOf(
  trust: TrustPolicy,
  presented: readonly Bytes[],
  ocspResponse: Bytes | null = null,
): Promise<{ readonly verdict: Verdict; readonly work: number }> {
  let work = 0;
  const onWork = (units: number): void => {
    work = units;
  };
  const verifier = createVerifier({ policy: POLICY_DIGEST, trust, sha256, witness, onWork });
  return { verdict: await verifier.verify(presented, NOW, { ocspResponse }), work };
}

/** `verified`, or the refusal as `code@position`: what a table of tests compares. */
export function brief(verdict: Verdict): string {
  if (verdict.kind === "verified") return "verified";
  const { code, position, rule } = verdict.refusal;
  return `${code}@${position}${rule === undefined ? "" : ` ${rule}`}`;
}

/** The brief verdict for a chain under one anchor. */
export async function check(anchor: Minted, ...presented: readonly Minted[]): Promise<string> {
  return brief(await verdictOf(policy([anchor]), presented));
}

/** The brief verdict for a chain under one anchor, within these budgets. */
export async function checkWithin(
  budgets: NonNullable<TrustPolicy["budgets"]>,
  anchor: Minted,
  presented: readonly Minted[],
): Promise<string> {
  return brief(await verdictOf(policy([anchor], { budgets }), presented));
}

/** The refusal of a chain, whole; `verified` when there is none. */
export async function refusalOf(trust: TrustPolicy, presented: readonly Minted[], nowMs = NOW): Promise<unknown> {
  const verdict = await verdictOf(trust, presented, nowMs);
  return verdict.kind === "refused" ? verdict.refusal : "verified";
}
