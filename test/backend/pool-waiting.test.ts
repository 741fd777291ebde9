/** Requests that find all connections of the pool in use: who is served first, who stands back, and who is told in time. */
import type { RequestListener } from "node:http";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { failedWith, textOf } from "../support/sent.ts";
import { openOf, setUp } from "./fixtures/room.ts";
import { heldAnswers } from "./fixtures/servers.ts";

describe("when all are in use", () => {
  test("a request for another backend waits until one is released, and is refused with its reason when none is", async () => {
    const { handle, waiting, free } = heldAnswers();
    const client = await setUp({ count: 2, limits: { connections: 1 }, most: 1, handle, connectMs: 1_500 });
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
    const { handle, waiting, free } = heldAnswers();
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
    const { handle, waiting, free } = heldAnswers();
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
    const { handle, waiting, free } = heldAnswers();
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
    const { handle, waiting, free } = heldAnswers();
    let nowMs = 0;
    const client = await setUp({ count: 2, limits: { connections: 1 }, handle, monotonicMs: () => nowMs });
    const first = client.text("a");
    await expect.poll(() => waiting.length).toBe(1);
    const leaving = new AbortController();
    const left = client.ask("b", leaving.signal);
    nowMs = 1_000;
    const second = client.text("a");
    // The pool decides without I/O, so a turn of the event loop is enough.
    await turn();
    expect(client.backends.stats().inFlight, "streams are free, but a request waits for the whole connection").toBe(1);
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
    // The request `later` comes at the moment at which the connection is free.
    const later = first.response.trailers.then(() => client.text("a")).finally(() => order.push("later"));
    const waited = client.text("a").finally(() => order.push("waited"));
    const asked = [textOf(first), later, waited, client.text("b")];
    await turn();
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
    await expect.poll(() => ends).toHaveLength(1);
    ends.shift()?.();
    expect(await staying).toBe("ok");
    // A connection that nobody had taken would have been closed by the server, and another one opened.
    expect(client.servers.map(({ connections }) => connections)).toEqual([1]);
  });

  test("who leaves while it waits takes nothing along", async () => {
    const { handle, waiting, free } = heldAnswers();
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

describe("a request that has another way when there is no room", () => {
  const ROOM_MS = 1_000;
  const crowded = { kind: "failed", failure: { code: "connection-limit", sent: "nothing" } };

  test("waits while connections come free, and not where none does", async () => {
    const limits = { connections: 1, roomMs: ROOM_MS };
    const stuck = heldAnswers();
    const busy = await setUp({ count: 1, alpn: ["http/1.1"], limits, handle: stuck.handle });
    const first = busy.ask("a");
    await expect.poll(() => stuck.waiting.length).toBe(1);
    const startMs = performance.now();
    expect(await busy.ask("a")).toMatchObject(crowded);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(ROOM_MS - 10);
    stuck.free();
    expect(await textOf(await first)).toBe("ok");
    // Each request takes a fifth of the time. The last ones wait for longer than all of it, because others end meanwhile.
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
    // Each response is read to its end, because it would hold the connection otherwise.
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
