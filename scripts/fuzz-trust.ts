/**
 * Coverage-guided fuzzing of trust/: `npm run fuzz -- [SECONDS] [--seed N] [--keep]`, 60 seconds by default. It starts
 * from the kept corpus, test/fuzz/corpus, and collects what reaches new code, is answered in new words, or is charged
 * more work than any input before with the same answer: in .lasthop/fuzz/trust, or with `--keep` in the kept corpus
 * itself, less what became needless. Exit 1 on an input that
 * breaks a rule of test/fuzz/trust.ts; it then lies in .lasthop/fuzz.
 *
 * Jazzer.js would do it, but its only prebuilt library that comes with the package needs glibc 2.38.
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
/** Coverage costs more than a verdict: it is asked for once for so many, and again for each if something was new. */
const BATCH = 16;
const AIM_MS = 50;
/** An input that is charged so many times what the dearest before it was is news. */
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
const words = new Set<string>();
const corpus: Uint8Array[] = [];
const slowest = { cpuMs: 0, name: "" };
const dearest = { work: 0, name: "" };
/** The most work charged for an input, by its answer. */
const most = new Map<string, number>();
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
  if (answer.work > dearest.work) Object.assign(dearest, { work: answer.work, name: nameOf(data) });
  const { verdict } = answer;
  const code = verdict.kind === "verified" ? "verified" : verdict.refusal.code;
  verdicts.set(code, (verdicts.get(code) ?? 0) + 1);
  return answer;
}

/** What the verdict says, without what the input says: two different refusals are two different ways. */
function wordsOf({ verdict }: Answer): string {
  if (verdict.kind === "verified") return `verified ${verdict.peer.path.path.length}`;
  const { code, expected, presented, rule = "" } = verdict.refusal;
  const said = code === "malformed" ? presented : expected;
  return `${code} ${rule} ${said.replaceAll(/\d+|0x[\da-f]+/gu, "0").replaceAll(/(?:DNS|IP|URI|email|DirName):.*|CN=.*/gu, "")}`;
}

const nameOf = (data: Uint8Array): string => createHash("sha1").update(data).digest("hex");

/**
 * Whether the input is charged more than every other of its answer, by enough to count: the way to what is expensive
 * leads through many inputs that are each a little more so.
 */
const isDearer = (answer: Answer): boolean => answer.work > MIN_GROWTH * (most.get(wordsOf(answer)) ?? 0);

function remember(answer: Answer): void {
  const said = wordsOf(answer);
  words.add(said);
  most.set(said, Math.max(answer.work, most.get(said) ?? 0));
}

/** Puts the input into the corpus if it reached something new, or costs more than before. */
async function consider(data: Uint8Array): Promise<void> {
  const answer = await run(data);
  const fresh = await coverage.take(true);
  if (fresh === 0 && words.has(wordsOf(answer)) && !isDearer(answer)) return;
  remember(answer);
  corpus.push(data);
  found++;
  if (!values.keep) writeFileSync(join(FOUND, nameOf(data)), data);
}

/** The kept corpus anew: the smallest inputs that still reach all of it, as many as fit. */
async function keep(): Promise<void> {
  const [reached, said] = [new Coverage(), new Set<string>()];
  await reached.start();
  const needed = new Map<string, Uint8Array>();
  let bytes = 0;
  const dear = corpus.find((data) => nameOf(data) === dearest.name);
  if (dear !== undefined) {
    needed.set(dearest.name, dear);
    bytes += dear.length;
  }
  for (const data of corpus.toSorted((one, other) => one.length - other.length)) {
    const answer = wordsOf(await run(data));
    const fresh = await reached.take(true);
    if ((fresh === 0 && said.has(answer)) || bytes + data.length > MAX_CORPUS_BYTES) continue;
    said.add(answer);
    bytes += data.length;
    needed.set(nameOf(data), data);
  }
  for (const file of readdirSync(KEPT)) if (!needed.has(file)) rmSync(join(KEPT, file));
  for (const [file, data] of needed) writeFileSync(join(KEPT, file), data);
  console.log(`kept: ${needed.size} inputs, ${bytes} bytes, ${reached.characters} characters, ${said.size} answers`);
}

const start = Date.now();
await coverage.start();
for (const file of readdirSync(KEPT).sort()) {
  const data = new Uint8Array(readFileSync(join(KEPT, file)));
  remember(await run(data));
  corpus.push(data);
}
await coverage.take(true);
const kept = { inputs: corpus.length, characters: coverage.characters, words: words.size };
while (Date.now() - start < seconds * 1000) {
  const batch: Uint8Array[] = [];
  let news = false;
  while (batch.length < BATCH) {
    const [one, other] = [corpus[random(corpus.length)], corpus[random(corpus.length)]];
    if (one === undefined || other === undefined) throw new Error("the kept corpus is empty: node test/fuzz/seed.ts");
    const data = mutate(one, other, random);
    if (data.length > MAX_INPUT_BYTES) continue;
    batch.push(data);
    const answer = await run(data);
    if (!words.has(wordsOf(answer)) || isDearer(answer)) news = true;
  }
  if (news || (await coverage.take(false)) > 0) {
    await coverage.take(false);
    for (const data of batch) await consider(data);
  }
}
const elapsed = (Date.now() - start) / 1000;
console.log(`seed ${seed}, ${elapsed.toFixed(0)} s, ${runs} inputs run, ${(runs / elapsed).toFixed(0)} a second`);
console.log(
  `kept corpus: ${kept.inputs} inputs reach ${kept.characters} characters of src/trust, ${kept.words} answers`,
);
console.log(`found: ${found} more; in all ${coverage.characters} characters, ${words.size} answers`);
if (values.keep) await keep();
console.log(
  `slowest verdict: ${slowest.cpuMs.toFixed(1)} ms of CPU (with coverage), input ${slowest.name}; ${beyondAim} beyond ${AIM_MS} ms`,
);
console.log(`most work charged: ${dearest.work} units, input ${dearest.name}`);
for (const [code, count] of [...verdicts].sort(([, a], [, b]) => b - a)) console.log(`  ${code}: ${count}`);
console.log("every input had a verdict, and none broke a rule");
process.exit(0);
