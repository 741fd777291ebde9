/** Contests: several gateways take turns under the same load; a table shows CPU, throughput and p99 beside a peer's. */
import { load } from "./load.ts";
import { format, ratios, spread } from "./measure.ts";
import { cpuMicros } from "./process.ts";
import { BODIES, type BodyName, GATEWAY_CORE, LOAD_CORE } from "./stage.ts";

/** A gateway that is measured. */
export interface Contestant {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** The Host field of requests, which selects the backend. */
  readonly host: string;
}

interface Contest {
  readonly contestants: readonly Contestant[];
  /** The name of the contestant that the others are compared with. */
  readonly peer: string;
  readonly clients: number;
  readonly body: BodyName;
  readonly rounds: number;
  /** The length of a round. */
  readonly seconds: number;
  /** The highest ratio of a contestant's CPU to the peer's that is a success, by the contestant's name. */
  readonly aims: Readonly<Record<string, number>>;
}

interface Samples {
  failed: number;
  readonly cpu: number[];
  readonly perSecond: number[];
  readonly p99: number[];
}

/** The highest ratio of p99 to the peer's that is a success, for contestants with an aim. */
const P99_AIM = 2;

/** The head of the table that {@link runContest} prints rows of. */
export const CONTEST_HEAD =
  "| clients | body | gateway | CPU, µs a request | of peer | req/s | p99, ms | of peer | aims |\n|---|---|---|---|---|---|---|---|---|";

/** Runs a contest and prints one row for each contestant. The first round is a warm-up and is not counted. */
export async function runContest({ contestants, peer, clients, body, rounds, seconds, aims }: Contest): Promise<void> {
  const samples = new Map<string, Samples>(
    contestants.map(({ name }) => [name, { failed: 0, cpu: [], perSecond: [], p99: [] }]),
  );
  for (let round = 0; round <= rounds; round++) {
    for (const { name, pid, port, host } of contestants) {
      const before = cpuMicros(pid);
      const result = await load({ port, host, path: BODIES[body], clients, seconds, core: LOAD_CORE });
      const cpu = (cpuMicros(pid) - before) / result.requests;
      const own = samples.get(name);
      if (own !== undefined) own.failed += result.failed;
      if (round === 0) continue;
      own?.cpu.push(cpu);
      own?.perSecond.push(result.perSecond);
      own?.p99.push(result.p99Ms);
    }
  }
  const ofPeer = samples.get(peer);
  for (const [name, own] of samples) {
    const cpu = ratios(own.cpu, ofPeer?.cpu ?? []);
    const p99 = ratios(own.p99, ofPeer?.p99 ?? []);
    const aim = aims[name];
    const results = aim === undefined ? [] : [judge("CPU", cpu.median, aim), judge("p99", p99.median, P99_AIM)];
    if (own.failed > 0) results.push(`**${own.failed} requests failed**`);
    console.log(
      `| ${clients} | ${body} | ${name} | ${format(spread(own.cpu), 0)} | ${format(cpu)} | ${format(spread(own.perSecond), 0)} | ${format(spread(own.p99), 1)} | ${format(p99)} | ${results.join(", ")} |`,
    );
  }
}

const judge = (what: string, ratio: number, aim: number): string =>
  ratio <= aim ? `${what} ≤ ${aim} met` : `${what} ≤ ${aim} **missed**`;

/** A paragraph that says how all rows of a table were measured. */
export const contestNote = (rounds: number, seconds: number): string =>
  `Each gateway alone on core ${GATEWAY_CORE}; wrk (closed loop, keep-alive) and the nginx backend on core ${LOAD_CORE}; ${rounds} rounds of ${seconds} s a gateway, interleaved, after one that warms up. CPU is the gateway process's, user and system.\n`;
