/** Pool, keyed pools and room under random requests, dials, failures, limits and aborts: what must hold after each event. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { DEFAULT_POOL_LIMITS, YIELD_MS } from "../../src/backend/limits.ts";
import { Pool } from "../../src/backend/pool/pool.ts";
import type { Lease } from "../../src/backend/pool/pooled-connection.ts";
import type { Waiter } from "../../src/backend/pool/waiter.ts";
import { type HeldDial, heldDialer, settle, Unconnected } from "./fixtures/unconnected.ts";

const KEYS = ["a", "b", "c"] as const;
type Key = (typeof KEYS)[number];
const LIMITS = { ...DEFAULT_POOL_LIMITS, connections: 3, connectionsPerKey: 2, idlePerKey: 1 };
/** Steps that one event may cause, for each request under way: a bound that a loop would break. */
const MAX_STEPS = 20;

type Command =
  | { readonly kind: "ask"; readonly key: Key; readonly isFresh: boolean }
  | { readonly kind: "finish" | "abort" | "fail" | "peer-closes"; readonly at: number }
  | { readonly kind: "open"; readonly at: number; readonly isHttp2: boolean }
  | { readonly kind: "time-passes"; readonly ms: number };

/** An event, and perhaps a request that leaves before all that follows from the event has happened. */
interface Step {
  readonly command: Command;
  readonly leaving: { readonly at: number; readonly microtasks: number } | null;
}

const at = fc.nat(9);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      key: fc.constantFrom(...KEYS),
      isFresh: fc.integer({ max: 9, min: 0 }).map((tenth) => tenth === 0),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("open" as const), at, isHttp2: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("finish" as const), at }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("abort", "fail", "peer-closes"), at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("time-passes" as const), ms: fc.constant(60) }) },
);
const step: fc.Arbitrary<Step> = fc.record({
  command,
  leaving: fc.option(fc.record({ at, microtasks: fc.nat(8) }), { freq: 3 }),
});

it("keeps its bounds and the order of requests, lets nobody wait beside room, and leaks nothing", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
      const world = new World();
      for (const each of steps) {
        const before = world.steps;
        await world.run(each);
        world.check();
        expect(world.steps - before, "steps for one event").toBeLessThanOrEqual(MAX_STEPS * (world.requests.size + 1));
      }
      await world.finishAll();
      expect(world.requests.size, "requests that never ended").toBe(0);
      expect(world.pool.open, "open connections are the idle ones").toBe(world.pool.idle);
      world.pool.close();
      await settle();
      expect(world.pool.open).toBe(0);
    }),
    { numRuns: 300 },
  );
});

interface Request {
  readonly key: Key;
  readonly sinceMs: number;
  /** Requests of one time are in the order of their numbers. */
  readonly number: number;
  readonly isFresh: boolean;
  readonly abort: AbortController;
  waiter: Waiter | null;
  lease: Lease | null;
}

interface Dial {
  readonly key: Key;
  readonly dial: HeldDial;
}

