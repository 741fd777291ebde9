/** Pool, keyed pools and room under random requests, dials, failures, limits and aborts: what must hold after each event. */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Connection } from "../../src/backend/engine/connection.ts";
import { transportFailure } from "../../src/backend/failure.ts";
import { DEFAULT_POOL_LIMITS } from "../../src/backend/limits.ts";
import { Pool } from "../../src/backend/pool/pool.ts";
import type { Dialer, PooledConnection } from "../../src/backend/pool/pooled-connection.ts";

const KEYS = ["a", "b", "c"] as const;
type Key = (typeof KEYS)[number];
const LIMITS = { ...DEFAULT_POOL_LIMITS, connections: 3, connectionsPerKey: 2, idlePerKey: 1 };
/** Looks for a connection that one event may cause, for each request that waits: a bound that a loop would break. */
const MAX_LOOKS = 8;

type Command =
  | { readonly kind: "ask"; readonly key: Key }
  | { readonly kind: "finish" | "abort" | "fail" | "peer-closes"; readonly at: number }
  | { readonly kind: "open"; readonly at: number; readonly isHttp2: boolean };

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("ask" as const), key: fc.constantFrom(...KEYS) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("open" as const), at: fc.nat(9), isHttp2: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "finish" as const,
        "finish" as const,
        "abort" as const,
        "fail" as const,
        "peer-closes" as const,
      ),
      at: fc.nat(9),
    }),
  },
);

it("keeps its bounds, lets nobody wait beside room, and leaks nothing", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 20, maxLength: 80 }), async (commands) => {
      const world = new World();
      for (const each of commands) {
        const before = world.looks;
        await world.run(each);
        world.check();
        expect(world.looks - before, "looks for one event").toBeLessThanOrEqual(MAX_LOOKS * (world.requests.size + 1));
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
  readonly abort: AbortController;
  state: "looking" | "waiting" | "dialling" | "using";
  connection: PooledConnection | null;
}

interface Dial {
  readonly key: Key;
  readonly settle: (outcome: "failed" | Connection) => void;
}

class World {
  readonly pool = new Pool(LIMITS, { monotonicMs: () => 1_000, now: () => 1_000 }, () => 0.5);
  readonly requests = new Set<Request>();
  readonly #dials: Dial[] = [];
  readonly #open = new Map<Connection, Key>();
  looks = 0;

  async run(each: Command): Promise<void> {
    const using = [...this.requests].filter(({ state }) => state === "using");
    switch (each.kind) {
      case "ask":
        void this.#ask(each.key);
        break;
      case "open":
        this.#dials.splice(each.at % Math.max(this.#dials.length, 1), 1)[0]?.settle(this.#connection(each.isHttp2));
        break;
      case "fail":
        this.#dials.splice(each.at % Math.max(this.#dials.length, 1), 1)[0]?.settle("failed");
        break;
      case "finish":
        this.#finish(using[each.at % Math.max(using.length, 1)]);
        break;
      case "abort":
        [...this.requests].filter(({ state }) => state !== "using")[each.at]?.abort.abort("gone");
        break;
      case "peer-closes":
        [...this.#open.keys()][each.at]?.close();
    }
    await settle();
  }

  check(): void {
    expect(this.pool.open).toBeLessThanOrEqual(LIMITS.connections);
    for (const key of KEYS) {
      const open = this.#dials.filter((dial) => dial.key === key).length;
      const mine = [...this.requests].filter((request) => request.key === key);
      const connections = new Set(mine.flatMap(({ connection: its }) => (its?.connection.alive === true ? [its] : [])));
      expect(open + connections.size).toBeLessThanOrEqual(LIMITS.connectionsPerKey);
      // A request that waits does so because no connection may be opened, or because one dial is made for all.
      const keyedPool = this.pool.keyedPool(key, null);
      const waits = mine.some(({ state }) => state === "waiting");
      if (waits) expect(keyedPool.isShort || open > 0, `${key} waits beside room`).toBe(true);
      // A request that dials, or has joined a dial, stays with it though another connection comes free meanwhile.
      if (waits && open === 0) expect(keyedPool.hasFreeConnection, `${key} waits beside a connection`).toBe(false);
    }
  }

  async finishAll(): Promise<void> {
    for (let round = 0; this.requests.size > 0 && round < 300; round++) {
      for (const dial of this.#dials.splice(0)) dial.settle(this.#connection(round % 2 === 0));
      for (const request of this.requests) this.#finish(request);
      await settle();
    }
  }

  /** As send/acquire.ts does for one endpoint. */
  async #ask(key: Key): Promise<void> {
    const keyedPool = this.pool.keyedPool(key, null);
    const request: Request = { key, abort: new AbortController(), state: "looking", connection: null };
    this.requests.add(request);
    const entry = keyedPool.newEntry();
    while (!request.abort.signal.aborted) {
      this.looks++;
      const taken = keyedPool.take();
      if (taken !== null) return this.#use(request, taken);
      request.state = "waiting";
      const obtained = await keyedPool.dialInTurn(this.#dialer(key), entry, request.abort.signal, () => undefined);
      request.state = "looking";
      if (obtained?.kind === "failed") break;
      if (obtained?.kind === "open") return this.#use(request, obtained.pooled);
    }
    this.requests.delete(request);
  }

  #use(request: Request, connection: PooledConnection): void {
    if (request.abort.signal.aborted) {
      this.requests.delete(request);
      connection.keyedPool.release(connection);
      return;
    }
    request.state = "using";
    request.connection = connection;
  }

  #finish(request: Request | undefined): void {
    if (request?.connection === undefined || request.connection === null) return;
    const { connection } = request;
    this.requests.delete(request);
    connection.keyedPool.release(connection);
  }

  #dialer(key: Key): Dialer {
    return {
      connectMs: 60_000,
      open: (signal) =>
        new Promise((resolve) => {
          const failure = transportFailure("connection-refused", "by the test", "nothing");
          const failed = { kind: "failed", failure, leavesOut: false } as const;
          const dial: Dial = {
            key,
            settle: (outcome) => {
              if (outcome === "failed") return resolve(failed);
              this.#open.set(outcome, key);
              resolve({ kind: "open", connection: outcome });
            },
          };
          this.#dials.push(dial);
          signal.addEventListener("abort", () => {
            const at = this.#dials.indexOf(dial);
            if (at >= 0) this.#dials.splice(at, 1);
            resolve(failed);
          });
        }),
    };
  }

  /** What the pool asks of a connection; one of HTTP/2 has room for two exchanges. */
  #connection(isHttp2: boolean): Connection {
    const closed = Promise.withResolvers<void>();
    const open = this.#open;
    const requests = this.requests;
    const connection = {
      protocol: isHttp2 ? "h2c" : "http/1.1",
      security: { kind: "plaintext" },
      alive: true,
      closed: closed.promise,
      get inflight() {
        return [...requests].filter((each) => (each.connection?.connection as unknown) === connection).length;
      },
      get ready() {
        return this.alive && this.inflight < (isHttp2 ? 2 : 1);
      },
      close() {
        this.alive = false;
        open.delete(connection as unknown as Connection);
        closed.resolve();
      },
    };
    return connection as unknown as Connection;
  }
}

/** Whatever follows from one event has happened. */
async function settle(): Promise<void> {
  for (let microtask = 0; microtask < 60; microtask++) await Promise.resolve();
}
