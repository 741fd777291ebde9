/** A request through the gateway, with backends that are functions: what is sent, answered and recorded. */
import { describe, expect, it } from "vitest";
import type { RequestSender } from "../../src/backend/backends.ts";
import type { ExchangeRequest, ExchangeResponse, Sent } from "../../src/backend/exchange.ts";
import type { Bundle, BundleAction, PathMatch } from "../../src/bundle/types.ts";
import type { AccessRecord } from "../../src/gateway/access-log.ts";
import { choose, createGateway } from "../../src/gateway/gateway.ts";
import { plainRequest } from "../support/request.ts";
import { bundleOf, matchOf, ruleOf } from "./bundles.ts";
import { FRONT } from "./through.ts";

function bundleWith(action: BundleAction, path: PathMatch): Bundle {
  const rule = { ...ruleOf("shop/site", [matchOf({ path })]), action };
  return bundleOf([{ hostname: "shop.example.com", seniority: 0, rule }]);
}

const requestTo = (authority: string, more: Partial<ExchangeRequest> = {}): ExchangeRequest =>
  plainRequest({ authority, target: "/a?secret=1", ...more });

async function ask(
  action: BundleAction,
  answer: (id: string, request: ExchangeRequest) => Sent,
  request: ExchangeRequest,
  path: PathMatch = { type: "PathPrefix", value: "/" },
) {
  const sent: [string, ExchangeRequest][] = [];
  const log: AccessRecord[] = [];
  const backends: RequestSender = {
    send: (id, exchange) => {
      sent.push([id, exchange]);
      return Promise.resolve(answer(id, exchange));
    },
  };
  const gateway = createGateway({
    bundle: bundleWith(action, path),
    backends,
    log: (record) => log.push(record),
    capabilities: [],
    monotonicMs: () => 0,
    random: () => 0.5,
  });
  const response = await gateway.handle(request, FRONT);
  return { response, sent, log, problem: response.body === null ? "" : await new Response(response.body).text() };
}

const FORWARD: BundleAction = { kind: "forward", backendRefs: [{ weight: 1, backend: "shop/web:443", filters: [] }] };
const endpoint = { host: "127.0.0.1", port: 8443 };
const ok: ExchangeResponse = {
  status: 200,
  headers: [
    ["x-from", "backend"],
    ["connection", "x-hop"],
    ["x-hop", "1"],
  ],
  body: null,
  trailers: null,
  upgrade: null,
};
const answered = (): Sent => ({ kind: "response", response: ok, endpoint, connection: { protocol: "h2", tls: null } });
const never = (): Sent => {
  throw new Error("nothing may be sent");
};
const proxyStatus = (response: ExchangeResponse) => response.headers.find(([name]) => name === "proxy-status")?.[1];

