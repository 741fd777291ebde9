/**
 * Splices: the rest of a backend's response goes to a client inside the module, from one connection to the other. A call
 * about one connection then gives the other one work, which the module lists and this file has done.
 */
import { SPLICE } from "./abi.ts";
import { ConnectionError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import type { Instance } from "./instance.ts";
import type { RoomWait } from "./request-body.ts";
import type { ServingConnection } from "./serving-connection.ts";

/** The period in which the progress of all splices is looked at. A time limit is kept to this much. */
const CHECK_MS = 250;

/**
 * Has the rest of the response of `source` follow what was written of the response to the request `served`. Both
 * connections are of one instance. Resolves when the splice is over: `source` then has the last event, or, where the client
 * has left, what is left of the body.
 */
export async function splice(
  source: Exchange,
  client: ServingConnection,
  served: number,
  clientWait: RoomWait | undefined,
): Promise<void> {
  const running = new Splice(source, client, served, clientWait);
  const splices = Splices.of(client.module.instance);
  splices.add(running);
  try {
    if (!running.begin()) return;
    while (source.isOpen && !running.isOver) await source.changed();
  } finally {
    splices.remove(running);
    running.end();
  }
}

/** One splice. */
class Splice {
  readonly source: Exchange;
  readonly client: ServingConnection;
  readonly #served: number;
  readonly #clientWait: RoomWait | undefined;
  #isWaitingForClient = false;
  /** The time since which the backend has sent nothing that the client could have taken. */
  #silentSinceMs = performance.now();

  constructor(source: Exchange, client: ServingConnection, served: number, clientWait: RoomWait | undefined) {
    this.source = source;
    this.client = client;
    this.#served = served;
    this.#clientWait = clientWait;
  }

  /** Begins; false when one of the two requests is over already. */
  begin(): boolean {
    const { client, source } = this;
    const { instance, handle } = client.module;
    if (instance.trapped !== null) return false;
    const backend = source.pump.module.handle;
    if (instance.call((wasm) => wasm.splice(handle, this.#served, backend, source.number)) < 0) return false;
    client.schedule();
    source.pump.schedule();
    return true;
  }

  /** Whether the module passes nothing on any more. */
  get isOver(): boolean {
    return this.#progress() === null;
  }

  /** Looks at the time limits: of a backend that sends nothing, and of a client that takes nothing. */
  check(): void {
    const progress = this.#progress();
    if (progress === null) return this.source.notify();
    const nowMs = performance.now();
    const { moved, waitsForClient } = progress;
    if (moved > 0 || waitsForClient) this.#silentSinceMs = nowMs;
    this.#waitForClient(waitsForClient, moved);
    const { bodyIdleMs } = this.source.options;
    if (bodyIdleMs === undefined || nowMs - this.#silentSinceMs <= bodyIdleMs) return;
    this.source.cancel(new ConnectionError("stalled", `nothing for ${bodyIdleMs} ms`, { sent: "maybe" }));
  }

  end(): void {
    this.#waitForClient(false, 0);
  }

  #waitForClient(isWaiting: boolean, moved: number): void {
    if (this.#isWaitingForClient && (moved > 0 || !isWaiting)) {
      this.#isWaitingForClient = false;
      this.#clientWait?.ended(moved);
    }
    if (isWaiting && !this.#isWaitingForClient) {
      this.#isWaitingForClient = true;
      this.#clientWait?.began(0);
    }
  }

  /** The bytes moved since the last call, and whether more wait for the client; null when the splice is over. */
  #progress(): { readonly moved: number; readonly waitsForClient: boolean } | null {
    const { instance, handle } = this.client.module;
    if (instance.trapped !== null) return null;
    const answer = instance.call((wasm) => wasm.splice_progress(handle, this.#served));
    if (answer < 0 || (answer & SPLICE.over) !== 0) return null;
    return { moved: answer >> SPLICE.movedShift, waitsForClient: (answer & SPLICE.waitsForClient) !== 0 };
  }
}

/** The splices of one instance. */
class Splices {
  static readonly #all = new WeakMap<Instance, Splices>();
  readonly #instance: Instance;
  readonly #running = new Set<Splice>();
  /** What lets a connection act, by its handle, and the number of its splices. */
  readonly #connections = new Map<number, { readonly flush: () => void; splices: number }>();
  #checking: ReturnType<typeof setInterval> | undefined;
  #isScheduled = false;

  private constructor(instance: Instance) {
    this.#instance = instance;
    instance.onOthers = () => this.#schedule();
  }

  static of(instance: Instance): Splices {
    let splices = Splices.#all.get(instance);
    if (splices === undefined) Splices.#all.set(instance, (splices = new Splices(instance)));
    return splices;
  }

  add(splice: Splice): void {
    const { client, source } = splice;
    this.#running.add(splice);
    this.#connect(client.module.handle, () => client.flush());
    this.#connect(source.pump.module.handle, source.pump.flush);
    this.#checking ??= setInterval(() => {
      for (const each of this.#running) each.check();
    }, CHECK_MS);
  }

  remove(splice: Splice): void {
    this.#running.delete(splice);
    for (const handle of [splice.client.module.handle, splice.source.pump.module.handle]) {
      const connection = this.#connections.get(handle);
      if (connection !== undefined && --connection.splices === 0) this.#connections.delete(handle);
    }
    if (this.#running.size > 0) return;
    clearInterval(this.#checking);
    this.#checking = undefined;
  }

  #connect(handle: number, flush: () => void): void {
    const connection = this.#connections.get(handle);
    if (connection === undefined) this.#connections.set(handle, { flush, splices: 1 });
    else connection.splices++;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#instance.soon(this.#act);
  }

  /** Lets all connections act that calls about others have given work. */
  readonly #act = (): void => {
    this.#isScheduled = false;
    while (this.#instance.trapped === null) {
      let handle = 0;
      try {
        handle = this.#instance.call((wasm) => wasm.next_changed());
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        return; // The instance has trapped, which ends its connections.
      }
      if (handle <= 0) return;
      this.#connections.get(handle)?.flush();
    }
  };
}
