/** The suite of faults: each fault has its answer, leaks nothing, gets no byte before a verdict, and the next request is answered. */
import { beforeAll, describe, expect, it } from "vitest";
import { createBackends } from "../../src/backend/backends.ts";
import type { ExchangeRequest } from "../../src/backend/exchange.ts";
import { bodyFailureOf } from "../../src/backend/connect/failures.ts";
import type { TransportCode } from "../../src/backend/failure.ts";
import { REFUSED_PEER_LIMITS, type Timeouts } from "../../src/backend/limits.ts";
import type { Bundle, BundleBackend, BundlePolicy, BundleRule } from "../../src/bundle/types.ts";
import type { FailureCode } from "../../src/gateway/failures.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { type Distortion, distorted } from "../backend/fixtures/backend.ts";
import { bundleOf, matchOf, ruleOf } from "../gateway/bundles.ts";
import { plainRequest } from "../support/request.ts";
import { bundleFor, SNI } from "../last-hop/suite.ts";
import { type Minted, mintCa, mintLeaf } from "../support/pki.ts";
import { type Behaviour, faultyBackend, type Speak } from "./backend.ts";

/** The answer to a client: a response and its text, a failure of ours, or a response that breaks off. */
export type Answer =
  | "200 ok"
  | `${number} "${string}"`
  | `${number} ${FailureCode}`
  | `${number}, then ${TransportCode}`;

/** A fault, and what it must lead to. */
export interface Fault extends Partial<Behaviour> {
  readonly expect: Answer | readonly Answer[];
  /** Whether the next request has the same connection; by default when the answer is a good one. */
  readonly keeps?: boolean;
  /** Whether the next request waits until the fault's connection is closed. */
  readonly patient?: boolean;
  /** The distortion of the first connection's bytes, on the gateway's side. */
  readonly distortion?: Distortion;
  readonly timeouts?: Partial<Timeouts>;
  readonly request?: Partial<ExchangeRequest>;
  readonly rule?: Partial<Pick<BundleRule, "timeouts" | "retry">>;
  /** The number of good requests on the same connection before the fault. */
  readonly after?: number;
  /** Whether no verdict is reached, so that the backend must not see a byte. */
  readonly unverified?: boolean;
  /** Whether further requests get the same answer without a dial, until the endpoint's time is over. */
  readonly leavesOut?: boolean;
}

/** What all faults of a suite share. */
export interface Terms {
  readonly good: Speak;
  /** The policy; null for plaintext. */
  readonly policy: Partial<BundlePolicy> | null;
  readonly protocol?: BundleBackend["protocol"];
  readonly unverified?: boolean;
}

const PATIENT = { connectMs: 10_000, responseMs: 10_000, bodyIdleMs: 10_000 };
/** Time limits for backends that stall. */
export const IMPATIENT = { connectMs: 600, responseMs: 600, bodyIdleMs: 300 };

