/** From an endpoint to a connection that may carry requests: dial, TLS, verdict, within one time limit. */
import type { BundleBackend, BundleEndpoint } from "../bundle/types.ts";
import { type Connection, type Opened, openPlain, openTls } from "./engine/connection.ts";
import { failureOf } from "./exchange-on.ts";
import { type BackendFailure, transportFailure } from "./failure.ts";
import { type ByteStream, DialError, type Host } from "./host.ts";
import type { Policies } from "./policies.ts";

export type Connected =
  | { readonly kind: "open"; readonly connection: Connection }
  | { readonly kind: "failed"; readonly failure: BackendFailure };

export interface ConnectOptions {
  readonly backend: BundleBackend;
  readonly endpoint: BundleEndpoint;
  readonly policies: Policies;
  readonly host: Host;
  readonly connectMs: number;
  /** Aborts when the client has left. */
  readonly signal: AbortSignal;
}

export async function connect(options: ConnectOptions): Promise<Connected> {
  const { connectMs, signal } = options;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), connectMs);
  const abort = (): void => limit.abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    if (signal.aborted) return failed(transportFailure("client-gone", "before the dial", "nothing"));
    const connected = await dialAndOpen(options, limit.signal);
    if (connected.kind === "open" || !limit.signal.aborted) return connected;
    return failed(
      signal.aborted
        ? transportFailure("client-gone", "while connecting", "nothing")
        : transportFailure("connection-timeout", `no verified connection within ${connectMs} ms`, "nothing"),
    );
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

async function dialAndOpen(options: ConnectOptions, signal: AbortSignal): Promise<Connected> {
  const { backend, endpoint, policies, host } = options;
  let stream: ByteStream;
  try {
    stream = await host.dial(endpoint, signal);
  } catch (error) {
    if (error instanceof DialError) {
      return failed(transportFailure(`connection-${error.reason}`, error.message, "nothing"));
    }
    throw error;
  }
  const { transport } = backend;
  switch (transport.kind) {
    case "refused":
      // backends.ts answers before any dial; a stream here would be a plaintext hole.
      stream.close();
      throw new RangeError("a refused transport is never dialled");
    case "plaintext": {
      const protocol = backend.protocol === "h2c" ? "h2c" : "http/1.1";
      return opened(openPlain(policies.engine(), stream, { protocol, signal }));
    }
    case "tls": {
      const policy = policies.get(transport.policy);
      const { digest: policyDigest, sni, config, verifier } = policy;
      return opened(
        await openTls(policy.engine, stream, {
          config,
          sni,
          policyDigest,
          judge: (presented) => verifier.verify(presented.chain, host.now(), { ocspResponse: presented.ocspResponse }),
          signal,
        }),
      );
    }
  }
}

function opened(result: Opened): Connected {
  switch (result.kind) {
    case "open":
      return result;
    case "refused":
      return failed({ kind: "chain-refused", refusal: result.refusal });
    case "failed":
      return failed(failureOf(result.error));
  }
}

const failed = (failure: BackendFailure): Connected => ({ kind: "failed", failure });
