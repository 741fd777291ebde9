/** The filters URLRewrite and RequestRedirect: the target and the authority that they make. */
import { expect, test } from "vitest";
import type { BundleAction, BundleFilter, BundleRule } from "../../src/bundle/types.ts";
import { matchOf } from "./bundles.ts";
import { backend, gatewayOf, MAIN } from "./through.ts";

/** A rule for paths below `prefix`. */
const under = (prefix: string): Pick<BundleRule, "matches"> => ({
  matches: [matchOf({ path: { type: "PathPrefix", value: prefix } })],
});

const rewrite = (path: Extract<BundleFilter, { kind: "rewrite" }>["path"], hostname: string | null = null) =>
  ({ kind: "rewrite", hostname, path }) as const;

test.each([
  ["a prefix", "/shop", "ReplacePrefixMatch", "/v2", "/shop/cart?a=/shop", "/v2/cart?a=/shop"],
  ["a whole prefix", "/shop", "ReplacePrefixMatch", "/v2", "/shop", "/v2"],
  ["a prefix by the root", "/shop", "ReplacePrefixMatch", "/", "/shop/cart", "/cart"],
  ["a prefix by nothing", "/shop", "ReplacePrefixMatch", "", "/shop", "/"],
  ["a prefix with a slash at its end", "/shop", "ReplacePrefixMatch", "/v2/", "/shop/", "/v2/"],
  ["the root's prefix", "/", "ReplacePrefixMatch", "/v2", "/cart", "/v2/cart"],
  ["a full path", "/shop", "ReplaceFullPath", "/one", "/shop/cart?a", "/one?a"],
] as const)("a rewrite of %s", async (_, prefix, type, value, target, expected) => {
  const main = await backend();
  const { ask } = gatewayOf({
    ports: { [MAIN]: main.port },
    rule: under(prefix),
    filters: [rewrite({ type, value }, "other.example.com")],
  });
  await ask({ target });
  expect(main.received).toMatchObject([
    { url: expected, headers: { host: "other.example.com", "x-forwarded-host": "client.example.com" } },
  ]);
});

type Redirect = Extract<BundleAction, { kind: "redirect" }>;
test.each<[string, Partial<Redirect>, string, { scheme?: "https"; port?: number }]>([
  ["nothing", {}, "http://client.example.com/shop/a?b", {}],
  ["the scheme", { scheme: "https" }, "https://client.example.com/shop/a?b", { port: 8_080 }],
  ["the port", { port: 8_443 }, "http://client.example.com:8443/shop/a?b", {}],
  ["the listener's port", {}, "http://client.example.com:8080/shop/a?b", { port: 8_080 }],
  ["the port to the scheme's own", { scheme: "https", port: 443 }, "https://client.example.com/shop/a?b", {}],
  ["the hostname", { hostname: "a.example.com" }, "https://a.example.com/shop/a?b", { scheme: "https", port: 443 }],
  ["the prefix", { path: { type: "ReplacePrefixMatch", value: "/x" } }, "http://client.example.com/x/a?b", {}],
  ["the path", { path: { type: "ReplaceFullPath", value: "/x" } }, "http://client.example.com/x?b", {}],
])("a redirect that changes %s", async (_, changes, location, front) => {
  const action = {
    kind: "redirect",
    scheme: null,
    hostname: null,
    path: null,
    port: null,
    statusCode: 308,
    ...changes,
  } as const;
  const listener = { port: front.port ?? 80 };
  const { ask, log } = gatewayOf({ ports: {}, rule: { ...under("/shop"), action }, listener });
  expect(await ask({ target: "/shop/a?b" }, front)).toMatchObject({ status: 308, headers: { location }, text: "" });
  expect(log).toMatchObject([{ status: 308, backend: null, code: null }]);
});
