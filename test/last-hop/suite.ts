/**
 * The last hop in any runtime: the SNI a real TLS server saw, and zero decrypted request bytes after each kind of
 * refusal, on a new connection, a resumed one, a reused one and a retry. node.test.ts and ../worker/last-hop.test.ts
 * run the same table.
 */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Backends, createBackends } from "../../src/backend/backends.ts";
import type { Sent } from "../../src/backend/exchange.ts";
import type { ExchangeRequest } from "../../src/backend/exchange.ts";
import { plainRequest } from "../support/request.ts";
import { textOf } from "../support/sent.ts";
import type { Runtime } from "../../src/backend/runtime.ts";
import type { Bundle, BundlePolicy, BundleTransport, TlsVersion } from "../../src/bundle/types.ts";
import type { RefusalCode } from "../../src/trust/index.ts";
import { EMPTY } from "../gateway/bundles.ts";
import { askControl, type Seen } from "./seen.ts";

/** The servers, as a test in any runtime finds them. */
export interface Fixtures {
  readonly controlPort: number;
  readonly ports: Readonly<Record<string, number>>;
  /** The DER of the root that signs `good`, in Base64. */
  readonly anchor: string;
  readonly anchorPem: string;
  readonly goodNotAfterMs: number;
  readonly nowMs: number;
}

/** The SNI of the policy, and the name in good certificates. */
export const SNI = "backend.internal";
const POLICY = "d".repeat(64);
const ANCHOR = "a".repeat(64);
const SET = "5".repeat(64);

/** The servers whose chain is refused, with the code. */
const REFUSALS: Readonly<Record<string, RefusalCode>> = {
  "unknown-ca": "unknown-ca",
  "self-signed": "unknown-ca",
  "name-mismatch": "name-mismatch",
  expired: "expired",
  "not-yet-valid": "not-yet-valid",
  "wrong-usage": "wrong-usage",
  "not-a-ca": "not-a-ca",
  substituted: "unknown-ca",
};

