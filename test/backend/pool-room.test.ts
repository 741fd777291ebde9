/** Few connections over all backends, as Cloudflare lets a worker's object have: who gets them, and who waits how long. */
import type { RequestListener } from "node:http";
import { describe, expect, test } from "vitest";
import type { Backends } from "../../src/backend/backends.ts";
import type { Sent } from "../../src/backend/exchange.ts";
import { createBackends } from "../../src/backend/backends.ts";
import type { PoolLimits } from "../../src/backend/limits.ts";
import type { Bundle } from "../../src/bundle/types.ts";
import { plainRequest } from "../support/request.ts";
import { failedWith, textOf } from "../support/sent.ts";
import { bundleTo, runtime } from "./fixtures/last-hop.ts";
import { type Beyond, type Platform, platform } from "../support/platform.ts";
import { type Handled, secure } from "./fixtures/servers.ts";

type Alpn = "h2" | "http/1.1";
const PROTOCOLS: readonly Alpn[] = ["h2", "http/1.1"];
const ok: RequestListener = (_, response) => void response.end("ok");

interface SetUp {
  /** Backends, `a` and so on. */
  readonly count: number;
  readonly alpn?: readonly Alpn[];
  readonly limits: Partial<PoolLimits>;
  /** What the platform allows. */
  readonly most?: number;
  readonly beyond?: Beyond;
  readonly connectMs?: number;
  readonly handle?: RequestListener;
  readonly monotonicMs?: () => number;
}

interface Client {
  readonly servers: readonly Handled[];
  readonly sockets: Platform;
  readonly backends: Backends;
  readonly ask: (name: string, signal?: AbortSignal, target?: string) => Promise<Sent>;
  readonly text: (name: string, signal?: AbortSignal, target?: string) => Promise<string>;
}

async function setUp({ count, alpn = ["h2", "http/1.1"], limits, ...more }: SetUp): Promise<Client> {
  const names = "abcdefgh".slice(0, count).split("");
  const servers = await Promise.all(names.map(() => secure(more.handle ?? ok)));
  const made = bundleTo({ ports: servers.map(({ port }) => port), policy: { alpn: [...alpn] } });
  const [one] = Object.values(made.backends);
  if (one === undefined) throw new Error("unreachable");
  const each = names.map((name, at) => [`test/${name}:443`, { ...one, endpoints: one.endpoints.slice(at, at + 1) }]);
  const bundle: Bundle = { ...made, backends: Object.fromEntries(each) };
  const sockets = platform(runtime.dial, more.most ?? Number.POSITIVE_INFINITY, more.beyond ?? "queued");
  const backends = createBackends({
    bundle,
    runtime: { ...runtime, dial: sockets.dial, monotonicMs: more.monotonicMs ?? runtime.monotonicMs },
    poolLimits: limits,
    // Long, so that a loaded machine is no reason to fail: whoever waits for ever still fails.
    timeouts: { connectMs: more.connectMs ?? 20_000, responseMs: 20_000 },
  });
  const ask: Client["ask"] = (name, signal, target = "/") =>
    backends.send(`test/${name}:443`, plainRequest({ target, ...(signal !== undefined && { signal }) }));
  return { servers, sockets, backends, ask, text: async (...asked) => textOf(await ask(...asked)) };
}

/** Answers only when it is told to, in the order asked. */
function held() {
  const waiting: (() => void)[] = [];
  return {
    waiting,
    handle: ((_, response) => void waiting.push(() => void response.end("ok"))) satisfies RequestListener,
    free: () => waiting.shift()?.(),
  };
}

const openOf = (servers: readonly Handled[]): readonly number[] => servers.map(({ sockets }) => sockets.size);

