/**
 * `npm run differential -- [COUNT] [--seed N]` (1,500 graphs and seed 1 by default): random certificate graphs, minted
 * by graphs/ (Go's standard library alone), are put to lasthop and to Go's crypto/x509.
 *
 * A path that lasthop accepts has to be one that Go accepts, and the other way round, except for the classes of
 * classes.ts. Exit 1 on any other disagreement, on a class that has grown out of proportion, and when too few cases are
 * accepted for the comparison to mean anything.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Refusal, VerifiedPeer } from "../../src/trust/index.ts";
import { type GraphCase, pathOf } from "./case.ts";
import { HOME, buildGraphs, verdictOn } from "./lasthop.ts";
import { LOOSER, STRICTER, looser, stricter } from "./classes.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string", default: "1" } },
});
const count = Number(positionals[0] ?? 1_500);
const seed = Number(values.seed);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed) || seed < 0)
  throw new RangeError("usage: npm run differential -- [COUNT] [--seed N]");

/** The share of cases that may fall into one class, and that both have to accept. */
const MAX_CLASS_SHARE = 0.03;
const MIN_ACCEPTED_SHARE = 0.2;
/** The number of graphs that are in memory at a time. */
const BATCH = 1_000;
const graphs = buildGraphs();
const classes = new Map<string, number>();
const tally = { both: 0, neither: 0, accepted: 0, refused: 0, open: 0 };

for (let first = 0; first < count; first += BATCH) {
  const batch = mint(first, Math.min(BATCH, count - first));
  const unsettled: { testcase: GraphCase; path: readonly number[] }[] = [];
  for (const testcase of batch) {
    const verdict = await verdictOn(testcase);
    if (verdict.kind === "refused") {
      settleRefusal(testcase, verdict.refusal);
      continue;
    }
    const path = placesOf(testcase, verdict.peer);
    if (isAmong(testcase.chains, path)) tally.both++;
    else unsettled.push({ testcase, path });
  }
  settleAccepts(unsettled);
}
report();

/** The cases of these numbers: the same seed and number give the same graph. */
function mint(from: number, many: number): GraphCase[] {
  const text = execFileSync(graphs, ["mint", `${seed}`, `${from}`, `${many}`], {
    encoding: "utf8",
    maxBuffer: 1 << 30,
  });
  return text
    .trimEnd()
    .split("\n")
    .map((line): GraphCase => JSON.parse(line));
}

/** The path of a verified peer as places among the certificates. */
function placesOf({ certificates }: GraphCase, { path: { path } }: VerifiedPeer): readonly number[] {
  return path.map((der) => {
    const text = Buffer.from(der).toString("base64");
    return certificates.findIndex((certificate) => certificate.der === text);
  });
}

/** Judges a refusal by lasthop: every chain that Go accepts has to break a rule that only lasthop has. */
function settleRefusal(testcase: GraphCase, refusal: Refusal): void {
  if (testcase.chains.length === 0) {
    tally.neither++;
    return;
  }
  const broken = testcase.chains.map((chain) => stricter(testcase, pathOf(testcase, chain)));
  const named = broken.every((rules) => rules.length > 0);
  if (!named) {
    open(testcase, `Go accepts a chain that breaks no rule of lasthop's: ${inWords(refusal)}`);
    return;
  }
  tally.refused++;
  for (const rule of new Set(broken.flat())) countIn(rule);
}

function inWords({ code, position, expected, presented }: Refusal): string {
  return `${code} at ${position}, expected ${expected}, presented ${presented}`;
}

/** Judges paths that lasthop accepts and Go does not list: Go accepts such a path by itself, or a class names it. */
function settleAccepts(accepts: readonly { readonly testcase: GraphCase; readonly path: readonly number[] }[]): void {
  const asked = accepts.map(({ testcase, path }) => {
    const certificates = pathOf(testcase, path).map(({ der }) => der);
    return JSON.stringify({ at: testcase.at, question: testcase.question, certificates });
  });
  const { stdout, status } = spawnSync(graphs, ["explain"], { input: asked.join("\n"), encoding: "utf8" });
  if (status !== 0) throw new Error("graphs explain failed");
  const answers = stdout.split("\n").filter((line) => line !== "");
  for (const [at, { testcase, path }] of accepts.entries()) {
    const { refused }: { refused: string } = JSON.parse(answers[at] ?? "{}");
    const rules = refused === "" ? [] : looser(pathOf(testcase, path), refused);
    if (refused === "" && testcase.chains.length > 0) tally.both++;
    else if (refused === "") countIn("go-signature-limit");
    else if (rules.length > 0) {
      tally.accepted++;
      for (const rule of rules) countIn(rule);
    } else open(testcase, `lasthop accepts ${path.join(" < ")}, of which Go says: ${refused || testcase.refused}`);
  }
}

/** Counts a disagreement that no class names, and keeps its case in a file. */
function open(testcase: GraphCase, what: string): void {
  tally.open++;
  const file = join(HOME, `open-${seed}-${testcase.index}.json`);
  writeFileSync(file, `${JSON.stringify(testcase, null, 2)}\n`);
  console.log(`DISAGREE  case ${testcase.index}: ${what} (${file})`);
}

function countIn(name: string): void {
  classes.set(name, (classes.get(name) ?? 0) + 1);
}

function report(): void {
  const known = {
    ...STRICTER,
    ...LOOSER,
    "go-signature-limit":
      "Go gives up after 100 signatures, and does not say so when it has found another path; asked alone, it accepts",
  };
  let overgrown = 0;
  console.log(`seed ${seed}, ${count} graphs; disagreements by class:`);
  for (const [name, reason] of Object.entries(known)) {
    const cases = classes.get(name) ?? 0;
    const large = cases > 3 && cases > count * MAX_CLASS_SHARE;
    if (large) overgrown++;
    console.log(`${large ? "TOO MANY" : "        "} ${`${cases}`.padStart(6)}  ${name}: ${reason}`);
  }
  const enough = tally.both >= count * MIN_ACCEPTED_SHARE;
  if (!enough) console.log(`TOO FEW: both accept only ${tally.both} of ${count}`);
  console.log(
    `both accept ${tally.both}, both refuse ${tally.neither}; by a class, lasthop alone accepts ${tally.accepted} and alone refuses ${tally.refused}`,
  );
  console.log(
    `${count - tally.open} of ${count} agree or are classed, ${tally.open} disagree, ${overgrown} classes too large`,
  );
  process.exitCode = tally.open === 0 && overgrown === 0 && enough ? 0 : 1;
}

function isAmong(chains: readonly (readonly number[])[], path: readonly number[]): boolean {
  return chains.some((chain) => chain.join() === path.join());
}
