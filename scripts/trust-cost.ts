/**
 * `npm run trust:cost [PART OF A NAME]`
 *
 * The CPU time of verdicts on chains made to be expensive (test/trust/hostile), as a ratio to that of a good chain of three
 * certificates in the same run. Each is the minimum of five verdicts by new verifiers. Exit 1 when a ratio is above 20. The
 * third column is the time per charged unit of work in ns, which UNITS in src/trust/budget.ts expect to be at most 10.
 */
import { brief, workOf } from "../test/support/verdicts.ts";
import { type HostileChain, goodChain, hostileChains } from "../test/trust/hostile/chains.ts";

const RUNS = 5;
const MAX_RATIO = 20;
const SHOWN = 15;

interface Cost {
  readonly name: string;
  readonly cpuMs: number;
  readonly work: number;
  readonly verdict: string;
}

async function measure(chain: HostileChain): Promise<Cost> {
  let best: Cost | null = null;
  for (let run = 0; run < RUNS; run++) {
    const start = process.cpuUsage();
    const { verdict, work } = await workOf(chain.trust, chain.presented, chain.staple);
    const { user, system } = process.cpuUsage(start);
    const cpuMs = (user + system) / 1000;
    if (best === null || cpuMs < best.cpuMs) best = { name: chain.name, cpuMs, work, verdict: brief(verdict) };
  }
  if (best === null) throw new Error("measured at least once");
  return best;
}

const part = process.argv[2] ?? "";
const chains = hostileChains().filter(({ name }) => name.includes(part));
const good = goodChain();
// The first verdicts take longer, because V8 compiles the code; they are not measured.
for (let run = 0; run < 100; run++) await workOf(good.trust, good.presented);
const costs: Cost[] = [];
// The good chain is measured again after each other one, so that noise affects both.
const goodRuns: number[] = [];
for (const chain of chains) {
  costs.push(await measure(chain));
  goodRuns.push((await measure(good)).cpuMs);
}
const goodMs = goodRuns.toSorted((a, b) => a - b)[Math.floor(goodRuns.length / 2)] ?? 0;
const sorted = costs.toSorted((a, b) => b.cpuMs - a.cpuMs);
console.log(`a good chain: ${goodMs.toFixed(2)} ms of CPU, the median of ${goodRuns.length} bests of ${RUNS}`);
for (const { name, cpuMs, work, verdict } of sorted.slice(0, SHOWN)) {
  const unit = ((cpuMs * 1e6) / work).toFixed(1);
  console.log(
    `${cpuMs.toFixed(1).padStart(7)} ms ${(cpuMs / goodMs).toFixed(1).padStart(6)}x  ${unit} ns  ${verdict}  ${name}`,
  );
}
const above = sorted.filter(({ cpuMs }) => cpuMs > MAX_RATIO * goodMs);
console.log(`${costs.length} chains, ${above.length} above ${MAX_RATIO} times a good chain`);
process.exitCode = above.length === 0 && costs.length > 0 ? 0 : 1;