describe.each(PROTOCOLS)("%s", (alpn) => {
  test("idle connections to six backends do not keep a request from a seventh: the idlest makes room", async () => {
    const client = await setUp({ count: 7, alpn: [alpn], limits: { connections: 6 }, most: 6 });
    for (const name of "bacdefa") expect(await client.text(name)).toBe("ok");
    expect(await client.text("g")).toBe("ok");
    await expect.poll(() => openOf(client.servers)).toEqual([1, 0, 1, 1, 1, 1, 1]);
    expect(client.sockets).toMatchObject({ open: 6, peak: 6, beyond: 0 });
  });

  test("many requests for a backend without a connection have one closed for them, not all", async () => {
    const client = await setUp({ count: 4, alpn: [alpn], limits: { connections: 3 }, most: 3 });
    for (const name of "abc") await client.text(name);
    const asked = Array.from({ length: alpn === "h2" ? 20 : 1 }, () => client.text("d"));
    expect(new Set(await Promise.all(asked))).toEqual(new Set(["ok"]));
    expect(openOf(client.servers)).toEqual([0, 1, 1, 1]);
  });

  test("a backend that is asked without a pause does not keep the room for ever", async () => {
    // On HTTP/2 there is always one in flight.
    const handle: RequestListener = (_, response) => void setTimeout(() => response.end("ok"), 5 + Math.random() * 15);
    const client = await setUp({ count: 2, alpn: [alpn], limits: { connections: 1 }, most: 1, handle });
    const over = new AbortController();
    let answered = 0;
    const busy = Array.from({ length: 8 }, async () => {
      for (; !over.signal.aborted; answered++) await client.text("a");
    });
    await expect.poll(() => answered).toBeGreaterThan(50);
    for (let round = 0; round < 3; round++) expect(await client.text("b")).toBe("ok");
    const before = answered;
    await expect.poll(() => answered).toBeGreaterThan(before + 20);
    over.abort();
    await Promise.all(busy);
    expect(client.sockets).toMatchObject({ peak: 1, beyond: 0 });
  });

  test("whatever is asked and left, no more are open than allowed, and in the end nobody waits", async () => {
    const handle: RequestListener = (_, response) => void setTimeout(() => response.end("ok"), Math.random() * 10);
    const client = await setUp({ count: 6, alpn: [alpn], limits: { connections: 3 }, most: 3, handle });
    const outcomes = new Set<string>();
    await Promise.all(
      Array.from({ length: 300 }, async (_, at) => {
        const leaving = new AbortController();
        if (at % 3 === 0) setTimeout(() => leaving.abort(), Math.random() * 300);
        await new Promise((resolve) => void setTimeout(resolve, Math.random() * 300));
        const sent = await client.ask("abcdef".charAt(Math.random() * 6), leaving.signal);
        if (sent.kind === "failed") outcomes.add("code" in sent.failure ? sent.failure.code : sent.failure.kind);
        else
          await textOf(sent).then(
            () => outcomes.add("ok"),
            () => outcomes.add("cut"),
          );
      }),
    );
    outcomes.delete("cut");
    expect(outcomes).toEqual(new Set(["ok", "client-gone"]));
    expect(client.sockets).toMatchObject({ peak: 3, beyond: 0 });
    for (const name of "abcdef") expect(await client.text(name)).toBe("ok");
    await expect.poll(() => [client.backends.stats(), client.sockets.open]).toMatchObject([{ open: 3, idle: 3 }, 3]);
  });
});