class World {
  #nowMs = 1_000;
  readonly #monotonicMs = (): number => {
    this.steps++;
    return this.#nowMs;
  };
  readonly pool = new Pool(LIMITS, { monotonicMs: this.#monotonicMs, now: () => this.#nowMs }, () => 0.5);
  /** Decisions of the pool, each of which reads the clock. */
  steps = 0;
  readonly requests = new Set<Request>();
  readonly #dials: Dial[] = [];
  readonly #open = new Map<Unconnected, Key>();
  #asked = 0;
  /** Requests that waited while a connection which had served before went to one that came later. */
  #overtaken = 0;

  async run({ command: each, leaving }: Step): Promise<void> {
    switch (each.kind) {
      case "ask":
        void this.#ask(each.key, each.isFresh);
        break;
      case "open":
        this.#openOne(each.at, each.isHttp2);
        break;
      case "fail":
        this.#dials.splice(each.at % Math.max(this.#dials.length, 1), 1)[0]?.dial.fail();
        break;
      case "finish":
        this.#finish([...this.requests].filter(({ lease }) => lease !== null)[each.at]);
        break;
      case "abort":
        [...this.requests].filter(({ lease }) => lease === null)[each.at]?.abort.abort("gone");
        break;
      case "peer-closes":
        [...this.#open.keys()][each.at]?.close();
        break;
      case "time-passes":
        this.#nowMs += each.ms;
    }
    if (leaving !== null) {
      await settle(leaving.microtasks);
      [...this.requests].filter(({ lease }) => lease === null)[leaving.at]?.abort.abort("gone");
    }
    await settle();
    for (const connection of this.#open.keys()) if (!connection.alive) this.#open.delete(connection);
  }

  check(): void {
    expect(this.#overtaken, "requests overtaken").toBe(0);
    expect(this.pool.open, "connections that are counted").toBe(this.#dials.length + this.#open.size);
    expect(this.pool.open).toBeLessThanOrEqual(LIMITS.connections);
    for (const key of KEYS) {
      const dials = this.#dials.filter((begun) => begun.key === key).length;
      const open = [...this.#open].filter(([, of]) => of === key).map(([connection]) => connection);
      expect(dials + open.length).toBeLessThanOrEqual(LIMITS.connectionsPerKey);
      for (const { inflight, maxConcurrent } of open) expect(inflight).toBeLessThanOrEqual(maxConcurrent);
      const waiting = this.#waiting(key).map(({ waiter }) => waiter);
      if (waiting.some((waiter) => waiter?.dial === null)) {
        const wanted = new Set(waiting.map((waiter) => waiter?.dial));
        expect(wanted.size - 1, `dials of ${key} that nobody waits for, beside a request without one`).toBe(dials);
      }
      for (const { waiter, isFresh } of this.#waiting(key)) {
        // A request waits because nothing may be opened for it, or for a dial.
        if (waiter?.dial === null)
          expect(this.pool.keyedPool(key, null).isShort, `${key} waits beside room`).toBe(true);
        else expect(dials, `${key} waits for a dial that is over`).toBeGreaterThan(0);
        const hasFree = open.some((connection) => connection.ready);
        const wantsFree = !(isFresh && waiter?.dial !== null) && !this.#isWantedBefore(key);
        if (wantsFree) expect(hasFree, `${key} waits beside a connection`).toBe(false);
      }
    }
  }

  async finishAll(): Promise<void> {
    for (let round = 0; this.requests.size > 0 && round < 300; round++) {
      while (this.#dials.length > 0) this.#openOne(0, round % 2 === 0);
      for (const request of this.requests) this.#finish(request);
      await settle();
    }
  }

  /** Asks for a connection as send/acquire.ts does for one endpoint. */
  async #ask(key: Key, isFresh: boolean): Promise<void> {
    const keyedPool = this.pool.keyedPool(key, null);
    const abort = new AbortController();
    const number = this.#asked++;
    const request: Request = { key, sinceMs: this.#nowMs, number, isFresh, abort, waiter: null, lease: null };
    this.requests.add(request);
    const lease = isFresh ? null : keyedPool.take(undefined);
    if (lease !== null) return this.#use(request, lease);
    request.waiter = keyedPool.wait({
      dialer: this.#dialer(key),
      onAccepted: () => undefined,
      isFresh,
      client: undefined,
      signal: abort.signal,
    });
    const answer = await request.waiter.answer;
    if (answer?.kind === "open") this.#use(request, answer.lease);
    else this.requests.delete(request);
  }

  /** A freed connection goes to the request that came first; the connection of a dial to the one it was begun for. */
  #use(request: Request, lease: Lease): void {
    if (request.abort.signal.aborted) {
      this.requests.delete(request);
      lease.release();
      return;
    }
    request.lease = lease;
    this.#connectionOf(lease).inflight++;
    if (!lease.isReused) return;
    const passed = this.#waiting(request.key).filter(
      ({ number, isFresh, waiter }) => number < request.number && !(isFresh && waiter?.dial !== null),
    );
    this.#overtaken += passed.length;
  }

  #finish(request: Request | undefined): void {
    if (request?.lease === undefined || request.lease === null) return;
    this.requests.delete(request);
    this.#connectionOf(request.lease).inflight--;
    request.lease.release();
  }

  #waiting(key: Key): readonly Request[] {
    return [...this.requests].filter(
      (request) => request.key === key && request.waiter?.isQueued === true && !request.abort.signal.aborted,
    );
  }

  /** Whether exchanges of `key` make room for a request of another key, which has waited for long. */
  #isWantedBefore(key: Key): boolean {
    return KEYS.some(
      (other) =>
        other !== key &&
        this.#waiting(other).some(({ waiter, sinceMs }) => waiter?.dial === null && sinceMs < this.#nowMs - YIELD_MS),
    );
  }

  #openOne(index: number, isHttp2: boolean): void {
    const [begun] = this.#dials.splice(index % Math.max(this.#dials.length, 1), 1);
    if (begun === undefined) return;
    const connection = new Unconnected(isHttp2);
    this.#open.set(connection, begun.key);
    begun.dial.open(connection);
  }

  #dialer(key: Key): ReturnType<typeof heldDialer> {
    return heldDialer(
      (dial) => this.#dials.push({ key, dial }),
      (aborted) => {
        const index = this.#dials.findIndex(({ dial }) => dial === aborted);
        if (index >= 0) this.#dials.splice(index, 1);
      },
    );
  }

  #connectionOf({ pooled }: Lease): Unconnected {
    const found = [...this.#open.keys()].find(({ connection }) => connection === pooled.connection);
    return found ?? new Unconnected(false);
  }
}
