import { describe, expect, it } from "vitest";
import type { RequestSender } from "../../src/backend/backends.ts";
import type { Sent } from "../../src/backend/exchange.ts";
import {
  PLAIN_REQUEST,
  type ExchangeRequest,
  type ExchangeResponse,
  type HeaderList,
} from "../../src/backend/exchange.ts";
import { TRANSPORT_CODES, transportFailure } from "../../src/backend/failure.ts";
import { type Bundle, type BundleAction, CONFIG_CODES } from "../../src/bundle/types.ts";
import type { AccessRecord } from "../../src/gateway/access-log.ts";
import { configurationFailure, failureOf, failureResponse } from "../../src/gateway/failures.ts";
import { hostnameOf } from "../../src/gateway/accept.ts";
import { choose, createGateway } from "../../src/gateway/gateway.ts";
import { endToEnd, forwardedHeaders } from "../../src/gateway/headers.ts";
import { REFUSAL_CODES } from "../../src/trust/index.ts";
import { bundleOf, matchOf, ruleOf } from "./bundles.ts";

const FRONT = { clientAddress: "192.0.2.7", scheme: "http", port: 80, sni: null } as const;

function bundleWith(action: BundleAction): Bundle {
  const rule = { ...ruleOf("shop/site", [matchOf({ path: { type: "PathPrefix", value: "/" } })]), action };
  return bundleOf([{ hostname: "shop.example.com", seniority: 0, rule }]);
}

function requestTo(authority: string, more: Partial<ExchangeRequest> = {}): ExchangeRequest {
  const signal = new AbortController().signal;
  return {
    method: "GET",
    scheme: "http",
    authority,
    target: "/a?secret=1",
    headers: [],
    ...PLAIN_REQUEST,
    signal,
    ...more,
  };
}

