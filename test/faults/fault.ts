/** The suite of faults: each has its code, leaks nothing, sends nothing unverified, and the next request is answered. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Backends, createBackends, type SendOptions, type Sent } from "../../src/backend/backends.ts";
import { ConnectionError } from "../../src/backend/engine/errors.ts";
import type { ExchangeRequest } from "../../src/backend/exchange.ts";
import { failureOf } from "../../src/backend/exchange-on.ts";
import { type BackendCode, codeOf } from "../../src/backend/events.ts";
import type { TransportCode } from "../../src/backend/failure.ts";
import type { Timeouts } from "../../src/backend/limits.ts";
import type { Bundle, BundlePolicy } from "../../src/bundle/types.ts";
import { nodeHost } from "../../src/host/node/host.ts";
import { type Distortion, distorted } from "../backend/fixtures/backend.ts";
import { plainRequest } from "../last-hop/request.ts";
import { bundleFor, SNI } from "../last-hop/suite.ts";
import { type Minted, mintCa, mintLeaf } from "../pki.ts";
import { type Behaviour, faultyBackend, type Speak } from "./backend.ts";

/** How the first request ends: answered, without a response, or in the middle of its body. */
type Outcome = "answered" | BackendCode | `body: ${TransportCode}`;

export interface Fault extends Partial<Behaviour> {
  readonly expect: Outcome | readonly Outcome[];
  /** Of the first connection's bytes, on the gateway's side. */
  readonly distortion?: Distortion;
  readonly timeouts?: Partial<Timeouts>;
  readonly request?: Partial<ExchangeRequest>;
  readonly options?: SendOptions;
  /** The fault comes after a good request, or more, on the same connection. */
  readonly after?: number;
  /** No verdict was reached, so the backend must not have seen a byte. */
  readonly unverified?: boolean;
}

export interface Terms {
  readonly good: Speak;
  readonly policy: Partial<BundlePolicy>;
  readonly unverified?: boolean;
}

const PATIENT = { connectMs: 10_000, responseMs: 10_000, bodyIdleMs: 10_000 };
/** For backends that stall. */
export const IMPATIENT = { connectMs: 600, responseMs: 600, bodyIdleMs: 300 };

/** Faults by name, made anew for each run. */
export function faultSuite(title: string, terms: Terms, faults: Readonly<Record<string, () => Fault>>): void {
  describe(title, () => {
    let root: Minted;
    let leaf: Minted;
    const host = nodeHost();
    beforeAll(async () => {
      root = await mintCa({ name: "fault root" });
      leaf = await mintLeaf({ issuer: root, dns: [SNI] });
    });

    it.each(Object.entries(faults))("%s", async (_, make) => {
      const { distortion, timeouts, request, options, after = 0, ...fault } = make();
      const alpn = [...(terms.policy.alpn ?? ["http/1.1"])];
      const tls = {
        ALPNProtocols: alpn,
        maxVersion: `TLSv${terms.policy.maxTlsVersion ?? "1.3"}`,
        ...fault.tls,
      } as const;
      const backend = await faultyBackend(leaf, { good: terms.good, ...fault, tls });
      let dials = 0;
      const backends = createBackends({
        bundle: bundleTo(backend.port, root, terms.policy),
        host: {
          ...host,
          async dial(endpoint, signal) {
            const stream = await host.dial(endpoint, signal);
            return dials++ === 0 && distortion !== undefined ? distorted(stream, distortion) : stream;
          },
        },
        timeouts: { ...PATIENT, ...timeouts },
      });
      try {
        for (let asked = 0; asked < after; asked++) expect(await outcomeOf(backends)).toBe("answered");
        expect([fault.expect].flat()).toContain(await outcomeOf(backends, request, options));
        if (fault.unverified ?? terms.unverified) expect(backend.received[0] ?? 0, "request bytes").toBe(0);
        expect(await outcomeOf(backends), "the next request").toBe("answered");
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

export function bundleTo(port: number, root: Minted, policy: Partial<BundlePolicy>): Bundle {
  const anchor = Buffer.from(root.der).toString("base64");
  const fixtures = { controlPort: 0, ports: { it: port }, anchor, anchorPem: "", goodNotAfterMs: 0, nowMs: 0 };
  return bundleFor(fixtures, "it", { alpn: ["http/1.1"], ...policy });
}

export function ask(backends: Backends, more: Partial<ExchangeRequest> = {}, options?: SendOptions): Promise<Sent> {
  return backends.send("test/backend:443", plainRequest(more), options);
}

/** Reads the whole answer, which must be "ok". */
export async function outcomeOf(...asked: Parameters<typeof ask>): Promise<string> {
  const sent = await ask(...asked);
  if (sent.kind === "failed") return codeOf(sent.failure);
  try {
    const text = await new Response(sent.response.body).text();
    return text === "ok" ? "answered" : `answered with ${JSON.stringify(text)}`;
  } catch (error) {
    if (error instanceof ConnectionError) return `body: ${failureOf(error).code}`;
    throw error;
  }
}