/** Defines a test for each fault. Each test makes its fault anew. */
export function faultSuite(title: string, terms: Terms, faults: Readonly<Record<string, () => Fault>>): void {
  describe(title, () => {
    let root: Minted;
    let leaf: Minted;
    const runtime = nodeRuntime();
    beforeAll(async () => {
      root = await mintCa({ name: "fault root" });
      leaf = await mintLeaf({ issuer: root, dns: [SNI] });
    });

    it.each(Object.entries(faults))("%s", async (_, make) => {
      const { distortion, timeouts, request, rule, after = 0, ...fault } = make();
      const { good, policy, protocol } = terms;
      const alpn = [...(policy?.alpn ?? ["http/1.1"])];
      const tls = { ALPNProtocols: alpn, maxVersion: `TLSv${policy?.maxTlsVersion ?? "1.3"}`, ...fault.tls } as const;
      const backend = await faultyBackend(policy === null ? null : leaf, { good, ...fault, tls });
      const bundle = routed(bundleTo(backend.port, root, policy, protocol), rule);
      let dials = 0;
      let leapMs = 0;
      const backends = createBackends({
        bundle,
        runtime: {
          ...runtime,
          monotonicMs: () => runtime.monotonicMs() + leapMs,
          async dial(endpoint, signal) {
            const stream = await runtime.dial(endpoint, signal);
            return dials++ === 0 && distortion !== undefined ? distorted(stream, distortion) : stream;
          },
        },
        timeouts: { ...PATIENT, ...timeouts },
      });
      const gateway = createGateway({
        bundle,
        backends,
        log: () => undefined,
        capabilities: [],
        monotonicMs: () => 0,
        random: () => 0,
      });
      try {
        for (let asked = 0; asked < after; asked++) expect(await answerOf(gateway)).toBe("200 ok");
        const answer = await answerOf(gateway, request);
        expect([fault.expect].flat().flatMap(orUnsent)).toContain(answer);
        if (fault.unverified ?? terms.unverified) expect(backend.received[0] ?? 0, "request bytes").toBe(0);
        if (fault.patient) {
          await expect.poll(() => backend.open, { message: "the fault's connection" }).toBe(0);
          expect(backends.stats()).toMatchObject({ open: 0, idle: 0 });
        }
        if (fault.leavesOut === true) {
          for (let asked = 0; asked < 20; asked++) expect(await answerOf(gateway)).toBe(answer);
          expect(backend.accepted, "connections while it is left out").toBe(1);
          leapMs += REFUSED_PEER_LIMITS.firstMs;
        }
        expect(await answerOf(gateway), "the next request").toBe("200 ok");
        const keeps = fault.keeps ?? answer === "200 ok";
        expect(backend.accepted, "connections").toBe(keeps ? 1 : 2);
        await expect.poll(() => backend.open, { message: "what the fault left open" }).toBeLessThanOrEqual(1);
        backends.close();
        await expect.poll(() => backend.open, { message: "connections after close" }).toBe(0);
        expect(backends.stats()).toMatchObject({ open: 0, inFlight: 0 });
      } finally {
        backends.close();
        await backend.close();
      }
    });
  });
}

/** The answers that count as `answer`. When a body breaks before its head has left, the gateway answers 502 with the same code. */
function orUnsent(answer: Answer): readonly string[] {
  const code = /^200, then (?<code>.+)$/.exec(answer)?.groups?.["code"];
  return code === undefined ? [answer] : [answer, `502 ${code}`];
}

const BACKEND = "test/backend:443";

/** A bundle with the backend at `port`. */
export function bundleTo(
  port: number,
  root: Pick<Minted, "der">,
  policy: Partial<BundlePolicy> | null,
  protocol: BundleBackend["protocol"] = "http",
): Bundle {
  const anchor = Buffer.from(root.der).toString("base64");
  const bundle = bundleFor({ ports: { it: port }, anchor }, "it", { alpn: ["http/1.1"], ...policy });
  const backend = bundle.backends[BACKEND];
  if (backend === undefined) throw new RangeError("unreachable");
  const transport = policy === null ? ({ kind: "plaintext" } as const) : backend.transport;
  return { ...bundle, backends: { [BACKEND]: { ...backend, protocol, transport } } };
}

/** The bundle with a rule that forwards all requests. */
export function routed(bundle: Bundle, more: Fault["rule"] = {}): Bundle {
  const action = { kind: "forward", backendRefs: [{ weight: 1, backend: BACKEND, filters: [] }] } as const;
  const rule = { ...ruleOf("test/route", [matchOf({})]), action, ...more };
  const { listeners, rules } = bundleOf([{ hostname: "*", seniority: 0, rule }]);
  return { ...bundle, listeners, rules };
}

const FRONT = { clientAddress: null, scheme: "http", port: 80, sni: null } as const;

/** Sends a request and reads the whole answer. */
export async function answerOf(gateway: Gateway, more: Partial<ExchangeRequest> = {}): Promise<string> {
  const { status, headers, body, trailers, upgrade } = await gateway.handle(plainRequest(more), FRONT);
  upgrade?.close();
  // RFC 9110 §8.6.
  if (status < 200 || status === 204) expect(headers.map(([name]) => name)).not.toContain("content-length");
  const why = headers.find(([name]) => name === "proxy-status")?.[1];
  try {
    const text = await new Response(body).text();
    // RFC 9110 §6.5.1.
    for (const [name] of (body === null ? null : await trailers) ?? [])
      expect(["content-length", "transfer-encoding"]).not.toContain(name);
    if (why !== undefined) return `${status} ${/details="(.*)"/.exec(why)?.[1]}`;
    return text === "ok" ? `${status} ok` : `${status} ${JSON.stringify(text)}`;
  } catch (error) {
    const failure = bodyFailureOf(error);
    if (failure === null) throw error;
    return `${status}, then ${failure.code}`;
  }
}
