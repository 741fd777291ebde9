/** HTTP/2 clients that cost more than they ask for, on the wire: what they start is bounded, and others are answered. */
import { connect as connectHttp2, type ClientHttp2Session, constants } from "node:http2";
import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { flood, FLOODS } from "../attacks/http2.ts";
import { type Gateway, startGateway, UNDER_TEST } from "../attacks/target.ts";
import { ask, askHttp2 } from "../runtimes/clients.ts";

describe.each(UNDER_TEST)("on %s with --no-http2", (runtime) => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ runtime, args: ["--no-http2"] });
  });
  afterAll(() => gateway.close());

  it("HTTP/2 is not offered", async () => {
    const secure = connectTls({
      port: gateway.securePort,
      ALPNProtocols: ["h2", "http/1.1"],
      ca: gateway.caPem,
      servername: "secure.example.com",
      checkServerIdentity: () => undefined,
    });
    await once(secure, "secureConnect");
    expect(secure.alpnProtocol).toBe("http/1.1");
    secure.destroy();
  });

  it.each(FLOODS)("HTTP/2 is not taken, and a flood of it costs nothing: $name", async (attack) => {
    gateway.backend.reset();
    const bounds = { count: 3_000, limitMs: 2_000, connections: 5 };
    expect(await flood(gateway, attack, bounds)).toMatchObject({ cut: true });
    expect(gateway.backend.dialled).toBe(0);
    const { status } = await ask(gateway.port, gateway.host, "/");
    expect([status, gateway.child.exitCode, gateway.child.signalCode]).toEqual([200, null, null]);
  });
});

describe.each(UNDER_TEST)("on %s", (runtime) => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ runtime });
  });
  beforeEach(() => gateway.backend.reset());
  afterEach(() => {
    const { exitCode, signalCode } = gateway.child;
    expect({ exitCode, signalCode }, gateway.said()).toEqual({ exitCode: null, signalCode: null });
  });
  afterAll(() => gateway.close());

  describe.each(FLOODS)("$name", (attack) => {
    it("dials little, holds little, and others are answered", async () => {
      const { sent, cut, grownBytes } = await flood(gateway, attack, {
        count: 3_000,
        limitMs: 4_000,
        connections: 5,
      });
      expect(sent).toBeGreaterThan(0);
      expect(gateway.backend.dialled).toBeLessThan(700);
      expect(grownBytes).toBeLessThan(128 << 20);
      if (attack.name === "rapid reset") {
        expect(gateway.backend.dialled).toBe(0);
        // The GOAWAY comes from lasthop or from hyper, whichever counts so many first, and a reset may overtake it.
        expect(cut).toBe(true);
      }
      expect((await askHttp2(gateway.port, gateway.host, "/")).status).toBe(200);
    });
  });

  it("lets a client cancel some of its requests, and more when others were answered", async () => {
    const session: ClientHttp2Session = connectHttp2(`http://127.0.0.1:${gateway.port}`);
    await once(session, "connect");
    const ask = (path: string) => session.request({ ":path": path, ":authority": gateway.host });
    for (let count = 0; count < 90; count++) {
      const cancelled = ask("/slow?ms=2000").on("error", () => undefined);
      await new Promise((resolve) => void setImmediate(resolve));
      cancelled.close(constants.NGHTTP2_CANCEL);
      if (count % 10 === 0) {
        const stream = ask("/").resume();
        const [fields] = (await once(stream, "response")) as [{ ":status": number }];
        expect(fields[":status"]).toBe(200);
        await once(stream, "close");
      }
    }
    expect(session.destroyed).toBe(false);
    session.destroy();
  });
});
