/**
 * `npm run pkits -- DIR [--ledger FILE] [--json OUT]`
 *
 * Runs NIST's Public Key Interoperability Test Suite against trust/. DIR holds cases.json and the folders certs and
 * crls. Cases with initial policy settings are only counted, because a BackendTLSPolicy cannot express them. The ledger
 * (test/trust/pkits-ledger.json) has the reason for every disagreement. Exit 1 when a disagreement is not in the ledger,
 * and when an entry of the ledger is no longer true.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { reportTally, tally } from "./abstentions.ts";
import { nodeWitness } from "../src/host/node/witness.ts";
import type { Testimony, Verdict } from "../src/trust/index.ts";
import { createNamelessVerifier } from "../src/trust/verifier.ts";

interface PkitsCase {
  readonly id: string;
  readonly name: string;
  readonly endEntity: string;
  readonly intermediates: readonly string[];
  readonly crls: readonly string[];
  readonly expected: "SUCCESS" | "FAILURE";
  /** Whether the case runs without revocation. */
  readonly revocationOff?: boolean;
  readonly initialPolicySettings?: unknown;
}

interface Suite {
  readonly validationTime: string;
  readonly trustAnchor: string;
  readonly cases: readonly PkitsCase[];
}

/** A known disagreement and its reason. */
interface LedgerEntry {
  /** `verified`, or the code of the refusal. */
  readonly answer: string;
  readonly reason: string;
}

/** The known disagreements by the case's id. */
type Ledger = Readonly<Record<string, LedgerEntry>>;

/** The outcome of one case. */
interface Outcome {
  readonly id: string;
  readonly name: string;
  readonly expected: "SUCCESS" | "FAILURE";
  /** `verified`, or the code of the refusal. */
  readonly answer: string;
  readonly detail: string;
  readonly kind: "agrees" | "listed" | "disagrees" | "stale-entry";
  /** The witness's testimony about the accepted path; null when none was accepted. */
  readonly witness: Testimony | null;
}

/**
 * The highest share of accepted paths that the witness did not judge. Measured: 40 of 85, because the suite tests what
 * webpki does not implement: policies, directory names, key rollovers.
 */
const MAX_ABSTAINED_PERCENT = 50;
const LEDGER = resolve(import.meta.dirname, "../test/trust/pkits-ledger.json");
const BUDGETS = { presentedBytes: 1 << 20, presentedCertificates: 64 } as const;

const witness = nodeWitness();

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

/** Compares an answer with the suite and with the ledger. */
export function judge(
  testcase: Pick<PkitsCase, "id" | "name" | "expected">,
  verdict: Verdict,
  ledger: Ledger,
): Outcome {
  const { id, name, expected } = testcase;
  const answer = verdict.kind === "verified" ? "verified" : verdict.refusal.code;
  const witness = verdict.kind === "verified" ? verdict.peer.path.witness : null;
  const common = { id, name, expected, answer, detail: describe(verdict), witness };
  const entry = Object.hasOwn(ledger, id) ? ledger[id] : undefined;
  const agrees = (answer === "verified") === (expected === "SUCCESS");
  if (agrees) return { ...common, kind: entry === undefined ? "agrees" : "stale-entry" };
  return { ...common, kind: entry?.answer === answer ? "listed" : "disagrees" };
}

/** `verified`, or the code and position of the refusal. */
export async function answerTo(directory: string, suite: Suite, testcase: PkitsCase): Promise<string> {
  const verdict = await ask(directory, suite, testcase);
  return verdict.kind === "verified" ? "verified" : `${verdict.refusal.code}@${verdict.refusal.position}`;
}

async function ask(directory: string, suite: Suite, testcase: PkitsCase): Promise<Verdict> {
  const certificate = (name: string): Uint8Array => new Uint8Array(readFileSync(join(directory, "certs", name)));
  const crls = testcase.crls.map((name) => new Uint8Array(readFileSync(join(directory, "crls", name))));
  const verifier = createNamelessVerifier({
    policy: "0".repeat(64),
    trust: {
      identifiers: [],
      anchors: [{ der: certificate(suite.trustAnchor), source: "PKITS" }],
      profile: "private",
      spkiPins: [],
      crls: testcase.revocationOff === true ? null : crls,
      maxChainDepth: 10,
      budgets: BUDGETS,
    },
    sha256,
    witness,
  });
  const presented = [testcase.endEntity, ...testcase.intermediates].map(certificate);
  return verifier.verify(presented, Date.parse(suite.validationTime));
}

function describe(verdict: Verdict): string {
  if (verdict.kind === "verified") return "verified";
  const { code, rule, position, expected, presented } = verdict.refusal;
  const where = position === null ? "" : ` at ${position}`;
  return `${code}${rule === undefined ? "" : ` (${rule})`}${where}: expected ${expected}; presented ${presented}`;
}

function report(outcomes: readonly Outcome[], ledger: Ledger, unasked: number): boolean {
  const kinds = Map.groupBy(outcomes, ({ kind }) => kind);
  const of = (kind: Outcome["kind"]): readonly Outcome[] => kinds.get(kind) ?? [];
  for (const { id, name, expected, detail } of of("listed")) {
    console.log(`listed     ${id}  ${name}  expected ${expected}: ${detail}\n           ${ledger[id]?.reason ?? ""}`);
  }
  for (const { id, name, expected, detail } of of("disagrees")) {
    console.log(`DISAGREES  ${id}  ${name}  expected ${expected}: ${detail}`);
  }
  for (const { id, name } of of("stale-entry"))
    console.log(`STALE      ${id}  ${name}  agrees: remove it from the ledger`);
  const judgedIds = new Set(outcomes.map(({ id }) => id));
  const unknown = Object.keys(ledger).filter((id) => !judgedIds.has(id));
  for (const id of unknown) console.log(`STALE      ${id}  is no case that is asked: remove it from the ledger`);
  const failed = of("disagrees").length + of("stale-entry").length + unknown.length;
  const testimonies = outcomes.flatMap((outcome) => (outcome.witness === null ? [] : [outcome.witness]));
  console.log("");
  const judged = reportTally(tally(testimonies), MAX_ABSTAINED_PERCENT);
  console.log(`${unasked} cases have initial policy settings, which a policy cannot express, and are not asked`);
  console.log(
    `${of("agrees").length} of ${outcomes.length} agree, ${of("listed").length} disagreements listed, ${failed} not listed or stale`,
  );
  return judged && failed === 0;
}

/** Reads the suite. Throws when it has no cases, as in a wrong directory. */
export function readSuite(directory: string): Suite {
  const suite: Suite = JSON.parse(readFileSync(join(directory, "cases.json"), "utf8"));
  if (!Array.isArray(suite.cases) || suite.cases.length === 0) throw new Error(`${directory}/cases.json has no cases`);
  return suite;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { ledger: { type: "string", default: LEDGER }, json: { type: "string" } },
  });
  const [directory] = positionals;
  if (directory === undefined || positionals.length > 1) {
    console.error("usage: npm run pkits -- DIR [--ledger FILE] [--json OUT]");
    return 2;
  }
  const suite = readSuite(directory);
  const ledger: Ledger = JSON.parse(readFileSync(values.ledger, "utf8"));
  const cases = suite.cases.filter(({ initialPolicySettings }) => initialPolicySettings === undefined);
  const outcomes: Outcome[] = [];
  for (const testcase of cases) outcomes.push(judge(testcase, await ask(directory, suite, testcase), ledger));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ outcomes }, null, 2)}\n`);
  return report(outcomes, ledger, suite.cases.length - cases.length) ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
