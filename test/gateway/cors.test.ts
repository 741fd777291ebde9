/** The filter CORS: preflights that the gateway answers itself, and the fields of other responses. */
import { expect, test } from "vitest";
import type { BundleCors } from "../../src/bundle/types.ts";
import { backend, gatewayOf, MAIN } from "./through.ts";

const cors: BundleCors = {
  kind: "cors",
  allowOrigins: ["https://shop.example.com", "https://*.example.org"],
  allowCredentials: false,
  allowMethods: ["GET", "PUT"],
  allowHeaders: ["x-a"],
  exposeHeaders: ["x-b"],
  maxAgeSeconds: 60,
};
const preflight = (origin: string) =>
  ({
    method: "OPTIONS",
    headers: [
      ["origin", origin],
      ["access-control-request-method", "PUT"],
      ["access-control-request-headers", "x-a"],
    ],
  }) as const;

test.each(["https://shop.example.com", "https://shop.example.com:443", "https://a.b.example.org"])(
  "a preflight of %s is granted by the gateway",
  async (origin) => {
    const main = await backend();
    const { ask } = gatewayOf({ ports: { [MAIN]: main.port }, filters: [cors] });
    expect(await ask(preflight(origin))).toMatchObject({
      status: 204,
      headers: {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, PUT",
        "access-control-allow-headers": "x-a",
        "access-control-max-age": "60",
      },
    });
    expect(main.received).toEqual([]);
  },
);

test.each([
  "http://shop.example.com",
  "https://shop.example.com.evil.net",
  "https://example.org",
  "https://evil.net/.example.org",
  "null",
])("a preflight of %s is granted nothing", async (origin) => {
  const main = await backend();
  const { ask } = gatewayOf({ ports: { [MAIN]: main.port }, filters: [cors] });
  const { status, headers } = await ask(preflight(origin));
  expect(status).toBe(204);
  expect(Object.keys(headers).filter((name) => name.startsWith("access-control-"))).toEqual([]);
  expect(main.received).toEqual([]);
});

test("the gateway's fields replace the backend's", async () => {
  const main = await backend((_, response) =>
    response
      .writeHead(200, { "access-control-allow-origin": "*", "access-control-allow-credentials": "true" })
      .end("ok"),
  );
  const { ask } = gatewayOf({ ports: { [MAIN]: main.port }, filters: [cors] });
  const granted = await ask({ headers: [["origin", "https://shop.example.com"]] });
  expect(granted.headers).toMatchObject({
    "access-control-allow-origin": "https://shop.example.com",
    "access-control-expose-headers": "x-b",
    vary: "Origin",
  });
  expect(granted.headers).not.toHaveProperty("access-control-allow-credentials");
  const denied = await ask({ headers: [["origin", "https://evil.net"]] });
  expect(denied.headers).not.toHaveProperty("access-control-allow-origin");
  expect(denied.text).toBe("ok");
});

test("with credentials no field is `*`", async () => {
  const { ask } = gatewayOf({
    ports: { [MAIN]: 1 },
    filters: [{ ...cors, allowOrigins: ["*"], allowMethods: ["*"], allowHeaders: ["*"], allowCredentials: true }],
  });
  expect((await ask(preflight("https://any.net"))).headers).toMatchObject({
    "access-control-allow-origin": "https://any.net",
    "access-control-allow-credentials": "true",
    "access-control-allow-methods": "PUT",
    "access-control-allow-headers": "x-a",
  });
});

const ORIGIN = ["origin", "https://shop.example.com"] as const;
const METHOD = ["access-control-request-method", "PUT"] as const;
test.each([
  ["OPTIONS without Access-Control-Request-Method", "OPTIONS", [ORIGIN]],
  ["OPTIONS without Origin", "OPTIONS", [METHOD]],
  ["a preflight's fields with another method", "GET", [ORIGIN, METHOD]],
])("%s goes to the backend", async (_, method, headers) => {
  const main = await backend();
  const { ask } = gatewayOf({ ports: { [MAIN]: main.port }, filters: [cors] });
  expect((await ask({ method, headers })).text).toBe("ok");
  expect(main.received).toHaveLength(1);
});
