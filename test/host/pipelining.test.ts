/** HTTP/1.1 pipelining on the wire: one request under way a connection, answers in order, little held. */
import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { pipeline } from "../attacks/pipelining.ts";
import { ask } from "../runtimes/clients.ts";
import { type Gateway, startGateway, UNDER_TEST } from "../attacks/target.ts";
import { settled } from "../support/settled.ts";

describe.each(UNDER_TEST)("pipelined requests on %s", (runtime) => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ runtime });
  });
  beforeEach(() => gateway.backend.reset());
  afterAll(() => gateway.close());

  it("are answered in order over one backend connection, and little of them is held", async () => {
    await pipeline(gateway, { requests: 500, limitMs: 20_000 });
    const { answers, inOrder, grownBytes } = await pipeline(gateway, { requests: 8_000, limitMs: 40_000 });
    expect({ answers, inOrder }).toEqual({ answers: 8_000, inOrder: true });
    expect(gateway.backend.peak).toBe(1);
    expect(grownBytes).toBeLessThan(96 << 20);
  }, 60_000);

  it("wait unread while one is slow", async () => {
    const slow = `GET /slow?ms=60000 HTTP/1.1\r\nHost: ${gateway.host}\r\n\r\n`;
    const quick = `GET /quick HTTP/1.1\r\nHost: ${gateway.host}\r\n\r\n`;
    const all = Buffer.from(slow + quick.repeat(500_000));
    const sockets = Array.from({ length: 3 }, () => connect({ host: "127.0.0.1", port: gateway.port }));
    const taken = sockets.map(() => 0);
    for (const [index, socket] of sockets.entries()) {
      socket.on("error", () => undefined).resume();
      await once(socket, "connect");
      // The pieces are written one after the other, because of pieces that are written together Node says only when the last is taken.
      const send = (): void => {
        const at = taken[index] ?? 0;
        const piece = all.subarray(at, at + (64 << 10));
        socket.write(piece, () => {
          taken[index] = at + piece.length;
          if (at + piece.length < all.length) send();
        });
      };
      send();
    }
    await expect.poll(() => gateway.backend.requests).toBe(3);
    await settled(() => taken.reduce((sum, bytes) => sum + bytes), 10);
    expect(gateway.backend.requests).toBe(3);
    // What the kernel takes of a client's bytes varies; a gateway that read on would take all of them.
    expect(Math.max(...taken)).toBeLessThan(all.length / 2);
    for (const socket of sockets) socket.destroy();
  });

  const bodies: readonly [name: string, first: string][] = [
    ["a length", "POST /first HTTP/1.1\r\nHost: H\r\nContent-Length: 14\r\n\r\nab\r\n\r\ncd\r\n\r\nef"],
    [
      "chunks",
      "POST /first HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ],
    [
      "trailers",
      "POST /first HTTP/1.1\r\nHost: H\r\nTrailer: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: 1\r\n\r\n",
    ],
    ["no body", "GET /first HTTP/1.1\r\nHost: H\r\n\r\n"],
    ["empty lines before", "\r\n\r\nGET /first HTTP/1.1\r\nHost: H\r\n\r\n\r\n"],
  ];
  const cases = bodies.flatMap(([name, first]) => [1, 3, 7, 1_000].map((step) => ({ name, first, step })));
  it.each(cases)("keep their boundaries after $name, $step bytes at a time", async ({ first, step }) => {
    const second = "GET /second HTTP/1.1\r\nHost: H\r\nConnection: close\r\n\r\n";
    const bytes = Buffer.from(
      (first + first.replaceAll("/first", "/again") + second).replaceAll("H\r", `${gateway.host}\r`),
    );
    const socket = connect({ host: "127.0.0.1", port: gateway.port, noDelay: true });
    let text = "";
    socket.setEncoding("latin1").on("data", (some: string) => (text += some));
    const closed = once(socket, "close");
    for (let at = 0; at < bytes.length; at += step) {
      socket.write(bytes.subarray(at, at + step));
      if (step < 100) await turn();
    }
    await closed;
    const paths = text.match(/\r\n\r\n\/\w+?(?=HTTP|$)/g)?.map((path) => path.trim());
    expect(paths).toEqual(["/first", "/again", "/second"]);
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });

  it("do not keep others waiting until all of them are answered", async () => {
    const attack = pipeline(gateway, { requests: 5_000, limitMs: 20_000 });
    await expect.poll(() => gateway.backend.requests).toBeGreaterThan(0);
    for (let count = 0; count < 20; count++) expect((await ask(gateway.port, gateway.host, "/")).status).toBe(200);
    expect(gateway.backend.requests).toBeLessThan(5_000);
    expect((await attack).answers).toBe(5_000);
  });
});