describe("a request through the gateway", () => {
  it("goes to the rule's backend, and its response loses hop-by-hop fields", async () => {
    const { response, sent, log } = await ask(FORWARD, answered, requestTo("shop.example.com:8080"));
    expect(response.status).toBe(200);
    expect(response.headers).toEqual([["x-from", "backend"]]);
    expect(sent.map(([id, { authority, target }]) => [id, authority, target])).toEqual([
      ["shop/web:443", "shop.example.com:8080", "/a?secret=1"],
    ]);
    expect(log).toHaveLength(1);
    expect(log[0]).toMatchObject({
      status: 200,
      route: "shop/site",
      backend: "shop/web:443",
      endpoint: "127.0.0.1:8443",
      path: "/a",
      code: null,
    });
  });

  it("answers 404 for an unknown host, 400 for a malformed one, and sends nothing", async () => {
    const unknown = await ask(FORWARD, never, requestTo("other.example.com"));
    expect([unknown.response.status, proxyStatus(unknown.response)]).toEqual([
      404,
      'lasthop; error=destination_not_found; details="no-route"',
    ]);
    const malformed = await ask(FORWARD, never, requestTo("a b"));
    expect([malformed.response.status, malformed.log[0]?.code]).toEqual([400, "bad-host"]);
  });

  it.each([
    ["/a/../b/./c?d=../e", "/b/c?d=../e"],
    ["/a/%2e%2E/b", "/b"],
    ["/../../b", "/b"],
    ["//other.example.com//b", "/other.example.com/b"],
    ["/a//../b", "/b"],
    ["/%61dmin/%7euser%3f", "/admin/~user%3F"],
    ["/a b<\u00e9", "/a%20b%3C%C3%A9"],
    ["/a#b", "/a"],
  ])("matches and forwards %s as %s", async (target, forwarded) => {
    const [value = ""] = forwarded.split("?", 1);
    const { sent } = await ask(FORWARD, answered, requestTo("shop.example.com", { target }), { type: "Exact", value });
    expect(sent.map(([, request]) => request.target)).toEqual([forwarded]);
  });

  const noPaths = ["", "a", "*", "http://shop.example.com/", "?a", "@other/"];
  it.each([...noPaths, "/a\\..\\b", "/\\other", "/a%2fb", "/a%5Cb", "/a%00"])(
    "answers 400 for the target %j, which is no path or can be read in two ways, and sends nothing",
    async (target) => {
      const { response, log } = await ask(FORWARD, never, requestTo("shop.example.com", { target }));
      expect([response.status, log[0]?.code]).toEqual([400, "bad-target"]);
    },
  );

  it("forwards OPTIONS *", async () => {
    const options = requestTo("shop.example.com", { target: "*", method: "OPTIONS" });
    expect((await ask(FORWARD, answered, options)).sent.map(([, { target }]) => target)).toEqual(["*"]);
  });

  it("treats a hostname with its root dot as the same host, and forwards it unchanged", async () => {
    const { sent } = await ask(FORWARD, answered, requestTo("Shop.example.com.:8080"));
    expect(sent.map(([, { authority }]) => authority)).toEqual(["Shop.example.com.:8080"]);
  });

  it.each<[string, BundleAction, string]>([
    ["rule", { kind: "refused", code: "backend-refs-empty" }, "backend-refs-empty"],
    [
      "backendRef",
      { kind: "forward", backendRefs: [{ weight: 1, refused: "backend-ref-not-found" }] },
      "backend-ref-not-found",
    ],
  ])("answers 500 for a refused %s, and sends nothing", async (_, action, code) => {
    const { response, problem } = await ask(action, never, requestTo("shop.example.com"));
    expect(response.status).toBe(500);
    expect(proxyStatus(response)).toBe(`lasthop; error=proxy_configuration_error; details="${code}"`);
    expect(JSON.parse(problem)).toEqual({ type: "about:blank", title: "Internal Server Error", status: 500, code });
  });

  it("gives a refusal's code to the client, and both sides to the log", async () => {
    const refusal = {
      code: "name-mismatch",
      position: 0,
      expected: "dns a.internal",
      presented: "dns b.internal",
    } as const;
    const failed = (): Sent => ({ kind: "failed", endpoint, failure: { kind: "chain-refused", refusal } });
    const { response, problem, log } = await ask(FORWARD, failed, requestTo("shop.example.com"));
    expect(response.status).toBe(502);
    expect(proxyStatus(response)).toBe('lasthop; error=tls_certificate_error; details="name-mismatch"');
    expect(problem).not.toContain("b.internal");
    expect(log[0]).toMatchObject({
      code: "name-mismatch",
      detail: "certificate 0: expected dns a.internal, presented dns b.internal",
      endpoint: "127.0.0.1:8443",
    });
  });

  it("answers 500 for a bug of ours and logs it", async () => {
    const { response, log } = await ask(FORWARD, never, requestTo("shop.example.com"));
    expect(response.status).toBe(500);
    expect(log[0]).toMatchObject({ code: "internal-error", detail: "Error: nothing may be sent" });
  });
});

describe("weights", () => {
  const refs = [1, 3, 6].map((weight) => ({ weight, backend: `w${weight}`, filters: [] }));
  it("give each backendRef its share", () => {
    const counts = new Map<string, number>();
    for (let point = 0; point < 1; point += 0.001) {
      const chosen = choose(refs, point);
      if ("backend" in chosen) counts.set(chosen.backend, (counts.get(chosen.backend) ?? 0) + 1);
    }
    expect([...counts]).toEqual(
      [
        ["w1", 100],
        ["w3", 300],
        ["w6", 601],
      ].map(([name, count]) => [name, expect.closeTo(Number(count), -1)]),
    );
  });
  it("stay within the list at the edges", () => {
    expect(choose(refs, 0)).toBe(refs[0]);
    expect(choose(refs, 1)).toBe(refs[2]);
  });
});
