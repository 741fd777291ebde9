/**
 * The CPU cost of one changed object in a cluster of 1,000 and of 10,000 HTTPRoutes, from the controller's list of objects
 * to a gateway that serves: compile, encode and digest; decode and check; make router and backends of the next generation.
 */
import { type Backends, createBackends } from "../src/backend/backends.ts";
import { decodeBundle } from "../src/bundle/codec.ts";
import type { Bundle } from "../src/bundle/types.ts";
import { NO_SECRETS } from "../src/bundle/secrets.ts";
import { clusterCompiler, Diagnostics, type RawObject } from "../src/compile/index.ts";
import { readObjects } from "../src/compile/document/objects.ts";
import { createGateway, type Gateway } from "../src/gateway/gateway.ts";
import { nodeRuntime } from "../src/host/node/runtime.ts";
import { mintCa } from "../test/support/pki.ts";
import { generate, type Scale } from "./generate.ts";
import { format, spread } from "./measure.ts";

const ROUNDS = 30;
/** The number of rounds before measuring, in which V8 optimizes the code. */
const WARM_UP = 10;
const SCALES: readonly Scale[] = [
  { routes: 1_000, policies: 100, services: 500, endpoints: 2_000 },
  { routes: 10_000, policies: 1_000, services: 5_000, endpoints: 20_000 },
];
const OPTIONS = {
  allowLoopback: false,
  allowAddressAnnotation: false,
  allowExternalName: false,
  requireBackendTls: false,
};

/** A change of the cluster: replaces or removes one object. */
type Change = (objects: readonly RawObject[], round: number) => readonly RawObject[];

const CHANGES: Readonly<Record<string, Change>> = {
  "HTTPRoute changed": replaced("HTTPRoute", (text, round) => text.replace(/"\/team[^"]*"/, `"/round${round}"`)),
  "EndpointSlice changed": replaced("EndpointSlice", (text, round) =>
    text.replace(/"10\.[^"]*"/, `"10.200.0.${(round % 250) + 1}"`),
  ),
  "BackendTLSPolicy changed": replaced("BackendTLSPolicy", (text, round) =>
    text.replace(/"svc-[^"]*\.internal"/, `"round${round}.internal"`),
  ),
  "HTTPRoute removed": (objects, round) => objects.toSpliced(pick(objects, "HTTPRoute", round), 1),
};

/** Prints the table of changes. */
export async function benchIncremental(): Promise<void> {
  const { certPem } = await mintCa({ name: "bench CA" });
  console.log(`## One object changes (CPU ms of one process; ${ROUNDS} rounds, changes interleaved)\n`);
  console.log("| routes | change | compile, encode, digest | decode, check | swap | all |\n|---|---|---|---|---|---|");
  const totals: number[] = [];
  for (const scale of SCALES) {
    const { first, samples } = measure(scale, certPem);
    console.log(
      `| ${scale.routes} | everything, first | ${first.map((ms) => ms.toFixed(0)).join(" | ")} | ${sum(first).toFixed(0)} |`,
    );
    for (const [name, rows] of Object.entries(samples)) {
      const columns = [0, 1, 2].map((column) => format(spread(rows.map((row) => row[column] ?? Number.NaN)), 1));
      const all = spread(rows.map(sum));
      if (name === "HTTPRoute changed") totals.push(all.median);
      console.log(`| ${scale.routes} | ${name} | ${columns.join(" | ")} | ${format(all, 1)} |`);
    }
  }
  const [small = Number.NaN, large = Number.NaN] = totals;
  console.log(`\nTen times the cluster: ${(large / small).toFixed(1)} times the cost of one changed HTTPRoute.\n`);
}

type Row = readonly [compile: number, decode: number, swap: number];

function measure(scale: Scale, caPem: string): { first: Row; samples: Record<string, Row[]> } {
  const { objects: read } = readObjects([{ file: "bench.yaml", text: generate(scale, caPem) }], new Diagnostics());
  // The controller's objects come from an API server and have no line in a file.
  let objects: readonly RawObject[] = read.map((raw) => ({ ...raw, locate: () => null }));
  const compile = clusterCompiler(OPTIONS);
  const serve = server();
  const step = (): Row => {
    const [compileMs, { gateways }] = cpu(() => compile(objects));
    return [compileMs, ...serve(gateways[0]?.text ?? "")];
  };
  const first = step();
  const samples: Record<string, Row[]> = Object.fromEntries(Object.keys(CHANGES).map((name) => [name, []]));
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (const [name, change] of Object.entries(CHANGES)) {
      objects = change(objects, round);
      const row = step();
      if (round >= WARM_UP) samples[name]?.push(row);
    }
  }
  return { first, samples };
}

interface Served {
  readonly bundle: Bundle;
  readonly backends: Backends;
  readonly gateway: Gateway;
}

/** A function that loads one bundle after another, as a host does, and returns the CPU ms of both steps. */
function server(): (text: string) => [decode: number, swap: number] {
  const runtime = nodeRuntime();
  let served: Served | null = null;
  const swap = (bundle: Bundle, previous: Served | null): Served => {
    const backends = previous?.backends.succeed(bundle, NO_SECRETS) ?? createBackends({ bundle, runtime });
    const gateway = createGateway({
      bundle,
      backends,
      log: () => {},
      capabilities: [],
      monotonicMs: runtime.monotonicMs,
      random: Math.random,
      previous: previous?.gateway,
    });
    return { bundle, backends, gateway };
  };
  return (text) => {
    const [decodeMs, bundle] = cpu(() => decodeBundle(text, runtime.sha256, served?.bundle));
    const [swapMs, next] = cpu(() => swap(bundle, served));
    served = next;
    return [decodeMs, swapMs];
  };
}

function cpu<T>(work: () => T): [ms: number, result: T] {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return [(user + system) / 1_000, result];
}

const sum = (row: readonly number[]): number => row.reduce((total, ms) => total + ms, 0);

/** The index of an object of `kind`, another one in each round. */
function pick(objects: readonly RawObject[], kind: string, round: number): number {
  const own = [...objects.entries()].filter(([, { ref }]) => ref.kind === kind);
  return own[(round * 7_919) % own.length]?.[0] ?? 0;
}

/** A change that replaces an object of `kind` by one whose JSON is `change` of the old object's. */
function replaced(kind: string, change: (text: string, round: number) => string): Change {
  return (objects, round) => {
    const index = pick(objects, kind, round);
    const raw = objects[index];
    if (raw === undefined) throw new Error(`no ${kind}`);
    const before = JSON.stringify(raw.value);
    const text = change(before, round);
    if (text === before) throw new Error(`nothing of ${kind} changed`);
    return objects.with(index, { ...raw, value: JSON.parse(text) as Record<string, unknown> });
  };
}

if (process.argv[1] === import.meta.filename) await benchIncremental();
