/** What cannot be read in one way alone is refused on the wire, logged and counted, and no backend hears of it. */
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MALFORMED } from "../attacks/framing.ts";
import { type Gateway, startGateway, UNDER_TEST } from "../attacks/target.ts";
import { ask } from "../runtimes/clients.ts";

async function say({ port, host }: Gateway, bytes: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port }).on("error", () => undefined);
  await once(socket, "connect");
  socket.write(Buffer.from(bytes.replaceAll("HOST", host), "latin1"));
  return text(socket);
}

describe.each(UNDER_TEST)("on %s", (runtime) => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ runtime });
  });
  beforeEach(() => gateway.backend.reset());
  afterAll(() => gateway.close());

  it.each(MALFORMED)("$name is refused and logged", async ({ name, bytes, status }) => {
    const before = gateway.records().length;
    // A second request that must not be taken for one.
    const all = await say(gateway, `${bytes}GET /smuggled HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n`);
    const answered = Number(/^HTTP\/1\.1 (\d+)/.exec(all)?.[1]);
    expect(status).toContain(answered);
    await expect
      .poll(() =>
        gateway
          .records()
          .slice(before)
          .map(({ status: logged, code }) => [logged, code === null]),
      )
      .toContainEqual([answered, false]);
    const mayFollow = /path|escaped|Host/.test(name);
    expect(gateway.backend.targets).toEqual(mayFollow && all.includes("/smuggled") ? ["/smuggled"] : []);
  });

  it("counts them by code", async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.metricsPort}/metrics`)).text();
    for (const code of ["bad-request", "request-too-large", "method-not-allowed", "bad-target"])
      expect(metrics).toContain(`code="${code}"`);
  });

  it("answers CONNECT over HTTP/2 with 405 and Allow", async () => {
    const session = connectHttp2(`http://127.0.0.1:${gateway.port}`);
    const stream = session.request({ ":method": "CONNECT", ":authority": `${gateway.host}:443` });
    const [fields] = (await once(stream, "response")) as [Record<string, unknown>];
    session.destroy();
    expect([fields[":status"], fields["allow"]]).toEqual([405, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"]);
  });

  it("sends what it matched: one slash for several, no dots, no needless escapes", async () => {
    for (const path of ["//admin", "/x/..//admin", "/%61dmin", "/./%2e/admin", "/x/%2e%2e/admin"]) {
      const { status } = await ask(gateway.port, "paths.example.com", path);
      expect([path, status]).toEqual([path, 302]);
    }
    for (const path of ["//a///b/", "/a//b/", "/a/./b/", "/a/c/../b/", "/%61/b/"])
      expect((await ask(gateway.port, "paths.example.com", path)).status).toBe(200);
    expect(new Set(gateway.backend.targets)).toEqual(new Set(["/a/b/"]));
  });

  it("keeps answering", async () => {
    expect((await ask(gateway.port, gateway.host, "/")).status).toBe(200);
  });
});

describe("--encoded-slashes keep", () => {
  it("passes %2F and %5C on as they are, as no separators", async () => {
    const gateway = await startGateway({ args: ["--encoded-slashes", "keep"] });
    try {
      expect((await ask(gateway.port, "paths.example.com", "/admin%2Fx")).status).toBe(200);
      expect((await ask(gateway.port, "paths.example.com", "/a%5Cb")).status).toBe(200);
      expect((await ask(gateway.port, "paths.example.com", "/a%00b")).status).toBe(400);
      expect(gateway.backend.targets).toEqual(["/admin%2Fx", "/a%5Cb"]);
    } finally {
      await gateway.close();
    }
  });
});