/** Defines the tests. */
export function lastHopSuite(runtime: Runtime, getFixtures: () => Fixtures): void {
  let fixtures: Fixtures;
  let now = 0;
  const open: Backends[] = [];
  beforeAll(() => {
    fixtures = getFixtures();
  });
  afterEach(() => {
    for (const backends of open.splice(0)) backends.close();
  });

  function backendsFor(server: string, policy: Partial<BundlePolicy> = {}): Backends {
    now = fixtures.nowMs;
    const clocked: Runtime = { ...runtime, now: () => now };
    const backends = createBackends({ bundle: bundleFor(fixtures, server, policy), runtime: clocked });
    open.push(backends);
    return backends;
  }
  const ask = (backends: Backends, more: Partial<ExchangeRequest> = {}): Promise<Sent> =>
    backends.send(
      "test/backend:443",
      plainRequest({ target: "/secret", headers: [["authorization", "Bearer secret"]], ...more }),
    );
  const control = (path: "/seen" | "/close", server: string, more = ""): Promise<Seen> =>
    askControl(fixtures.controlPort, path, server, more);
  const seen = (server: string): Promise<Seen> => control("/seen", server);
  const expectRefused = async (sent: Sent, code: RefusalCode, server: string, before: Seen): Promise<void> => {
    expect(sent).toMatchObject({ kind: "failed", failure: { kind: "chain-refused", refusal: { code } } });
    // All bytes that were sent on a connection have arrived when it is closed.
    await expect.poll(async () => (await seen(server)).openSockets).toBe(0);
    expect((await seen(server)).requestBytes - before.requestBytes, "decrypted request bytes at the backend").toBe(0);
  };

  describe.each(["", " 1.2"])("TLS%s", (suffix) => {
    it.each(["good", "rsa"])("%s: answers, and the server saw the policy's SNI", async (name) => {
      const server = name + suffix;
      const sent = await ask(backendsFor(server));
      expect(JSON.parse(await textOf(sent))).toMatchObject({ name: server });
      const { sni } = await seen(server);
      expect(sni.at(-1)).toBe(SNI);
      expect(sent).toMatchObject({
        connection: { tls: { sni: SNI, matched: `DNS:${SNI}`, version: suffix === "" ? "1.3" : "1.2" } },
      });
    });

    it.each(Object.entries(REFUSALS))("%s: refused on a new connection and again on the next", async (name, code) => {
      const server = name + suffix;
      const before = await seen(server);
      const backends = backendsFor(server);
      await expectRefused(await ask(backends), code, server, before);
      const post = {
        method: "POST",
        body: new Blob(["secret body"]).stream(),
        headers: [["content-length", "11"]],
      } as const;
      await expectRefused(await ask(backends, post), code, server, before);
    });

    it("a resumed connection is judged again: expired since", async () => {
      const server = `good${suffix}`;
      const backends = backendsFor(server);
      await textOf(await ask(backends, { headers: [["connection", "close"]] }));
      await control("/close", server);
      const resumed = await ask(backends);
      expect(JSON.parse(await textOf(resumed)), "the second connection resumes").toMatchObject({ resumed: true });
      await control("/close", server);
      const before = await seen(server);
      now = fixtures.goodNotAfterMs + 1_000;
      await expectRefused(await ask(backends), "expired", server, before);
    });

    it("a reused connection is not used past its verdict", async () => {
      const server = `good${suffix}`;
      const backends = backendsFor(server);
      await textOf(await ask(backends));
      const first = await seen(server);
      await textOf(await ask(backends));
      expect((await seen(server)).connections, "the second request reuses the connection").toBe(first.connections);
      const before = await seen(server);
      now = fixtures.goodNotAfterMs + 1_000;
      await expectRefused(await ask(backends), "expired", server, before);
    });

    it.each(["unknown-ca", "name-mismatch"])("a retry after a lost connection is judged: %s since", async (chain) => {
      const server = `good${suffix}`;
      const backends = backendsFor(server);
      await textOf(await ask(backends));
      const before = await control("/close", server, `&chain=${chain}`);
      try {
        await expectRefused(await ask(backends), REFUSALS[chain] ?? "unknown-ca", server, before);
      } finally {
        await control("/close", server, "&chain=good");
      }
    });
  });

  it("refuses what the bundle refuses without a dial", async () => {
    const transport: BundleTransport = { kind: "refused", code: "policy-ca-ref", policies: ["test/policy"] };
    const bundle = bundleFor(fixtures, "good", {});
    const backend = bundle.backends["test/backend:443"];
    if (backend === undefined) throw new Error("unreachable");
    const dial: Runtime["dial"] = () => Promise.reject(new Error("dialled"));
    const backends = createBackends({
      bundle: { ...bundle, backends: { "test/backend:443": { ...backend, transport } } },
      runtime: { ...runtime, dial },
    });
    expect(await ask(backends)).toMatchObject({
      kind: "failed",
      failure: { kind: "configuration", code: "policy-ca-ref" },
    });
  });

  it.each<[TlsVersion, TlsVersion, string]>([
    ["1.3", "1.3", "good 1.2"],
    ["1.2", "1.2", "good"],
  ])("keeps to TLS %s–%s", async (minTlsVersion, maxTlsVersion, server) => {
    const before = await seen(server);
    const sent = await ask(backendsFor(server, { minTlsVersion, maxTlsVersion }));
    if (minTlsVersion === "1.3") {
      expect(sent).toMatchObject({ kind: "failed", failure: { kind: "transport" } });
      expect((await seen(server)).requestBytes).toBe(before.requestBytes);
    } else expect(sent).toMatchObject({ kind: "response", connection: { tls: { version: "1.2" } } });
  });

  it("gives up on a body that stalls, but not on a client that reads slowly", async () => {
    const patient = (bodyIdleMs: number): Backends => {
      const backends = createBackends({ bundle: bundleFor(fixtures, "good", {}), runtime, timeouts: { bodyIdleMs } });
      open.push(backends);
      return backends;
    };
    const slow = await ask(patient(1_000), { target: "/download?mb=2" });
    if (slow.kind !== "response" || !(slow.response.body instanceof ReadableStream))
      throw new Error(JSON.stringify(slow));
    let bytes = 0;
    const reader = slow.response.body.getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      // The client reads on when a backend that fell silent later has been given up.
      if (bytes === 0) {
        const stalled = textOf(await ask(patient(1_000), { target: "/stall" }));
        await expect(stalled).rejects.toThrow("nothing for 1000 ms");
      }
      bytes += read.value.length;
    }
    expect(bytes).toBe(2 << 20);
  });

  it("tries the next endpoint when one refuses the dial", async () => {
    const bundle = bundleFor(fixtures, "good", {});
    const backend = bundle.backends["test/backend:443"];
    if (backend === undefined) throw new Error("unreachable");
    // Nobody listens on port 1.
    const endpoints = [{ host: "127.0.0.1", port: 1 }, ...backend.endpoints];
    const backends = createBackends({
      bundle: { ...bundle, backends: { "test/backend:443": { ...backend, endpoints } } },
      runtime,
    });
    open.push(backends);
    expect(await textOf(await ask(backends))).toContain("good");
    const dead = createBackends({
      bundle: { ...bundle, backends: { "test/backend:443": { ...backend, endpoints: endpoints.slice(0, 1) } } },
      runtime,
    });
    const failed = await ask(dead);
    expect(failed).toMatchObject({ kind: "failed", failure: { kind: "transport", sent: "nothing" } });
  });
}

/** A bundle of one backend, one of the servers, under a policy that trusts the servers' root. */
export function bundleFor(
  { ports, anchor }: Pick<Fixtures, "ports" | "anchor">,
  server: string,
  policy: Partial<BundlePolicy>,
): Bundle {
  const port = ports[server];
  if (port === undefined) throw new RangeError(`no server ${server}`);
  return {
    ...EMPTY,
    backends: {
      "test/backend:443": {
        service: "test/backend",
        port: 443,
        protocol: "http",
        transport: { kind: "tls", policy: POLICY },
        endpoints: [{ host: "127.0.0.1", port }],
      },
    },
    policies: {
      [POLICY]: {
        sni: SNI,
        identifiers: [{ type: "dns", value: SNI }],
        anchorSet: SET,
        minTlsVersion: "1.2",
        maxTlsVersion: "1.3",
        alpn: ["h2", "http/1.1"],
        ciphers: null,
        profile: "private",
        spkiPins: [],
        crls: null,
        maxChainDepth: 10,
        ...policy,
      },
    },
    anchorSets: { [SET]: { source: ["ConfigMap test/ca"], anchors: [ANCHOR] } },
    anchors: { [ANCHOR]: anchor },
  };
}