describe("when all are in use", () => {
  test("a request for another backend waits until one is released, and is refused with its reason when none is", async () => {
    const { handle, waiting, free } = held();
    const client = await setUp({ count: 2, limits: { connections: 1 }, most: 1, handle, connectMs: 300 });
    const first = client.text("a");
    await expect.poll(() => waiting.length).toBe(1);
    expect(await client.ask("b")).toMatchObject({
      failure: { code: "connection-limit", detail: "all connections of the pool stayed in use", sent: "nothing" },
    });
    const second = client.text("b");
    free();
    expect(await first).toBe("ok");
    await expect.poll(() => waiting.length).toBe(1);
    free();
    expect(await second).toBe("ok");
    expect(client.sockets).toMatchObject({ open: 1, peak: 1, beyond: 0 });
  });

  test("who came first is served first, whatever the backend", async () => {
    const { handle, waiting, free } = held();
    let nowMs = 0;
    const limits = { connections: 1, idleMs: 1e9, lifetimeMs: 1e9 };
    const client = await setUp({ count: 3, alpn: ["http/1.1"], limits, handle, monotonicMs: () => nowMs });
    const answered: string[] = [];
    const order = "abcabbca";
    const asked = order.split("").map(async (name, at) => {
      nowMs = at * 1_000;
      await client.text(name);
      answered.push(name);
    });
    for (const [done] of order.split("").entries()) {
      await expect.poll(() => waiting.length).toBe(1);
      free();
      await expect.poll(() => answered.length).toBe(done + 1);
    }
    await Promise.all(asked);
    expect(answered.join("")).toBe(order);
  });

  test("requests that come together use a connection before it is closed for another backend's", async () => {
    const { handle, waiting, free } = held();
    const client = await setUp({
      count: 2,
      alpn: ["http/1.1"],
      limits: { connections: 1 },
      handle,
      monotonicMs: () => 0,
    });
    const answered: string[] = [];
    const asked = "abaab".split("").map((name) => client.text(name).then(() => answered.push(name)));
    for (const done of asked.keys()) {
      await expect.poll(() => waiting.length).toBe(1);
      free();
      await expect.poll(() => answered.length).toBe(done + 1);
    }
    expect(answered.join("")).toBe("aaabb");
    expect(client.servers.map(({ connections }) => connections)).toEqual([1, 1]);
  });

  test("many requests for one backend share what one of them opens", async () => {
    const { handle, waiting, free } = held();
    const client = await setUp({ count: 2, limits: { connections: 1 }, most: 1, handle });
    const first = client.text("a");
    await expect.poll(() => waiting.length).toBe(1);
    const others = Array.from({ length: 20 }, () => client.text("b"));
    free();
    await expect.poll(() => waiting.length).toBe(20);
    while (waiting.length > 0) free();
    expect(await Promise.all([first, ...others])).toHaveLength(21);
    expect(client.servers.map(({ connections }) => connections)).toEqual([1, 1]);
  });

  test("who stood back for a request that has left stands back no longer", async () => {
    const { handle, waiting, free } = held();
    let nowMs = 0;
    const client = await setUp({ count: 2, limits: { connections: 1 }, handle, monotonicMs: () => nowMs });
    const first = client.text("a");
    await expect.poll(() => waiting.length).toBe(1);
    const leaving = new AbortController();
    const left = client.ask("b", leaving.signal);
    nowMs = 1_000;
    const second = client.text("a");
    await new Promise((resolve) => void setTimeout(resolve, 50));
    expect(waiting.length, "streams of the connection are free, but somebody waits for all of it").toBe(1);
    leaving.abort();
    expect(await left).toMatchObject(failedWith("client-gone"));
    await expect.poll(() => waiting.length).toBe(2);
    free();
    free();
    expect(await Promise.all([first, second])).toEqual(["ok", "ok"]);
  });

  test("who comes when a connection is freed does not get it before those who wait", async () => {
    const ends: (() => void)[] = [];
    const handle: RequestListener = (_, response) => {
      response.write("o");
      ends.push(() => void response.end("k"));
    };
    const client = await setUp({ count: 2, alpn: ["http/1.1"], limits: { connections: 1 }, most: 1, handle });
    const first = await client.ask("a");
    if (first.kind !== "response" || first.response.trailers === null) throw new Error(JSON.stringify(first));
    const order: string[] = [];
    // Comes in the moment in which the connection is free.
    const later = first.response.trailers.then(() => client.text("a")).finally(() => order.push("later"));
    const waited = client.text("a").finally(() => order.push("waited"));
    const asked = [textOf(first), later, waited, client.text("b")];
    await new Promise((resolve) => void setTimeout(resolve));
    for (let answered = 0; answered < asked.length; answered++) {
      await expect.poll(() => ends).toHaveLength(1);
      ends.shift()?.();
    }
    expect(await Promise.all(asked)).toEqual(["ok", "ok", "ok", "ok"]);
    expect(order).toEqual(["waited", "later"]);
  });

  test("who leaves as soon as a connection is its own leaves it to the next", async () => {
    const ends: (() => void)[] = [];
    const handle: RequestListener = (_, response) => {
      response.write("o");
      ends.push(() => void response.end("k"));
    };
    const client = await setUp({ count: 1, alpn: ["http/1.1"], limits: { connections: 1 }, most: 1, handle });
    const first = await client.ask("a");
    if (first.kind !== "response" || first.response.trailers === null) throw new Error(JSON.stringify(first));
    const leaving = new AbortController();
    const left = client.ask("a", leaving.signal);
    const staying = client.text("a");
    void first.response.trailers.then(() => leaving.abort());
    await expect.poll(() => ends).toHaveLength(1);
    ends.shift()?.();
    expect(await textOf(first)).toBe("ok");
    expect(await left).toMatchObject(failedWith("client-gone"));
    await expect.poll(() => ends, { timeout: 10_000 }).toHaveLength(1);
    ends.shift()?.();
    expect(await staying).toBe("ok");
    // Else the server would have closed it, idle, and the next have opened another.
    expect(client.servers.map(({ connections }) => connections)).toEqual([1]);
  });

  test("who leaves while it waits takes nothing along", async () => {
    const { handle, waiting, free } = held();
    const client = await setUp({ count: 3, alpn: ["http/1.1"], limits: { connections: 1 }, most: 1, handle });
    const first = client.text("a");
    await expect.poll(() => waiting.length).toBe(1);
    const leaving = new AbortController();
    const left = [client.ask("b", leaving.signal), client.ask("c", leaving.signal), client.ask("a", leaving.signal)];
    const staying = client.text("c");
    leaving.abort();
    for (const each of left) expect(await each).toMatchObject(failedWith("client-gone"));
    free();
    expect(await first).toBe("ok");
    await expect.poll(() => waiting.length).toBe(1);
    free();
    expect(await staying).toBe("ok");
    expect(openOf(client.servers)).toEqual([0, 0, 1]);
    expect(client.servers.map(({ connections }) => connections)).toEqual([1, 0, 1]);
    expect(client.backends.stats()).toMatchObject({ open: 1, idle: 1, inFlight: 0 });
  });
});

