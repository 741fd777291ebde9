/**
 * Coverage-guided fuzzing of trust/: `npm run fuzz -- [SECONDS] [--seed N] [--keep]`, 60 seconds by default. The fuzzer starts from the corpus in test/fuzz/corpus, and collects inputs that reach new code, get a new answer, or are charged more work
 * than every earlier input with the same answer. They go to .lasthop/fuzz/trust; with `--keep`, the corpus itself is
 * replaced by the smallest inputs that reach the same code. Exit 1 when an input breaks a rule of test/fuzz/trust.ts; that
 * input is written to .lasthop/fuzz.
 *
 * Jazzer.js is not used, because the prebuilt library in its package needs glibc 2.38.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Coverage } from "../test/fuzz/coverage.ts";
import { mutate, randomFrom } from "../test/fuzz/mutate.ts";
import { type Answer, expectVerdict } from "../test/fuzz/trust.ts";

const ROOT = resolve(import.meta.dirname, "..");
const KEPT = join(ROOT, "test/fuzz/corpus");
const FUZZ = join(ROOT, ".lasthop/fuzz");
const FOUND = join(FUZZ, "trust");
const MAX_INPUT_BYTES = 12_000;
const MAX_CORPUS_BYTES = 250_000;
/** The number of inputs per reading of coverage, which costs more than a verdict. Only a batch with news is read singly. */
const BATCH = 16;
const AIM_MS = 50;
/** An input is more expensive when its work is more than this factor times the most work before. */
const MIN_GROWTH = 1.25;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string" }, keep: { type: "boolean", default: false } },
});
const seconds = Number(positionals[0] ?? 60);
const seed = Number(values.seed ?? Date.now() % 2 ** 32);
if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error("npm run fuzz -- [SECONDS] [--seed N] [--keep]");

const random = randomFrom(seed);
const coverage = new Coverage();
/** The answers so far, as {@link answerText} has them. */
const answers = new Set<string>();
const corpus: Uint8Array[] = [];
const slowest = { cpuMs: 0, name: "" };
const mostExpensive = { work: 0, name: "" };
/** The most work charged for an input, by its answer. */
const mostWork = new Map<string, number>();
const verdicts = new Map<string, number>();
let runs = 0;
let found = 0;
let beyondAim = 0;
mkdirSync(FOUND, { recursive: true });

async function run(data: Uint8Array): Promise<Answer> {
  runs++;
  let answer: Answer;
  try {
    answer = await expectVerdict(data);
  } catch (error) {
    const file = join(FUZZ, `crash-${nameOf(data)}`);
    mkdirSync(FUZZ, { recursive: true });
    writeFileSync(file, data);
    console.error(`${file}:`, error);
    process.exit(1);
  }
  if (answer.cpuMs > AIM_MS) beyondAim++;
  if (answer.cpuMs > slowest.cpuMs) Object.assign(slowest, { cpuMs: answer.cpuMs, name: nameOf(data) });
  if (answer.work > mostExpensive.work) Object.assign(mostExpensive, { work: answer.work, name: nameOf(data) });
  const { verdict } = answer;
  const code = verdict.kind === "verified" ? "verified" : verdict.refusal.code;
  verdicts.set(code, (verdicts.get(code) ?? 0) + 1);
  return answer;
}

/** The text of an answer without numbers and names of the input, so that equal refusals of two inputs are equal texts. */
function answerText({ verdict }: Answer): string {
  if (verdict.kind === "verified") return `verified ${verdict.peer.path.path.length}`;
  const { code, expected, presented, rule = "" } = verdict.refusal;
  const side = code === "malformed" ? presented : expected;
  return `${code} ${rule} ${side.replaceAll(/\d+|0x[\da-f]+/gu, "0").replaceAll(/(?:DNS|IP|URI|email|DirName):.*|CN=.*/gu, "")}`;
}

const nameOf = (data: Uint8Array): string => createHash("sha1").update(data).digest("hex");

/** Whether an input is more expensive than all others with its answer: mutation finds very expensive ones step by step. */
const isMoreExpensive = (answer: Answer): boolean => answer.work > MIN_GROWTH * (mostWork.get(answerText(answer)) ?? 0);

