/** A burst of requests to one backend: how many connections are dialled at a time, and what the others do meanwhile. */
import { expect, test } from "vitest";
import { DialWindow } from "../../src/backend/pool/dial-window.ts";
import { type Dial, DialError } from "../../src/backend/runtime.ts";
import { DIAL_LIMITS } from "../../src/backend/limits.ts";
import type { Connected } from "../../src/backend/connect/connect.ts";
import { createBackends } from "../../src/backend/backends.ts";
import { plainRequest } from "../support/request.ts";
import { failedWith, textOf } from "../support/sent.ts";
import { bundleTo, clientOf, runtime } from "./fixtures/last-hop.ts";
import { ok, secureHttp1 } from "./fixtures/servers.ts";

const { atOnce } = DIAL_LIMITS;
const BURST = 100;

/** A dial function whose dials wait until the test lets them go, in their order; an abort ends one. */
function heldDial(port?: number) {
  const held: (() => void)[] = [];
  let begun = 0;
  const dial: Dial = async (endpoint, signal) => {
    if (port !== undefined && endpoint.port !== port) return runtime.dial(endpoint, signal);
    begun++;
    await new Promise<void>((resolve, reject) => {
      held.push(resolve);
      signal.addEventListener("abort", () => reject(new DialError("timeout", "aborted")));
    });
    return runtime.dial(endpoint, signal);
  };
  return {
    dial,
    begun: () => begun,
    letGo: () => held.shift()?.(),
    letAllGo: () => held.splice(0).forEach((go) => go()),
  };
}

const asked = <Answer>(count: number, ask: () => Promise<Answer>): Promise<Answer>[] =>
  Array.from({ length: count }, ask);

test("a burst dials a few, and the others take what comes free", async () => {
  const server = await secureHttp1(ok);
  const { dial, begun, letGo, letAllGo } = heldDial();
  // The clock stands still, so each connection counts as opened in the time that the network took.
  const { text, backends } = clientOf(bundleTo({ ports: [server.port], policy: { alpn: ["http/1.1"] } }), {
    runtime: { dial, monotonicMs: () => 0 },
    timeouts: { connectMs: 20_000 },
  });
  const burst = asked(BURST, () => text());
  await expect.poll(begun).toBe(atOnce);
  letGo();
  // Requests that dial take the connection too; the place of the first dial, and the one that its success added, are dialled in.
  await Promise.all(burst);
  expect(begun()).toBe(atOnce + 2);
  expect(server.connections).toBe(1);
  letAllGo();
  await expect.poll(() => backends.stats()).toMatchObject({ open: atOnce + 2, idle: atOnce + 2 });
});

test("who leaves gives its dial to the next, and who left while it waited takes none", async () => {
  const server = await secureHttp1(ok);
  const { dial, begun, letAllGo } = heldDial();
  const { ask, text, backends } = clientOf(bundleTo({ ports: [server.port], policy: { alpn: ["http/1.1"] } }), {
    runtime: { dial },
  });
  const dialling = new AbortController();
  const waiting = new AbortController();
  const leaving = asked(atOnce, () => ask({ signal: dialling.signal }));
  await expect.poll(begun).toBe(atOnce);
  const neverDials = asked(10, () => ask({ signal: waiting.signal }));
  const staying = asked(2, () => text());
  waiting.abort();
  for (const sent of await Promise.all(neverDials)) expect(sent).toMatchObject(failedWith("client-gone"));
  dialling.abort();
  await Promise.all(leaving);
  await expect.poll(() => backends.stats().open).toBe(2);
  letAllGo();
  expect(await Promise.all(staying)).toEqual(["ok", "ok"]);
  expect(begun()).toBe(atOnce);
});

test("a backend that accepts and is silent keeps no other from being dialled, and nobody is told of a full pool", async () => {
  const [silent, server] = [await secureHttp1(ok), await secureHttp1(ok)];
  const { dial, begun } = heldDial(silent.port);
  const bundle = bundleTo({ ports: [silent.port, server.port], policy: { alpn: ["http/1.1"] } });
  const [both] = Object.values(bundle.backends);
  if (both === undefined) throw new Error("unreachable");
  const [first, second] = [0, 1].map((at) => ({ ...both, endpoints: both.endpoints.slice(at, at + 1) }));
  const backends = createBackends({
    bundle: { ...bundle, backends: { "test/silent:443": first ?? both, "test/good:443": second ?? both } },
    runtime: { ...runtime, dial },
    timeouts: { connectMs: 1_500 },
  });
  const burst = asked(2 * atOnce, () => backends.send("test/silent:443", plainRequest()));
  await expect.poll(begun).toBe(atOnce);
  expect(await textOf(await backends.send("test/good:443", plainRequest()))).toBe("ok");
  for (const sent of await Promise.all(burst)) expect(sent).toMatchObject(failedWith("connection-timeout"));
  backends.close();
});

/** A window, and a dial in it whose TCP and TLS handshakes take so many ms. */
function windowed() {
  let nowMs = 0;
  const window = new DialWindow(() => nowMs);
  const dial = async (acceptMs: number, handshakeMs: number, connected: Connected): Promise<void> => {
    const open = (_: AbortSignal, accepted: () => void): Promise<Connected> => {
      nowMs += acceptMs;
      accepted();
      nowMs += handshakeMs;
      return Promise.resolve(connected);
    };
    await window.open({ open, connectMs: 1_000 }, new AbortController().signal, () => undefined);
  };
  return { window, dial };
}

const FAILED: Connected = {
  kind: "failed",
  failure: { kind: "transport", code: "connection-refused", detail: "", sent: "nothing" },
  leavesOut: false,
};

/** The window looks at the kind alone, and a test without TLS has no connection to give it. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const OPEN = { kind: "open" } as Connected;

test("a window grows where the network takes the time, not where the handshake or a failure does", async () => {
  // Another dial goes on all the time, so that the burst is not over.
  const { window, dial } = windowed();
  const lasting = Promise.withResolvers<Connected>();
  const lasts = window.open(
    { open: () => lasting.promise, connectMs: 1_000 },
    new AbortController().signal,
    () => undefined,
  );
  expect(window.room).toBe(atOnce - 1);
  await dial(50, 1_000, OPEN);
  expect(window.room).toBe(atOnce - 1);
  await dial(50, 10, FAILED);
  expect(window.room).toBe(atOnce - 1);
  await dial(50, 200, OPEN);
  expect(window.room).toBe(atOnce);
  await dial(50, 200, OPEN);
  expect(window.room).toBe(atOnce + 1);
  lasting.resolve(FAILED);
  await lasts;
  expect(window.room).toBe(atOnce);
});
