/**
 * The metrics of a supervisor and its workers as those of one gateway: counters and histograms are summed, and those of
 * workers that have ended stay in the sum, so that no counter ever falls; gauges are combined by what they mean.
 */
import {
  AggregatorRegistry,
  Counter,
  Gauge,
  type MetricObjectWithValues,
  type MetricValue,
  type Registry,
} from "prom-client";
import type { WorkerProcess } from "./worker-process.ts";

/** The values of all metrics of one process. */
type Values = MetricObjectWithValues<MetricValue<string>>[];

/** Gauges that are not summed. Each worker says of the same bundle or machine what the others say. */
const MEANINGS: Readonly<Record<string, "max" | "min" | "first">> = {
  // Each worker leaves endpoints out by itself, mostly the same ones.
  lasthop_backend_ejected: "max",
  lasthop_bundle_info: "max",
  lasthop_plaintext_backends: "max",
  process_start_time_seconds: "min",
  process_max_fds: "min",
  nodejs_version_info: "first",
  nodejs_eventloop_lag_min_seconds: "min",
};
const LAG = /^nodejs_eventloop_lag_/;

/** The time that a worker has to say its metrics; those that it said last are taken for one that does not. */
const COUNTING_MS = 1_000;

/** The metrics of all workers together. */
export class CombinedMetrics {
  readonly #own: Registry;
  readonly #workers: () => readonly WorkerProcess[];
  readonly #last = new Map<WorkerProcess, Values>();
  /** The counters of workers that have ended. */
  #ended: Values = [];
  /** The requests that ended workers have answered, by slot. */
  readonly #endedRequests = new Map<number, number>();

  /** `own`: what the supervisor counts itself. */
  constructor(own: Registry, workers: () => readonly WorkerProcess[]) {
    this.#own = own;
    this.#workers = workers;
    const isServing = ({ state }: WorkerProcess): boolean => state === "ready";
    own.registerMetric(
      new Gauge({
        name: "lasthop_workers",
        help: "Workers that serve.",
        registers: [],
        collect() {
          this.set(workers().filter(isServing).length);
        },
      }),
    );
    const requests = (): ReadonlyMap<number, number> => this.#requestsBySlot();
    own.registerMetric(
      new Counter({
        name: "lasthop_worker_requests_total",
        help: "Of lasthop_requests_total, those of each worker and of the ones before it in its place.",
        labelNames: ["worker"] as const,
        registers: [],
        collect() {
          this.reset();
          for (const [slot, count] of requests()) this.inc({ worker: String(slot + 1) }, count);
        },
      }),
    );
  }

  get contentType(): string {
    return this.#own.contentType;
  }

  /** The text of an answer to Prometheus. */
  async metrics(): Promise<string> {
    const counting = this.#workers().filter(({ state }) => state !== "starting");
    await Promise.all(counting.map((worker) => this.#ask(worker)));
    return combined([await this.#own.getMetricsAsJSON(), this.#ended, ...this.#last.values()]).metrics();
  }

  /** Notes what a worker has counted. */
  counted(worker: WorkerProcess, values: unknown): void {
    if (worker.state !== "ended") this.#last.set(worker, values as Values);
  }

  /** Keeps the counters of a worker that has ended, as far as it has said them. */
  async ended(worker: WorkerProcess): Promise<void> {
    const counters = (this.#last.get(worker) ?? []).filter(({ type }) => String(type) !== "gauge");
    this.#last.delete(worker);
    this.#endedRequests.set(worker.slot, (this.#endedRequests.get(worker.slot) ?? 0) + requestsIn(counters));
    this.#ended = await combined([this.#ended, counters]).getMetricsAsJSON();
  }

  #requestsBySlot(): ReadonlyMap<number, number> {
    const bySlot = new Map(this.#endedRequests);
    for (const [{ slot }, values] of this.#last) bySlot.set(slot, (bySlot.get(slot) ?? 0) + requestsIn(values));
    return bySlot;
  }

  async #ask(worker: WorkerProcess): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((resolve) => void (timer = setTimeout(() => resolve(null), COUNTING_MS)));
    const values = await Promise.race([
      worker.ask({ kind: "metrics" }, Number.POSITIVE_INFINITY).catch(() => null),
      late,
    ]);
    clearTimeout(timer);
    if (values !== null) this.counted(worker, values);
  }
}

const requestsIn = (values: Values): number =>
  values
    .filter(({ name }) => name === "lasthop_requests_total")
    .flatMap((metric) => metric.values)
    .reduce((sum, { value }) => sum + value, 0);

function combined(all: readonly Values[]): Registry {
  const meant = all.map((values) => values.map((metric) => ({ ...metric, aggregator: meaningOf(metric) })));
  return AggregatorRegistry.aggregate(meant);
}

const meaningOf = ({ name, type }: Values[number]): "sum" | "max" | "min" | "first" =>
  MEANINGS[name] ?? (String(type) === "gauge" && LAG.test(name) ? "max" : "sum");
