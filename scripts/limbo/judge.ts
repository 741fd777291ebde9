/** The answer of trust/ to an x509-limbo case, and the rule that waives a disagreement. */
import { createHash } from "node:crypto";
import { nodeWitness } from "../../src/host/node/witness.ts";
import { type Testimony, type TrustIdentifier, type Verdict, createVerifier } from "../../src/trust/index.ts";
import { createNamelessVerifier } from "../../src/trust/verifier.ts";
import type { Rule } from "../../src/trust/verdict.ts";
import { type LimboCase, decodePem } from "./cases.ts";

/** Rules of the profile `strict` that `private` waives: it may accept a chain that only these rules refuse. */
export const WAIVED_UNDER_PRIVATE: ReadonlySet<Rule> = new Set<Rule>([
  // Presence and form of authority and subject key identifiers.
  "aki-missing",
  "aki-form",
  "aki-mismatch",
  "ski-missing",
  // A common name that is not among the subject alternative names.
  "cn-not-in-san",
  "public-suffix-wildcard",
  // The roots of private CAs have extended key usages of their own, which apply to certificates below.
  "root-with-purposes",
  "serial",
  "rsa-modulo-8",
  // Rules about an extension's criticality only.
  "aki-critical",
  "ski-critical",
  "basic-constraints-not-critical",
  "name-constraints-not-critical",
  "policy-constraints-not-critical",
  "inhibit-any-policy-not-critical",
  "san-critical",
  "san-not-critical",
  "eku-critical",
]);

/** Rules by which trust/ refuses chains that x509-limbo accepts. docs/trust.md has the reason for each. */
export const REFUSED_BY_CHOICE: Readonly<Record<Profile, ReadonlySet<Rule>>> = {
  private: new Set<Rule>(["ca-as-end-entity"]),
  strict: new Set<Rule>(["ca-as-end-entity", "eku-missing", "cn-not-in-san"]),
};

/** A profile of path validation (docs/trust.md). */
export type Profile = "private" | "strict";

/** The outcome of one case under one profile. */
export interface Outcome {
  readonly id: string;
  readonly expected: "SUCCESS" | "FAILURE";
  readonly kind: "agrees" | "false-accept" | "false-reject";
  readonly verdict: string;
  /** The rule that waives the disagreement; null when there is none. */
  readonly waivedBy: Rule | null;
  readonly cpuMs: number;
  /** The verdict as the ledger has it: `verified`, or the refusal's code, rule and position, as `issuance-rule(serial)@0`. */
  readonly answer: string;
  /** The witness's testimony about the accepted path; null when none was accepted. */
  readonly witness: Testimony | null;
}

/** Budgets above the defaults, because x509-limbo presents up to 100 intermediates. */
const BUDGETS = { presentedBytes: 1 << 20, presentedCertificates: 256 } as const;

const SLOW_MS = 10;

const witness = nodeWitness();

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

/** Judges one case under one profile. The ledger is not used. */
export async function judge(testcase: LimboCase, profile: Profile): Promise<Outcome> {
  const { verdict, cpuMs: first } = await ask(testcase, profile);
  // The garbage collector or the compiler may make one verdict slow, so a slow case is run again and the minimum counts.
  const repeats = first > SLOW_MS ? [await ask(testcase, profile), await ask(testcase, profile)] : [];
  const cpuMs = Math.min(first, ...repeats.map((answer) => answer.cpuMs));
  const accepted = verdict?.kind === "verified";
  const common = {
    id: testcase.id,
    expected: testcase.expected_result,
    verdict: describe(verdict),
    cpuMs,
    answer: abbreviate(verdict),
    witness: verdict?.kind === "verified" ? verdict.peer.path.witness : null,
  };
  if (verdict === null) {
    const kind = testcase.expected_result === "SUCCESS" ? "false-reject" : "false-accept";
    return { ...common, kind, waivedBy: null };
  }
  if (accepted === (testcase.expected_result === "SUCCESS")) return { ...common, kind: "agrees", waivedBy: null };
  if (accepted) return { ...common, kind: "false-accept", waivedBy: await strictRule(testcase, profile) };
  const rule = verdict.kind === "refused" ? (verdict.refusal.rule ?? null) : null;
  const chosen = rule !== null && REFUSED_BY_CHOICE[profile].has(rule);
  return { ...common, kind: "false-reject", waivedBy: chosen ? rule : null };
}

