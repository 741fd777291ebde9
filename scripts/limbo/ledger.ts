/**
 * The ledger of known x509-limbo cases (test/trust/limbo-ledger.txt): the answers of trust/ under both profiles. Waiving
 * rules cannot show that a check is missing when one of them waives the case, or another check refuses it. So the answer
 * to a known case must equal the ledger's: code, rule and position. A case is known by its id and the digest of its
 * content. A heading with one case:
 *
 *     rfc5280::aki FAILURE private=verified strict=issuance-rule(aki-missing)@0
 *       leaf-missing-aki 5f3c09ab
 */
import { readFileSync, writeFileSync } from "node:fs";
import { type LimboCase, digestCase } from "./cases.ts";
import type { Outcome, Profile } from "./judge.ts";

/** A known case. */
interface Entry {
  readonly id: string;
  readonly digest: string;
  readonly expected: Outcome["expected"];
  readonly answers: Readonly<Record<Profile, string>>;
}

/** Known cases by id and digest. */
export type Ledger = ReadonlyMap<string, Entry>;

/** The comparison of an outcome with the ledger. Only for an unknown case do the waiving rules alone decide. */
export type Standing =
  | { readonly kind: "unknown" }
  | { readonly kind: "as-kept" }
  | { readonly kind: "differs"; readonly kept: string };

/** Compares the outcome of a case with its entry in the ledger. */
export function compare(ledger: Ledger, testcase: LimboCase, outcome: Outcome, profile: Profile): Standing {
  const kept = ledger.get(keyOf(testcase.id, digestCase(testcase)))?.answers[profile];
  if (kept === undefined) return { kind: "unknown" };
  return kept === outcome.answer ? { kind: "as-kept" } : { kind: "differs", kept };
}

/** The ledger with `cases` added. An entry of the same id with other content stays. */
export function extend(
  ledger: Ledger,
  cases: readonly { readonly testcase: LimboCase; readonly answers: Readonly<Record<Profile, string>> }[],
): Ledger {
  const entries = new Map(ledger);
  for (const { testcase, answers } of cases) {
    const { id, expected_result: expected } = testcase;
    const digest = digestCase(testcase);
    entries.set(keyOf(id, digest), { id, digest, expected, answers });
  }
  return entries;
}

const HEADING = /^(?<space>\S+) (?<expected>SUCCESS|FAILURE) private=(?<private>\S+) strict=(?<strict>\S+)$/u;
const CASE = /^ {2}(?<name>\S+) (?<digest>[0-9a-f]{8})$/u;

/** Reads a ledger. Throws for a line that is neither a comment, a heading nor a case, and for a repeated case. */
export function readLedger(file: string): Ledger {
  const entries = new Map<string, Entry>();
  let heading: Record<string, string> | undefined;
  for (const [index, line] of readFileSync(file, "utf8").split("\n").entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const groups = CASE.exec(line)?.groups;
    if (groups === undefined) {
      heading = HEADING.exec(line)?.groups;
      if (heading === undefined) throw new Error(`${file}:${index + 1}: neither a heading nor a case: ${line}`);
      continue;
    }
    const { space = "", expected, private: underPrivate = "", strict = "" } = heading ?? {};
    if (expected !== "SUCCESS" && expected !== "FAILURE")
      throw new Error(`${file}:${index + 1}: a case without heading`);
    const { name = "", digest = "" } = groups;
    const id = space === TOP ? name : `${space}::${name}`;
    if (entries.has(keyOf(id, digest))) throw new Error(`${file}:${index + 1}: ${id} is kept twice`);
    entries.set(keyOf(id, digest), { id, digest, expected, answers: { private: underPrivate, strict } });
  }
  return entries;
}

/** Writes a ledger: disagreements first, then agreements, each grouped by answers and sorted by id. */
export function writeLedger(file: string, ledger: Ledger): void {
  const groups = Map.groupBy(ledger.values(), headingOf);
  const lines = (disagreeing: boolean): string[] =>
    [...groups]
      .filter(([, cases]) => cases.some(disagrees) === disagreeing)
      .toSorted(([a], [b]) => collator.compare(a, b))
      .flatMap(([heading, cases]) => [
        heading,
        ...cases.toSorted((a, b) => collator.compare(a.id, b.id)).map(({ id, digest }) => `  ${nameOf(id)} ${digest}`),
        "",
      ]);
  const text = [
    "# What trust/ answers to known cases of x509-limbo. `npm run limbo -- FILE... --update-ledger` rewrites this file;",
    "# review the difference. A heading: where the cases stand, what x509-limbo expects, the answers under both profiles.",
    "# A case: its name, and the first 8 digits of the SHA-256 of its content.",
    "",
    "# Disagreements under at least one profile, each waived by a rule of scripts/limbo/judge.ts",
    "",
    ...lines(true),
    "# Agreements under both",
    "",
    ...lines(false),
  ].join("\n");
  writeFileSync(file, text);
}

/** The order of ids: numbers within them are compared as numbers, in the same way on every machine. */
const collator = new Intl.Collator("en", { numeric: true });

/** The namespace of an id without `::`. */
const TOP = ".";

const keyOf = (id: string, digest: string): string => `${id} ${digest}`;
const nameOf = (id: string): string => id.slice(id.lastIndexOf("::") + (id.includes("::") ? 2 : 1));
const spaceOf = (id: string): string => (id.includes("::") ? id.slice(0, id.lastIndexOf("::")) : TOP);

function headingOf({ id, expected, answers }: Entry): string {
  return `${spaceOf(id)} ${expected} private=${answers.private} strict=${answers.strict}`;
}

function disagrees({ expected, answers }: Entry): boolean {
  return [answers.private, answers.strict].some((answer) => (answer === "verified") !== (expected === "SUCCESS"));
}
