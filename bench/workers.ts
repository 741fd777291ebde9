/**
 * `lasthop serve --workers` against one process: what a request costs in CPU, supervisor and all workers together, and how
 * even the workers' shares of the requests are, over kept connections and with a connection for each request.
 */
import { cpus } from "node:os";
import { join } from "node:path";
import { load } from "./load.ts";
import { format, ratios, spread } from "./measure.ts";
import { cpuMicros, demand, type Running, start } from "./process.ts";
import { freePort } from "../src/cli/free-port.ts";
import { BODIES, ROOT, setStage, type Stage } from "./stage.ts";

const ROUNDS = Number(process.env["LASTHOP_BENCH_ROUNDS"] ?? 7);
const SECONDS = Number(process.env["LASTHOP_BENCH_SECONDS"] ?? 2);
/** A worker has a part of the requests, so its code is compiled later than that of one process. */
const WARM_UP_ROUNDS = 4;
const CLIENTS = 32;
/** Gateway, load generator and backend share the cores. */
const CORES = "0,1";
/** The number of cores from which throughput says something. */
const MANY_CORES = 4;
/**
 * The options of each row's gateways by its name. The first row is what the others are compared with. Two gateways have half
 * of the clients each: that is what it costs to split the load, without a supervisor.
 */
const ROWS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "one process": [[]],
  "--workers 1": [["--workers", "1"]],
  "--workers 2": [["--workers", "2"]],
  "two gateways apart": [[], []],
};

interface Gateway {
  readonly pid: number;
  readonly port: number;
  readonly metricsPort: number;
}

interface Row {
  readonly name: string;
  readonly gateways: readonly Gateway[];
  readonly cpu: number[];
  readonly perSecond: number[];
  /** The smallest share of the requests that a worker has answered in a round, in percent. */
  readonly smallest: number[];
  failed: number;
}

/** Prints the table of workers. Needs taskset, wrk and nginx. */
export async function benchWorkers(): Promise<void> {
  demand({ taskset: "util-linux", wrk: "wrk", nginx: "nginx-light" });
  const stage = await setStage();
  const running: Running[] = [];
  try {
    console.log("## Workers\n");
    console.log(
      `${CLIENTS} clients, 100 bytes, a TLS backend; gateway, wrk and nginx on cores ${CORES}; ${ROUNDS} rounds of ${SECONDS} s, interleaved, after ${WARM_UP_ROUNDS} that warm up. CPU is that of supervisor and workers together.\n`,
    );
    if (cpus().length < MANY_CORES) console.log(`Throughput of workers: not run, it wants ${MANY_CORES} cores.\n`);
    console.log(
      "| connections | gateway | CPU, µs a request | of one process | req/s | smallest share of a worker, % |",
    );
    console.log("|---|---|---|---|---|---|");
    for (const isShort of [false, true]) {
      const rows: Row[] = [];
      for (const [name, options] of Object.entries(ROWS)) rows.push(await startRow(stage, name, options, running));
      for (let round = 1 - WARM_UP_ROUNDS; round <= ROUNDS; round++)
        for (const row of rows) await runRound(row, isShort, round > 0);
      for (const row of rows) print(row, rows[0] ?? row, isShort ? "one a request" : "kept");
      for (const each of running.splice(0)) await each.stop();
    }
    console.log();
  } finally {
    for (const each of running) await each.stop();
    await stage.close();
  }
}

async function startRow(
  stage: Stage,
  name: string,
  options: readonly (readonly string[])[],
  running: Running[],
): Promise<Row> {
  const gateways: Gateway[] = [];
  for (const each of options) gateways.push(await startGateway(stage, each, running));
  return { name, gateways, cpu: [], perSecond: [], smallest: [], failed: 0 };
}

async function startGateway(stage: Stage, options: readonly string[], running: Running[]): Promise<Gateway> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const main = join(ROOT, "src/cli/main.ts");
  const ports = ["--port-map", `${port}=80`, "--metrics-address", `127.0.0.1:${metricsPort}`];
  const command = [process.execPath, main, "serve", stage.bundleFile, "--no-watch", ...ports, ...options] as const;
  const serving = await start({ command: [...command], core: CORES, port, cwd: stage.directory });
  running.push(serving);
  return { pid: serving.pid, port, metricsPort };
}

async function runRound(row: Row, isShort: boolean, isCounted: boolean): Promise<void> {
  const { gateways } = row;
  const cpuOfAll = (): number => gateways.reduce((sum, { pid }) => sum + cpuMicros(pid), 0);
  const before = await requestsByWorker(row);
  const cpuBefore = cpuOfAll();
  const clients = CLIENTS / gateways.length;
  const request = { host: "h1.example.com", path: BODIES["100 B"], seconds: SECONDS, core: CORES, isShort };
  const results = await Promise.all(gateways.map(({ port }) => load({ port, clients, ...request })));
  const sum = (count: (result: (typeof results)[number]) => number): number =>
    results.reduce((total, result) => total + count(result), 0);
  const cpu = (cpuOfAll() - cpuBefore) / sum(({ requests }) => requests);
  const after = await requestsByWorker(row);
  row.failed += sum(({ failed }) => failed);
  if (!isCounted) return;
  row.cpu.push(cpu);
  row.perSecond.push(sum(({ perSecond }) => perSecond));
  const counts = after.map((count, worker) => count - (before[worker] ?? 0));
  if (counts.length > 0) row.smallest.push((Math.min(...counts) / counts.reduce((all, each) => all + each, 0)) * 100);
}

/** The requests that each worker has answered so far; none without workers. */
async function requestsByWorker({ gateways }: Row): Promise<number[]> {
  const [gateway] = gateways;
  if (gateway === undefined) return [];
  const text = await (await fetch(`http://127.0.0.1:${gateway.metricsPort}/metrics`)).text();
  return [...text.matchAll(/^lasthop_worker_requests_total\{worker="\d+"\} (\d+)$/gm)].map(([, count]) =>
    Number(count),
  );
}

function print(row: Row, peer: Row, connections: string): void {
  const cells = [
    connections,
    row.name,
    format(spread(row.cpu), 0),
    format(ratios(row.cpu, peer.cpu)),
    format(spread(row.perSecond), 0),
    row.smallest.length === 0 ? "" : format(spread(row.smallest), 0),
  ];
  const failed = row.failed > 0 ? ` **${row.failed} requests failed**` : "";
  console.log(`| ${cells.join(" | ")} |${failed}`);
}

if (process.argv[1] === import.meta.filename) await benchWorkers();