/** The answer to one case, as the ledger has it. */
export async function answerTo(testcase: LimboCase, profile: Profile): Promise<string> {
  return abbreviate((await ask(testcase, profile)).verdict);
}

/** The verdict of trust/; null for a case that a verifier's options cannot express. */
export async function ask(testcase: LimboCase, profile: Profile): Promise<{ verdict: Verdict | null; cpuMs: number }> {
  const name = testcase.expected_peer_name;
  const identifier = name === null ? null : toIdentifier(name);
  const purposes = testcase.extended_key_usage ?? [];
  const supported =
    identifier !== undefined &&
    testcase.validation_kind === "SERVER" &&
    purposes.every((purpose) => purpose === "serverAuth");
  if (!supported) return { verdict: null, cpuMs: 0 };
  const crls = (testcase.crls ?? []).map(decodePem);
  const make = identifier === null ? createNamelessVerifier : createVerifier;
  const presented = [testcase.peer_certificate, ...testcase.untrusted_intermediates].map(decodePem);
  const start = process.cpuUsage();
  const verifier = make({
    policy: "0".repeat(64),
    trust: {
      identifiers: identifier === null ? [] : [identifier],
      anchors: testcase.trusted_certs.map((pem) => ({ der: decodePem(pem), source: "x509-limbo" })),
      profile,
      spkiPins: [],
      crls: crls.length === 0 ? null : crls,
      // x509-limbo counts only the certificates between end entity and anchor, and has no limit by default.
      maxChainDepth: testcase.max_chain_depth === null ? 10 : testcase.max_chain_depth + 2,
      budgets: BUDGETS,
    },
    sha256,
    witness,
  });
  const at = testcase.validation_time === null ? Date.now() : Date.parse(testcase.validation_time);
  const verdict = await verifier.verify(presented, at);
  const spent = process.cpuUsage(start);
  return { verdict, cpuMs: (spent.user + spent.system) / 1000 };
}

function toIdentifier({ kind, value }: { kind: string; value: string }): TrustIdentifier | undefined {
  switch (kind) {
    case "DNS":
      return { type: "dns", value };
    case "IP":
      return { type: "ip", value };
    case "RFC822":
      return { type: "rfc822", value };
    default:
      return undefined;
  }
}

/** The waived rule by which `strict` refuses what `private` accepted. */
async function strictRule(testcase: LimboCase, profile: Profile): Promise<Rule | null> {
  if (profile === "strict") return null;
  const { verdict } = await ask(testcase, "strict");
  if (verdict?.kind !== "refused" || verdict.refusal.code !== "issuance-rule") return null;
  const rule = verdict.refusal.rule ?? null;
  return rule !== null && WAIVED_UNDER_PRIVATE.has(rule) ? rule : null;
}

function describe(verdict: Verdict | null): string {
  if (verdict === null) return "not asked: unsupported";
  if (verdict.kind === "verified") return "verified";
  const { code, rule, position, expected, presented } = verdict.refusal;
  const where = position === null ? "" : ` at ${position}`;
  return `${code}${rule === undefined ? "" : ` (${rule})`}${where}: expected ${expected}; presented ${presented}`;
}

function abbreviate(verdict: Verdict | null): string {
  if (verdict === null) return "not-asked";
  if (verdict.kind === "verified") return "verified";
  const { code, rule, position } = verdict.refusal;
  return `${code}${rule === undefined ? "" : `(${rule})`}${position === null ? "" : `@${position}`}`;
}
