/** ExternalAuth over HTTP: the auth server decides, and no request passes when it cannot be asked. */
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import type { BundleExternalAuth } from "../../src/bundle/types.ts";
import { bodyOf, bundleTo, ID } from "../backend/fixtures/last-hop.ts";
import { secure } from "../backend/fixtures/servers.ts";
import { mintCa } from "../support/pki.ts";
import { backend, gatewayOf, MAIN, type Setup } from "./through.ts";

const AUTH = "test/auth:80";
const filterOf = (more: Partial<BundleExternalAuth> = {}): BundleExternalAuth => ({
  kind: "external-auth",
  target: { backend: AUTH },
  pathPrefix: "",
  requestHeaders: [],
  responseHeaders: null,
  maxBodyBytes: 0,
  ...more,
});
const denying = (status: number) => (_: unknown, response: ServerResponse) =>
  void response.writeHead(status, { "www-authenticate": "Basic", "content-type": "text/plain" }).end("go away");

/** The filter does the same on a listener, a rule and a backendRef. */
const PLACES: readonly (readonly [string, (filter: BundleExternalAuth) => Partial<Setup>])[] = [
  ["a listener", (filter) => ({ listener: { filters: [filter] } })],
  ["a rule", (filter) => ({ filters: [filter] })],
  ["a backendRef", (filter) => ({ refFilters: [filter] })],
];

test.each(PLACES)(
  "a 200 lets the request of %s pass, with the server's fields in place of the client's",
  async (_, place) => {
    const main = await backend();
    const auth = await backend((__, response) =>
      response.writeHead(200, { "x-user": "ann", "x-other": "1" }).end("welcome"),
    );
    const { ask, log } = gatewayOf({
      ports: { [MAIN]: main.port, [AUTH]: auth.port },
      ...place(filterOf({ responseHeaders: ["x-user"] })),
    });
    const headers = [
      ["x-user", "root"],
      ["authorization", "Bearer t"],
      ["cookie", "c"],
    ] as const;
    expect(await ask({ method: "POST", target: "/a?b", headers, body: bodyOf("hello") })).toMatchObject({
      status: 200,
      text: "ok",
    });
    expect(main.received).toMatchObject([{ url: "/a?b", body: "hello", headers: { "x-user": "ann" } }]);
    expect(main.received[0]?.headers).not.toHaveProperty("x-other");
    expect(auth.received).toMatchObject([
      {
        method: "POST",
        url: "/a?b",
        body: "",
        headers: { authorization: "Bearer t", "content-length": "0", host: "client.example.com" },
      },
    ]);
    expect(auth.received[0]?.headers).not.toHaveProperty("cookie");
    expect(log).toMatchObject([{ status: 200, code: null }]);
  },
);

test.each(PLACES)(
  "a denial to %s is the client's answer, with its code in Proxy-Status and in the access record",
  async (_, place) => {
    const main = await backend();
    const auth = await backend(denying(401));
    const { ask, log } = gatewayOf({ ports: { [MAIN]: main.port, [AUTH]: auth.port }, ...place(filterOf()) });
    expect(await ask()).toMatchObject({
      status: 401,
      text: "go away",
      headers: {
        "www-authenticate": "Basic",
        "proxy-status": 'lasthop; error=http_request_denied; details="auth-denied"',
      },
    });
    expect(main.received).toEqual([]);
    expect(log).toMatchObject([{ status: 401, code: "auth-denied", detail: "the external auth server answered 401" }]);
  },
);

test.each([204, 302, 403, 500])("status %d lets no request pass", async (status) => {
  const main = await backend();
  const auth = await backend(denying(status));
  const { ask } = gatewayOf({ ports: { [MAIN]: main.port, [AUTH]: auth.port }, filters: [filterOf()] });
  expect((await ask()).status).toBe(status);
  expect(main.received).toEqual([]);
});

/** Auth servers that do not answer, with the status and the code of that. No process listens on port 1 of loopback. */
const UNREACHABLE: readonly (readonly [string, () => Promise<number>, number, string])[] = [
  ["refuses connections", () => Promise.resolve(1), 502, "connection-refused"],
  ["breaks off", async () => (await backend((_, response) => response.destroy())).port, 502, "connection-terminated"],
  ["stays silent", async () => (await backend(() => undefined)).port, 504, "response-timeout"],
];