async function ask(
  action: BundleAction,
  answer: (id: string, request: ExchangeRequest) => Sent,
  request: ExchangeRequest,
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
    bundle: bundleWith(action),
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

  it("matches and forwards the same path, however it is written", async () => {
    const written: readonly (readonly [target: string, forwarded: string])[] = [
      ["/a/../b/./c?d=../e", "/b/c?d=../e"],
      ["/a/%2e%2E/b", "/b"],
      ["/../../b", "/b"],
      ["//other.example.com//b", "/other.example.com/b"],
      ["/a//../b", "/b"],
      ["/%61dmin/%7euser%3f", "/admin/~user%3F"],
      ["/a b<\u00e9", "/a%20b%3C%C3%A9"],
      ["/a#b", "/a"],
    ];
    for (const [target, forwarded] of written) {
      const { sent } = await ask(FORWARD, answered, requestTo("shop.example.com", { target }));
      expect(sent.map(([, request]) => request.target)).toEqual([forwarded]);
    }
  });

  it("answers 400 for a target that is no path, and sends nothing", async () => {
    const twoWays = ["/a\\..\\b", "/\\other", "/a%2fb", "/a%5Cb", "/a%00"];
    for (const target of ["", "a", "*", "http://shop.example.com/", "?a", "@other/", ...twoWays]) {
      const { response, log } = await ask(FORWARD, never, requestTo("shop.example.com", { target }));
      expect([response.status, log[0]?.code]).toEqual([400, "bad-target"]);
    }
    const options = requestTo("shop.example.com", { target: "*", method: "OPTIONS" });
    expect((await ask(FORWARD, answered, options)).sent.map(([, { target }]) => target)).toEqual(["*"]);
  });

  it("treats a hostname with its root dot as the same host, and forwards it unchanged", async () => {
    const { sent } = await ask(FORWARD, answered, requestTo("Shop.example.com.:8080"));
    expect(sent.map(([, { authority }]) => authority)).toEqual(["Shop.example.com.:8080"]);
  });

  it("answers 500 for a refused rule and for a refused backendRef, and sends nothing", async () => {
    for (const action of [
      { kind: "refused", code: "backend-refs-empty" },
      { kind: "forward", backendRefs: [{ weight: 1, refused: "backend-ref-not-found" }] },
    ] as const) {
      const { response, problem } = await ask(action, never, requestTo("shop.example.com"));
      const code = action.kind === "refused" ? "backend-refs-empty" : "backend-ref-not-found";
      expect(response.status).toBe(500);
      expect(proxyStatus(response)).toBe(`lasthop; error=proxy_configuration_error; details="${code}"`);
      expect(JSON.parse(problem)).toEqual({ type: "about:blank", title: "Internal Server Error", status: 500, code });
    }
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

describe("failures", () => {
  it("map every code to a status and a proxy error type", () => {
    const failures = [
      ...CONFIG_CODES.map((code) => configurationFailure(code, "")),
      ...TRANSPORT_CODES.map((code) => failureOf(transportFailure(code, "", "nothing"))),
      ...REFUSAL_CODES.map((code) =>
        failureOf({ kind: "chain-refused", refusal: { code, position: null, expected: "", presented: "" } }),
      ),
    ];
    for (const failure of failures) {
      const response = failureResponse(failure);
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(proxyStatus(response)).toMatch(/^lasthop; error=[a-z_]+; details="[a-z0-9-]+"$/);
    }
    expect(new Set(failures.map(({ code }) => code)).size, "no code stands for two things").toBe(failures.length);
  });
});

describe("fields", () => {
  const forwarded = (headers: HeaderList, authority = "h", trailers: ExchangeRequest["trailers"] = null): HeaderList =>
    forwardedHeaders({ headers, authority, trailers }, FRONT);

  it("lose what belongs to one connection", () => {
    const headers = [
      ["connection", "close, X-Secret"],
      ["x-secret", "1"],
      ["te", "gzip"],
      ["transfer-encoding", "chunked"],
      ["upgrade", "h2c"],
      ["accept", "*/*"],
    ] as const;
    expect(endToEnd(headers)).toEqual([["accept", "*/*"]]);
  });

  it("name the client, and replace what a client claims", () => {
    const headers = [
      ["x-forwarded-for", "198.51.100.1"],
      ["x-forwarded-proto", "https"],
      ["x-forwarded-host", "evil"],
      ["connection", "x-forwarded-for"],
    ] as const;
    expect(forwarded(headers, "shop.example.com")).toEqual([
      ["x-forwarded-for", "192.0.2.7"],
      ["x-forwarded-proto", "http"],
      ["x-forwarded-host", "shop.example.com"],
      ["x-forwarded-port", "80"],
      ["via", "1.1 lasthop"],
    ]);
    const before = [["x-forwarded-for", "198.51.100.1"]] as const;
    expect(forwarded(before)).toContainEqual(["x-forwarded-for", "198.51.100.1, 192.0.2.7"]);
    expect(forwarded([["te", "trailers"]])).toContainEqual(["te", "trailers"]);
    const announced = ["trailer", "x-sum"] as const;
    expect(forwarded([announced])).not.toContainEqual(announced);
    expect(forwarded([announced], "h", Promise.resolve([]))).toContainEqual(announced);
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

describe("the hostname of an authority", () => {
  it("is lower case and without its port, or null", () => {
    expect(
      ["Shop.Example.com:80", "[2001:DB8::1]:443", "a", "", "a/b", "a b", "user@a", "a:b", "a:123456"].map(hostnameOf),
    ).toEqual(["shop.example.com", "[2001:db8::1]", "a", null, null, null, null, null, null]);
    expect(["a.b.", "a_b", "[::1]:"].map(hostnameOf)).toEqual(["a.b", "a_b", "[::1]"]);
    const malformed = [".", "a..b", ".a", "a..", 'a"b', "a%41", "*.a", "é.com", "a\0", "a\nb", "a,b", "[::1", "a:1:2"];
    expect(malformed.map(hostnameOf)).toEqual(malformed.map(() => null));
  });

  it("is read in linear time", () => {
    expect(hostnameOf(`${"a.".repeat(50_000)}!`)).toBe(null);
    expect(hostnameOf(`${"a".repeat(100_000)}!`)).toBe(null);
  });
});
