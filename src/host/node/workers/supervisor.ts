/**
 * The supervisor of the workers: starts them, replaces those that end, holds the sockets that they accept from, and spreads
 * connections and bundles over them. It serves no request itself.
 */
import type { FromWorker, WorkerSettings } from "./messages.ts";
import { Placement } from "./placement.ts";
import { RestartDelay } from "./restart-delay.ts";
import { SocketLending } from "./socket-lending.ts";
import type { SharedContent, SupervisorOptions } from "./supervisor-options.ts";
import type { TcpHandle } from "./tcp-handle.ts";
import { WorkerProcess } from "./worker-process.ts";

/** No worker could be started, several times in a row. */
export class NoWorkerStarts extends Error {}

/** The number of starts that fail in a row, while no worker serves, before the supervisor gives up. */
const MAX_FAILED_STARTS = 5;
/** The period of looks at whether workers answer; one that is stuck is killed. */
const PING_MS = 10_000;
/** The time that a worker has to end after it was told to. */
const END_MS = 3_000;

/** The workers of one `lasthop serve`. */
export class Supervisor {
  readonly settings: WorkerSettings;
  readonly contents = new Map<number, SharedContent>();
  /** Rejects with NoWorkerStarts when no worker can be started. */
  readonly failed: Promise<never>;
  readonly #options: SupervisorOptions;
  /** One for each slot. */
  readonly #delays: readonly RestartDelay[];
  readonly #workers = new Set<WorkerProcess>();
  readonly #fail: (error: NoWorkerStarts) => void;
  readonly #lending: SocketLending;
  readonly #placement = new Placement(() => this.ready);
  readonly #waitingStarts = new Set<ReturnType<typeof setTimeout>>();
  readonly #looking: ReturnType<typeof setInterval>;
  #started: Promise<void> | null = null;
  #onOutcome: (() => void) | null = null;
  #outcomes = 0;
  #failedStarts = 0;
  #isStopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.#lending = new SocketLending(options.settings.count);
    this.#delays = Array.from({ length: options.settings.count }, () => new RestartDelay());
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.failed = promise;
    this.#fail = reject;
    this.#looking = setInterval(() => {
      for (const worker of this.ready) void worker.ask({ kind: "ping" }).catch(() => undefined);
    }, PING_MS).unref();
  }

  /** The workers that serve. */
  get ready(): readonly WorkerProcess[] {
    return [...this.#workers].filter(({ state }) => state === "ready");
  }

  /** All workers whose process has not ended. */
  get alive(): readonly WorkerProcess[] {
    return [...this.#workers];
  }

  /** Starts the workers, once. Resolves when each has been tried and one at least serves; rejects with NoWorkerStarts. */
  start(): Promise<void> {
    this.#started ??= Promise.race([
      this.failed,
      new Promise<void>((resolve) => {
        this.#onOutcome = (): void => {
          if (this.#outcomes >= this.settings.count && this.ready.length > 0) resolve();
        };
        for (const slot of this.#delays.keys()) this.#startIn(slot);
      }),
    ]);
    return this.#started;
  }

  /** Ends a worker in good order; another takes its place. */
  replace(worker: WorkerProcess, why: string): void {
    this.#options.say(`worker ${worker.pid} ${why}; another takes its place`);
    worker.kill("SIGTERM");
    this.#drains(worker);
  }

  /** Ends all workers. Those that drain already have until `limitMs`. */
  async stop(limitMs: number): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#waitingStarts) clearTimeout(timer);
    const ends = [...this.#workers].map(async (worker) => {
      const isDraining = worker.state === "draining";
      if (!isDraining) worker.send({ kind: "stop" });
      if (!isDraining) worker.state = "ending";
      const timer = setTimeout(() => worker.kill("SIGKILL"), isDraining ? limitMs + END_MS : END_MS);
      await worker.ended;
      clearTimeout(timer);
    });
    clearInterval(this.#looking);
    this.#placement.close();
    await Promise.all(ends);
  }

  /** Ends all workers at once. */
  kill(): void {
    this.#isStopping = true;
    clearInterval(this.#looking);
    for (const worker of this.#workers) worker.kill("SIGKILL");
  }

  /** Lends all sockets to the workers that serve now. The first of them waits for the others, or it would get all clients. */
  lendSockets(): void {
    if (this.#outcomes < this.settings.count) return;
    this.#lending.lend(this.ready, this.contents.values());
  }

  #startIn(slot: number): void {
    if (this.#isStopping) return;
    const { entry, onLines, onCutLine, onSaid } = this.#options;
    const worker = new WorkerProcess(entry, slot, {
      onMessage: (from, message, handle) => this.#onMessage(from, message, handle),
      onEnd: (ended, how) => this.#onEnd(ended, how),
      onLines,
      onCutLine,
      onSaid,
    });
    this.#workers.add(worker);
  }

  /** Tells a new worker all that it has to serve. */
  async #bringUp(worker: WorkerProcess): Promise<void> {
    worker.send({ kind: "start", settings: this.settings });
    const missing = (): SharedContent | undefined =>
      [...this.contents.values()].find(({ serving, version }) => worker.versions.get(serving) !== version);
    try {
      for (let content = missing(); content !== undefined; content = missing()) await content.bring(worker);
    } catch (error) {
      if (worker.state === "starting") this.#options.say(`worker ${worker.pid}: ${String(error)}`);
      return worker.kill("SIGKILL");
    }
    if (worker.state !== "starting" || this.#isStopping) return;
    // A serving may have been closed while the worker loaded it.
    for (const serving of worker.versions.keys())
      if (!this.contents.has(serving)) void worker.ask({ kind: "close", serving, limitMs: 0 }).catch(() => undefined);
    worker.state = "ready";
    worker.readyMs = performance.now();
    this.#failedStarts = 0;
    this.#outcome();
    this.lendSockets();
    this.#placement.retry();
  }

  #outcome(): void {
    this.#outcomes++;
    this.#onOutcome?.();
  }

  #onMessage(worker: WorkerProcess, message: FromWorker, handle: TcpHandle | undefined): void {
    if (message.kind === "up") void this.#bringUp(worker);
    if (message.kind === "connections") worker.said = message;
    if (message.kind === "ask") this.#placement.ask(worker, message.connection);
    if (message.kind === "give" && handle !== undefined) this.#placement.give(message, handle);
    if (message.kind === "took") this.#placement.took(worker, message.connection);
    if (message.kind === "draining" && worker.state !== "draining") {
      this.#options.say(`worker ${worker.pid} was told to end; another takes its place`);
      this.#drains(worker);
    }
    if (message.kind === "counted") this.#options.onCounted(worker, message.metrics);
  }

  #drains(worker: WorkerProcess): void {
    worker.state = "draining";
    this.lendSockets();
    this.#startIn(worker.slot);
  }

  #onEnd(worker: WorkerProcess, how: string): void {
    const isCrash = worker.state !== "draining" && !this.#isStopping;
    worker.state = "ended";
    this.#workers.delete(worker);
    this.#options.onEnded(worker, isCrash);
    this.#placement.ended(worker);
    if (!isCrash) return;
    const { readyMs } = worker;
    const waitMs = this.#delays[worker.slot]?.next(readyMs === null ? 0 : performance.now() - readyMs) ?? 0;
    const what = readyMs === null ? "could not start" : "has ended";
    const next = waitMs === 0 ? "now" : `in ${waitMs / 1_000} s`;
    this.#options.say(`worker ${worker.pid} ${what} (${how}); another takes its place ${next}`);
    if (readyMs === null) this.#outcome();
    // Others accept from its sockets, where connections would wait for its successor.
    this.lendSockets();
    if (readyMs === null) {
      this.#failedStarts++;
      const isServed = [...this.#workers].some((other) => other.readyMs !== null);
      if (!isServed && this.#failedStarts >= Math.max(MAX_FAILED_STARTS, this.settings.count))
        return this.#fail(new NoWorkerStarts(`no worker can start: ${this.#failedStarts} in a row have not (${how})`));
    }
    const timer = setTimeout(() => {
      this.#waitingStarts.delete(timer);
      this.#startIn(worker.slot);
    }, waitMs);
    this.#waitingStarts.add(timer);
  }
}