describe.each(PLACES)("an auth server of %s", (_, place) => {
  test.each(UNREACHABLE)("that %s lets no request pass", async (__, start, status, code) => {
    const main = await backend();
    const { ask, log } = gatewayOf({
      ports: { [MAIN]: main.port, [AUTH]: await start() },
      responseMs: 300,
      ...place(filterOf()),
    });
    expect((await ask()).status).toBe(status);
    expect(log).toMatchObject([{ status, code }]);
    expect(main.received).toEqual([]);
  });
});

test("a refused server lets no request pass", async () => {
  const main = await backend();
  const { ask, log } = gatewayOf({
    ports: { [MAIN]: main.port },
    filters: [filterOf({ target: { refused: "backend-ref-not-found" } })],
  });
  expect((await ask()).status).toBe(500);
  expect(log).toMatchObject([{ code: "backend-ref-not-found" }]);
  expect(main.received).toEqual([]);
});

test("the route's time limit also holds for its auth server", async () => {
  const main = await backend();
  const auth = await backend(() => undefined);
  const { ask, log } = gatewayOf({
    ports: { [MAIN]: main.port, [AUTH]: auth.port },
    filters: [filterOf()],
    rule: { timeouts: { requestMs: 200, backendRequestMs: null } },
  });
  expect((await ask()).status).toBe(504);
  expect(log).toMatchObject([{ code: "request-timeout" }]);
  expect(main.received).toEqual([]);
});

test("the server gets the listed fields, its path prefix, and the body up to its limit", async () => {
  const [main, auth] = await Promise.all([backend(), backend()]);
  const { ask, log } = gatewayOf({
    ports: { [MAIN]: main.port, [AUTH]: auth.port },
    filters: [filterOf({ pathPrefix: "/check", requestHeaders: ["x-a"], maxBodyBytes: 5 })],
  });
  const headers = [
    ["x-a", "1"],
    ["x-b", "2"],
  ] as const;
  expect((await ask({ method: "POST", target: "/a", headers, body: bodyOf("hel", "lo") })).status).toBe(200);
  expect(auth.received).toMatchObject([
    { url: "/check/a", body: "hello", headers: { "x-a": "1", "content-length": "5" } },
  ]);
  expect(auth.received[0]?.headers).not.toHaveProperty("x-b");
  expect(main.received).toMatchObject([{ body: "hello" }]);
  expect((await ask({ method: "POST", body: bodyOf("hello", "!") })).status).toBe(413);
  expect(log.at(-1)).toMatchObject({ code: "auth-body-too-large" });
  expect(main.received).toHaveLength(1);
});

test("a body that breaks off before it was read is the client's fault, and no server gets a request", async () => {
  const [main, auth] = await Promise.all([backend(), backend()]);
  const { ask, log } = gatewayOf({
    ports: { [MAIN]: main.port, [AUTH]: auth.port },
    filters: [filterOf({ maxBodyBytes: 5 })],
  });
  const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("aborted")) });
  expect((await ask({ method: "POST", body })).status).toBe(400);
  expect(log).toMatchObject([{ code: "request-body-failed", detail: "aborted" }]);
  expect([...main.received, ...auth.received]).toEqual([]);
});

test("without a list, all fields of the response but those about itself are copied", async () => {
  const main = await backend();
  const auth = await backend((_, response) =>
    response.writeHead(200, { "x-user": "ann", "set-cookie": "c=1", "content-type": "text/x" }).end("w"),
  );
  const { ask } = gatewayOf({ ports: { [MAIN]: main.port, [AUTH]: auth.port }, filters: [filterOf()] });
  await ask();
  expect(main.received[0]?.headers).toMatchObject({ "x-user": "ann" });
  for (const name of ["set-cookie", "content-type", "cookie"])
    expect(main.received[0]?.headers).not.toHaveProperty(name);
});

test("the server's own policy is enforced: a chain of another CA lets no request pass, and its server gets none", async () => {
  const main = await backend();
  const auth = await secure((_, response) => response.end());
  const { backends, ...trusted } = bundleTo({ ports: [auth.port] });
  const other = Buffer.from((await mintCa({ name: "other" })).der).toString("base64");
  const [anchor = ""] = Object.keys(trusted.anchors);
  const setup = { ports: { [MAIN]: main.port }, backends, filters: [filterOf({ target: { backend: ID } })] };
  const good = gatewayOf(setup);
  expect((await good.ask()).status).toBe(200);
  expect([auth.requests.length, main.received.length]).toEqual([1, 1]);
  const bad = gatewayOf({ ...setup, anchors: { [anchor]: other } });
  expect((await bad.ask()).status).toBe(502);
  expect(bad.log).toMatchObject([{ code: "unknown-ca" }]);
  expect([auth.requests.length, main.received.length]).toEqual([1, 1]);
});