function remember(answer: Answer): void {
  const text = answerText(answer);
  answers.add(text);
  mostWork.set(text, Math.max(answer.work, mostWork.get(text) ?? 0));
}

/** Adds the input to the corpus if it reaches new code, gets a new answer, or is more expensive. */
async function consider(data: Uint8Array): Promise<void> {
  const answer = await run(data);
  const fresh = await coverage.take(true);
  if (fresh === 0 && answers.has(answerText(answer)) && !isMoreExpensive(answer)) return;
  remember(answer);
  corpus.push(data);
  found++;
  if (!values.keep) writeFileSync(join(FOUND, nameOf(data)), data);
}

/** Writes the corpus: the smallest inputs that reach the same code and answers, and the most expensive one. */
async function keep(): Promise<void> {
  const [reached, reachedAnswers] = [new Coverage(), new Set<string>()];
  await reached.start();
  const needed = new Map<string, Uint8Array>();
  let bytes = 0;
  const expensive = corpus.find((data) => nameOf(data) === mostExpensive.name);
  if (expensive !== undefined) {
    needed.set(mostExpensive.name, expensive);
    bytes += expensive.length;
  }
  for (const data of corpus.toSorted((one, other) => one.length - other.length)) {
    const answer = answerText(await run(data));
    const fresh = await reached.take(true);
    if ((fresh === 0 && reachedAnswers.has(answer)) || bytes + data.length > MAX_CORPUS_BYTES) continue;
    reachedAnswers.add(answer);
    bytes += data.length;
    needed.set(nameOf(data), data);
  }
  for (const file of readdirSync(KEPT)) if (!needed.has(file)) rmSync(join(KEPT, file));
  for (const [file, data] of needed) writeFileSync(join(KEPT, file), data);
  console.log(
    `kept: ${needed.size} inputs, ${bytes} bytes, ${reached.characters} characters, ${reachedAnswers.size} answers`,
  );
}

const start = Date.now();
await coverage.start();
for (const file of readdirSync(KEPT).sort()) {
  const data = new Uint8Array(readFileSync(join(KEPT, file)));
  remember(await run(data));
  corpus.push(data);
}
await coverage.take(true);
const kept = { inputs: corpus.length, characters: coverage.characters, answers: answers.size };
while (Date.now() - start < seconds * 1000) {
  const batch: Uint8Array[] = [];
  let hasNews = false;
  while (batch.length < BATCH) {
    const [one, other] = [corpus[random(corpus.length)], corpus[random(corpus.length)]];
    if (one === undefined || other === undefined) throw new Error("the kept corpus is empty: node test/fuzz/seed.ts");
    const data = mutate(one, other, random);
    if (data.length > MAX_INPUT_BYTES) continue;
    batch.push(data);
    const answer = await run(data);
    if (!answers.has(answerText(answer)) || isMoreExpensive(answer)) hasNews = true;
  }
  if (hasNews || (await coverage.take(false)) > 0) {
    await coverage.take(false);
    for (const data of batch) await consider(data);
  }
}
const elapsed = (Date.now() - start) / 1000;
console.log(`seed ${seed}, ${elapsed.toFixed(0)} s, ${runs} inputs run, ${(runs / elapsed).toFixed(0)} a second`);
console.log(
  `kept corpus: ${kept.inputs} inputs reach ${kept.characters} characters of src/trust, ${kept.answers} answers`,
);
console.log(`found: ${found} more; in all ${coverage.characters} characters, ${answers.size} answers`);
if (values.keep) await keep();
console.log(
  `slowest verdict: ${slowest.cpuMs.toFixed(1)} ms of CPU (with coverage), input ${slowest.name}; ${beyondAim} beyond ${AIM_MS} ms`,
);
console.log(`most work charged: ${mostExpensive.work} units, input ${mostExpensive.name}`);
for (const [code, count] of [...verdicts].sort(([, a], [, b]) => b - a)) console.log(`  ${code}: ${count}`);
console.log("every input had a verdict, and none broke a rule");
process.exit(0);
