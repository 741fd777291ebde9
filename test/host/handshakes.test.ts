/** Connections without a request: their handshakes have a time limit, a full port closes them for others, a shutdown waits for none. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BoundPort, bindPort } from "../../src/host/node/bound-port.ts";
import { FRONT_LIMITS } from "../../src/host/node/limits.ts";
import { unfinishedHandshakes, type Unfinished } from "../attacks/handshakes.ts";
import { serveInOneInstance } from "../support/serve-client.ts";
import { type Gateway, startGateway, UNDER_TEST } from "../attacks/target.ts";
import { ask } from "../runtimes/clients.ts";

/** The time limit of a handshake, as docs/operations.md has it. */
const HANDSHAKE_MS = 10_000;
const KINDS: readonly Unfinished[] = ["silent", "half", "dribbled"];

describe.each(UNDER_TEST)("TLS handshakes that do not end, on %s", (runtime) => {
  let gateway: Gateway;
  beforeAll(async () => {
    // A shutdown that waits for a connection takes longer than the time limit of a test.
    gateway = await startGateway({ runtime, args: ["--drain-timeout=600"] });
  });
  afterAll(() => gateway.close());

  it("are ended after ten seconds, and not before, whatever comes meanwhile", async () => {
    const startMs = performance.now();
    const ends = KINDS.map(async (kind) => {
      const crowd = await unfinishedHandshakes(gateway, { kind, count: 20 });
      const open = (): number => crowd.open();
      // A poll would end at the time limit of a handshake.
      await expect.poll(open, { timeout: 2 * HANDSHAKE_MS }).toBeLessThan(20);
      const endMs = performance.now();
      await expect.poll(open).toBe(0);
      crowd.close();
      return endMs - startMs;
    });
    // A timer of Node may be early by a millisecond.
    for (const tookMs of await Promise.all(ends)) expect(tookMs).toBeGreaterThan(HANDSHAKE_MS - 10);
    const { status } = await ask(gateway.securePort, gateway.host, "/", { ca: gateway.caPem });
    expect(status).toBe(200);
  }, 60_000);

  it("do not delay a shutdown", async () => {
    const crowd = await unfinishedHandshakes(gateway, { kind: "half", count: 3 });
    const silent = connect({ host: "127.0.0.1", port: gateway.port }).on("error", () => undefined);
    await once(silent, "connect");
    expect(await gateway.terminate()).toBe(0);
    crowd.close();
    silent.destroy();
  });
});

describe("a port that is full", () => {
  const NO_CONTENT = { status: 204, headers: [], body: null, trailers: null, upgrade: null };
  /** Requests that are never answered. */
  let unanswered = 0;
  const open = async (): Promise<BoundPort> => {
    const limits = { ...FRONT_LIMITS, maxConnections: 10 };
    return bindPort({
      serveClient: serveInOneInstance,
      address: "127.0.0.1",
      bind: 0,
      port: 80,
      tls: null,
      limits,
      answering: {
        gateway: {
          refuse: () => expect.unreachable(),
          handle({ target }) {
            if (target !== "/never") return Promise.resolve(NO_CONTENT);
            unanswered++;
            return new Promise(() => undefined);
          },
        },
      },
    });
  };
  /** Connects a client. Resolves when the port has its first request, if it has one. */
  const dial = async (
    { bound, server }: BoundPort,
    first: "/" | "/never" | null,
  ): Promise<{ closed: () => boolean; close: () => void }> => {
    const accepted = once(server, "connection");
    const before = unanswered;
    const socket = connect({ host: "127.0.0.1", port: bound }).on("error", () => undefined);
    await accepted;
    if (first !== null) socket.write(`GET ${first} HTTP/1.1\r\nHost: a\r\n\r\n`);
    if (first === "/") await once(socket, "data");
    if (first === "/never") await expect.poll(() => unanswered).toBe(before + 1);
    socket.resume();
    return { closed: () => socket.closed, close: () => void socket.destroy() };
  };

  it("lets a new client in for one that has not asked yet, then for the idlest, and for none that waits", async () => {
    const boundPort = await open();
    const waiting = [];
    while (waiting.length < 6) waiting.push(await dial(boundPort, "/never"));
    const idle = [await dial(boundPort, "/"), await dial(boundPort, "/")];
    const silent = [await dial(boundPort, null), await dial(boundPort, null)];
    const order = [...silent, ...idle];
    for (let count = 1; count <= order.length; count++) {
      waiting.push(await dial(boundPort, "/never"));
      const gone = order.slice(0, count);
      await expect.poll(() => gone.every((client) => client.closed())).toBe(true);
      expect(order.slice(count).some((client) => client.closed())).toBe(false);
    }
    const late = await dial(boundPort, null);
    await expect.poll(() => late.closed()).toBe(true);
    expect(waiting.some((client) => client.closed())).toBe(false);
    for (const client of waiting) client.close();
    boundPort.destroy();
    await boundPort.close();
  });
});
