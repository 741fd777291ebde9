/** Few connections over all backends, as Cloudflare lets a worker's object have: which backend gets them. */
import type { RequestListener } from "node:http";
import { describe, expect, test } from "vitest";
import { pause } from "../support/pause.ts";
import { failedWith, textOf } from "../support/sent.ts";
import { type Alpn, openOf, setUp } from "./fixtures/room.ts";
import { heldAnswers } from "./fixtures/servers.ts";

const PROTOCOLS: readonly Alpn[] = ["h2", "http/1.1"];

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
    // On HTTP/2 a request is in flight all the time.
    let tick = 0;
    const handle: RequestListener = (_, response) => void setTimeout(() => response.end("ok"), 5 + (tick++ % 16));
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
    let tick = 0;
    const handle: RequestListener = (_, response) => void setTimeout(() => response.end("ok"), tick++ % 10);
    const client = await setUp({ count: 6, alpn: [alpn], limits: { connections: 3 }, most: 3, handle });
    const outcomes = new Set<string>();
    await Promise.all(
      Array.from({ length: 300 }, async (_, at) => {
        const leaving = new AbortController();
        if (at % 3 === 0) setTimeout(() => leaving.abort(), (at * 53) % 300);
        await pause((at * 37) % 300, "Requests come and leave at times of their own.");
        const sent = await client.ask("abcdef".charAt((at * 5 + (at >> 3)) % 6), leaving.signal);
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

describe("a platform that allows less than the pool believes", () => {
  test("queues a dial, which ends at its limit with a reason and opens nothing later", async () => {
    const { handle, waiting, free } = heldAnswers();
    const client = await setUp({ count: 2, limits: {}, most: 1, handle, connectMs: 1_500 });
    const first = client.text("a");
    await expect.poll(() => waiting.length).toBe(1);
    expect(await client.ask("b")).toMatchObject(failedWith("connection-timeout"));
    free();
    expect(await first).toBe("ok");
    expect(client.servers.map(({ connections }) => connections)).toEqual([1, 0]);
    expect(client.backends.stats()).toMatchObject({ open: 1, idle: 1 });
  });

  test("refuses a dial, which leaves no trace", async () => {
    const { handle, waiting, free } = heldAnswers();
    const client = await setUp({ count: 2, limits: {}, most: 1, beyond: "refused", handle });
    const first = client.text("a");
    await expect.poll(() => waiting.length).toBe(1);
    expect(await client.ask("b")).toMatchObject(failedWith("connection-unreachable"));
    free();
    expect(await first).toBe("ok");
    expect(client.backends.stats()).toMatchObject({ open: 1, idle: 1 });
  });
});