describe("a platform that allows less than the pool believes", () => {
  test("queues a dial, which ends at its limit with a reason and opens nothing later", async () => {
    const { handle, waiting, free } = held();
    const client = await setUp({ count: 2, limits: {}, most: 1, handle, connectMs: 300 });
    const first = client.text("a");
    await expect.poll(() => waiting.length).toBe(1);
    expect(await client.ask("b")).toMatchObject(failedWith("connection-timeout"));
    free();
    expect(await first).toBe("ok");
    expect(client.servers.map(({ connections }) => connections)).toEqual([1, 0]);
    expect(client.backends.stats()).toMatchObject({ open: 1, idle: 1 });
  });

  test("refuses a dial, which leaves no trace", async () => {
    const { handle, waiting, free } = held();
    const client = await setUp({ count: 2, limits: {}, most: 1, beyond: "refused", handle });
    const first = client.text("a");
    await expect.poll(() => waiting.length).toBe(1);
    expect(await client.ask("b")).toMatchObject(failedWith("connection-unreachable"));
    free();
    expect(await first).toBe("ok");
    expect(client.backends.stats()).toMatchObject({ open: 1, idle: 1 });
  });
});

describe("a request that has another way when there is no room", () => {
  const ROOM_MS = 250;
  const crowded = { kind: "failed", failure: { code: "connection-limit", sent: "nothing" } };

  test("waits while connections come free, and not where none does", async () => {
    const limits = { connections: 1, roomMs: ROOM_MS };
    const stuck = held();
    const busy = await setUp({ count: 1, alpn: ["http/1.1"], limits, handle: stuck.handle });
    const first = busy.ask("a");
    await expect.poll(() => stuck.waiting.length).toBe(1);
    const startMs = performance.now();
    expect(await busy.ask("a")).toMatchObject(crowded);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(ROOM_MS - 10);
    stuck.free();
    expect(await textOf(await first)).toBe("ok");
    // Each takes a part of the time: those far behind wait for longer than it, since others do end.
    const slow: RequestListener = (_, response) => void setTimeout(() => response.end("ok"), ROOM_MS / 5);
    const moving = await setUp({ count: 1, alpn: ["http/1.1"], limits, handle: slow });
    const sent = await Promise.all(Array.from({ length: 10 }, () => moving.text("a")));
    expect(sent).toEqual(sent.map(() => "ok"));
    for (const { backends } of [busy, moving]) backends.close();
  });

  test("waits eight times as long at most", async () => {
    const limits = { connections: 1, roomMs: 50 };
    const slow: RequestListener = (_, response) => void setTimeout(() => response.end("ok"), 25);
    const { ask, backends } = await setUp({ count: 1, alpn: ["http/1.1"], limits, handle: slow });
    // What ends takes its body along, or it would hold the connection.
    const sent = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const answered = await ask("a");
        return answered.kind === "failed" ? answered : textOf(answered);
      }),
    );
    const failures = sent.filter((one) => typeof one !== "string");
    expect(failures).toMatchObject(failures.map(() => crowded));
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.length).toBeLessThan(60);
    backends.close();
  });
});
