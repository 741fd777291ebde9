/** Connections on which nothing is asked: their handshakes end in time, a full port lets others in, a shutdown waits for none. */
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bindPort } from "../../src/host/node/bound-port.ts";
import { FRONT_LIMITS } from "../../src/host/node/limits.ts";
import { unfinishedHandshakes, type Unfinished } from "../attacks/handshakes.ts";
import { type Gateway, startGateway, UNDER_TEST } from "../attacks/target.ts";
import { ask } from "../runtimes/clients.ts";

const KINDS: readonly Unfinished[] = ["silent", "half", "dribbled"];

describe.each(UNDER_TEST)("TLS handshakes that do not end, on %s", (runtime) => {
  let gateway: Gateway;
  beforeAll(async () => {
    // A shutdown that waits for a connection takes longer than the time limit of a test.
    gateway = await startGateway({ runtime, args: ["--drain-timeout=600"] });
  });
  afterAll(() => gateway.close());

  it("are ended after ten seconds, whatever comes meanwhile", async () => {
    const crowds = await Promise.all(KINDS.map((kind) => unfinishedHandshakes(gateway, { kind, count: 20 })));
    // Half of the time limit: to come may have taken the crowds the other half.
    await pause(5_000);
    expect(crowds.map((crowd) => crowd.open())).toEqual([20, 20, 20]);
    await expect.poll(() => crowds.map((crowd) => crowd.open())).toEqual([0, 0, 0]);
    for (const crowd of crowds) crowd.close();
    const { status } = await ask(gateway.securePort, gateway.host, "/", { ca: gateway.caPem });
    expect(status).toBe(200);
  }, 30_000);

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
  const open = async (): Promise<{ port: number; close: () => Promise<void> }> => {
    const limits = { ...FRONT_LIMITS, maxConnections: 10 };
    const boundPort = await bindPort({
      address: "127.0.0.1",
      bind: 0,
      port: 80,
      tls: null,
      limits,
      refuse: () => expect.unreachable(),
      handle: ({ target }) =>
        target === "/never"
          ? new Promise(() => undefined)
          : Promise.resolve({ status: 204, headers: [], body: null, trailers: null, upgrade: null }),
    });
    const close = (): Promise<void> => {
      boundPort.destroy();
      return boundPort.close();
    };
    return { port: boundPort.bound, close };
  };
  const dial = async (port: number, first: string): Promise<{ closed: () => boolean; close: () => void }> => {
    const socket = connect({ host: "127.0.0.1", port }).on("error", () => undefined);
    await once(socket, "connect");
    if (first !== "") socket.write(`GET ${first} HTTP/1.1\r\nHost: a\r\n\r\n`);
    if (first === "/") await once(socket, "data");
    else await pause(10);
    socket.resume();
    return { closed: () => socket.closed, close: () => void socket.destroy() };
  };

  it("lets a new client in for one that has not asked yet, then for the idlest, and for none that waits", async () => {
    const { port, close } = await open();
    const waiting = await Promise.all(Array.from({ length: 6 }, () => dial(port, "/never")));
    const idle = [await dial(port, "/"), await dial(port, "/")];
    const silent = [await dial(port, ""), await dial(port, "")];
    const order = [...silent, ...idle];
    for (let count = 1; count <= order.length; count++) {
      waiting.push(await dial(port, "/never"));
      const gone = order.slice(0, count);
      await expect.poll(() => gone.every((client) => client.closed())).toBe(true);
      expect(order.slice(count).some((client) => client.closed())).toBe(false);
    }
    const late = await dial(port, "");
    await expect.poll(() => late.closed()).toBe(true);
    expect(waiting.some((client) => client.closed())).toBe(false);
    for (const client of waiting) client.close();
    await close();
  });
});
