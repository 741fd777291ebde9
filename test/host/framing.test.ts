/** Requests that can be read in more than one way are refused on the wire, logged and counted, and reach no backend. */
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MALFORMED, WELL_FORMED } from "../attacks/framing.ts";
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
    // A second request follows, which a gateway that has lost the boundaries of the first one may pass on.
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

  it.each(WELL_FORMED)("$name is answered", async ({ bytes, statuses }) => {
    const all = await say(gateway, `${bytes}GET /last HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n`);
    expect([...all.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status))).toEqual(statuses);
  });

  it.each(["bad-request", "request-too-large", "method-not-allowed", "bad-target"])("counts %s", async (code) => {
    for (const { bytes } of MALFORMED)
      await say(gateway, `${bytes}GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n`);
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.metricsPort}/metrics`)).text();
    expect(metrics).toContain(`code="${code}"`);
  });

  it("answers CONNECT over HTTP/2 with 405 and Allow", async () => {
    const session = connectHttp2(`http://127.0.0.1:${gateway.port}`);
    const stream = session.request({ ":method": "CONNECT", ":authority": `${gateway.host}:443` });
    const [fields] = (await once(stream, "response")) as [Record<string, unknown>];
    session.destroy();
    expect([fields[":status"], fields["allow"]]).toEqual([405, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"]);
  });

  it.each(["//admin", "/x/..//admin", "/%61dmin", "/./%2e/admin", "/x/%2e%2e/admin"])(
    "matches %s as /admin",
    async (path) => expect((await ask(gateway.port, "paths.example.com", path)).status).toBe(302),
  );

  it.each(["//a///b/", "/a//b/", "/a/./b/", "/a/c/../b/", "/%61/b/"])("sends %s as it was matched", async (path) => {
    expect((await ask(gateway.port, "paths.example.com", path)).status).toBe(200);
    expect(gateway.backend.targets).toEqual(["/a/b/"]);
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
