/** The Lease by which one of several controllers leads. */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ApiError, type KubeApi, type KubeObject } from "../../src/controller/api.ts";
import { lead } from "../../src/controller/lease.ts";
import { ApiServer } from "./api-server.ts";
import { pause } from "../support/pause.ts";

const LEADING = new AbortController().signal;

describe("the Lease", () => {
  it("has one holder, who gives it back, and the next one takes it", async () => {
    const server = new ApiServer();
    const api: KubeApi = await server.start();
    onTestFinished(() => server.stop());
    const options = { namespace: "lasthop-system", name: "lead", now: () => Date.now(), onFault: () => undefined };
    const [one, two] = [new AbortController(), new AbortController()];
    const held: string[] = [];
    const attempts: string[] = [];
    const hold = (name: string, stop: AbortController): Promise<void> => {
      const get = (path: string): Promise<unknown> => api.get(path).finally(() => attempts.push(name));
      return lead({ ...options, api: { ...api, get }, identity: name, signal: stop.signal }, async (lost) => {
        held.push(name);
        await new Promise((resolve) => lost.addEventListener("abort", resolve, { once: true }));
        held.splice(held.indexOf(name), 1);
      });
    };
    const first = hold("one", one);
    await expect.poll(() => held).toEqual(["one"]);
    const second = hold("two", two);
    await expect.poll(() => attempts).toContain("two");
    expect(held).toEqual(["one"]);
    one.abort();
    await first;
    await expect.poll(() => held).toEqual(["two"]);
    two.abort();
    await second;
    expect(held).toEqual([]);
  });

  it.each([
    ["does not answer", () => new Promise<never>(() => undefined)],
    ["fails", () => Promise.reject(new Error("down"))],
  ])("is lost before others may take it, though the API server %s", async (_, renewal) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    let isDown = false;
    // The Lease counts from the request that takes it; the response to that request comes late here.
    const api: Pick<KubeApi, "get" | "create"> = {
      create: async (_path, body) => {
        await pause(4_000, "The clock is the test's own: this takes no time.");
        isDown = true;
        return body as KubeObject;
      },
      get: () => (isDown ? renewal() : Promise.reject(new ApiError(404, "none yet"))),
    };
    const startMs = Date.now();
    let lostMs = 0;
    const options = { namespace: "n", name: "lead", identity: "one", signal: LEADING, onFault: () => undefined };
    const leading = lead({ ...options, api: api as KubeApi, now: () => Date.now() }, async (lost) => {
      await new Promise((resolve) => lost.addEventListener("abort", resolve));
      lostMs = Date.now();
    });
    await vi.advanceTimersByTimeAsync(60_000);
    await leading;
    expect(lostMs - startMs).toBe(10_000);
  });
});
