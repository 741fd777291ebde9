/**
 * `npm run trust:cost [PART OF A NAME]`
 *
 * The CPU of verdicts on chains made to be expensive (test/trust/hostile), each as a ratio to a good chain of three
 * certificates in the same run: the best of five, with a new verifier each time. Exit 1 when one is above 20 times the
 * good chain. The last column tells how many ns a charged unit took: UNITS in src/trust/budget.ts mean 10 at most.
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

const wanted = process.argv[2] ?? "";
const chains = hostileChains().filter(({ name }) => name.includes(wanted));
const good = goodChain();
// The first verdicts pay for compiling the code, which no chain is to be charged for.
for (let run = 0; run < 100; run++) await workOf(good.trust, good.presented);
const costs: Cost[] = [];
// The good chain again after each other one: what disturbs the machine disturbs both.
const usual: number[] = [];
for (const chain of chains) {
  costs.push(await measure(chain));
  usual.push((await measure(good)).cpuMs);
}
const goodMs = usual.toSorted((a, b) => a - b)[Math.floor(usual.length / 2)] ?? 0;
const sorted = costs.toSorted((a, b) => b.cpuMs - a.cpuMs);
console.log(`a good chain: ${goodMs.toFixed(2)} ms of CPU, the median of ${usual.length} bests of ${RUNS}`);
for (const { name, cpuMs, work, verdict } of sorted.slice(0, SHOWN)) {
  const unit = ((cpuMs * 1e6) / work).toFixed(1);
  console.log(
    `${cpuMs.toFixed(1).padStart(7)} ms ${(cpuMs / goodMs).toFixed(1).padStart(6)}x  ${unit} ns  ${verdict}  ${name}`,
  );
}
const above = sorted.filter(({ cpuMs }) => cpuMs > MAX_RATIO * goodMs);
console.log(`${costs.length} chains, ${above.length} above ${MAX_RATIO} times a good chain`);
process.exitCode = above.length === 0 && costs.length > 0 ? 0 : 1;
