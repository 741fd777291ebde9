/** The steps from an endpoint to a connection that may carry requests: dial, TLS, verdict. */
import type { BundleBackend, BundleEndpoint, Sha256Hex } from "../../bundle/types.ts";
import type { Connection } from "../engine/connection.ts";
import { ConnectionError } from "../engine/errors.ts";
import { type Opened, openPlain, openTls, type TlsTarget } from "../engine/handshake.ts";
import { type BackendFailure, transportFailure } from "../failure.ts";
import { type ByteStream, DialError, type Runtime } from "../runtime.ts";
import { failureOf } from "./failures.ts";
import type { Policies, Protocols } from "./policies.ts";
import { watchRecords } from "./record-lengths.ts";

/** The outcome of connecting to one endpoint. */
export type Connected =
  | { readonly kind: "open"; readonly connection: Connection }
  | {
      readonly kind: "failed";
      readonly failure: BackendFailure;
      /** Whether the peer's chain or handshake was not acceptable: another dial would cost a handshake to find the same. */
      readonly leavesOut: boolean;
    };

/** The reason of an aborted dial's signal: its time is up, the client has left, or another dial was faster. */
export type AbandonReason = "timeout" | "gone" | "lost";

/** What to connect to, and with what. */
export interface ConnectOptions {
  readonly backend: BundleBackend;
  readonly endpoint: BundleEndpoint;
  readonly protocols: Protocols;
  readonly policies: Policies;
  readonly runtime: Runtime;
  /** Aborts with an {@link AbandonReason}. */
  readonly signal: AbortSignal;
  /** Called when the peer has accepted the TCP connection, before any handshake. */
  readonly onAccepted: () => void;
}

/** Connects to one endpoint: TCP, and under a policy TLS and the verdict on the presented chain. */
export async function connect(options: ConnectOptions): Promise<Connected> {
  let connected = await dialAndOpen(options);
  // The certificate or staple of a session may be out of date while the backend has a newer one, which only a full
  // handshake shows. The sessions are forgotten by now, so the second handshake is a full one.
  if (connected.kind === "session-refused") connected = await dialAndOpen({ ...options, onAccepted: () => undefined });
  if (connected.kind === "session-refused") connected = notConnected(connected.failure, true);
  return connected.kind === "failed" && options.signal.aborted
    ? notConnected(abandonedBy(options.signal.reason))
    : connected;
}

/** The failure of a dial that was given up. `reason` is an {@link AbandonReason}. */
export function abandonedBy(reason: unknown): BackendFailure {
  return reason === "timeout"
    ? transportFailure("connection-timeout", "no verified connection in time", "nothing")
    : transportFailure("client-gone", "while connecting", "nothing");
}

/** The chain of a resumed session was refused. All sessions of the TLS configuration are forgotten with it. */
interface SessionRefused {
  readonly kind: "session-refused";
  readonly failure: BackendFailure;
}

async function dialAndOpen(options: ConnectOptions): Promise<Connected | SessionRefused> {
  const { backend, endpoint, policies, runtime, signal, onAccepted } = options;
  let stream: ByteStream;
  try {
    stream = await runtime.dial(endpoint, signal);
  } catch (error) {
    if (error instanceof DialError) {
      return notConnected(transportFailure(`connection-${error.reason}`, error.message, "nothing"));
    }
    throw error;
  }
  onAccepted();
  const { transport } = backend;
  switch (transport.kind) {
    case "refused":
      // backends.ts answers requests for a refused transport before any dial. Requests on this stream would be in plaintext.
      stream.close();
      throw new RangeError("a refused transport is never dialled");
    case "plaintext": {
      const protocol = backend.protocol === "h2c" ? "h2c" : "http/1.1";
      return opened(openPlain(policies.instance(), stream, { protocol, signal }));
    }
    case "tls":
      return openVerified(stream, transport.policy, options);
  }
}

/** TLS over `stream` under a policy, with the cipher first that suits the endpoint's records. */
async function openVerified(
  stream: ByteStream,
  policyDigest: Sha256Hex,
  { endpoint, protocols, policies, runtime, signal }: ConnectOptions,
): Promise<Connected | SessionRefused> {
  try {
    const ready = policies.get(policyDigest, protocols, endpoint);
    const { config, sni, verifier, ciphers, costs } = ready;
    const watched = costs === null ? stream : watchRecords(stream, (bytes) => costs.add(bytes));
    let resumed = false;
    const judge: TlsTarget["judge"] = (presented) => {
      ({ resumed } = presented);
      return verifier.verify(presented.chain, runtime.now(), { ocspResponse: presented.ocspResponse, resumed });
    };
    const result = opened(await openTls(watched, { config, sni, policyDigest, judge, signal }));
    if (result.kind === "open" && costs !== null) result.connection.retireWhen(() => costs.order !== ciphers);
    if (!resumed || result.kind !== "failed" || result.failure.kind !== "chain-refused") return result;
    policies.forgetSessions(ready, protocols);
    return { kind: "session-refused", failure: result.failure };
  } catch (error) {
    stream.close();
    // The engine trapped while it read the policy. Any other error is a bug of ours.
    if (error instanceof ConnectionError && error.code === "engine-trapped") return notConnected(failureOf(error));
    throw error;
  }
}

function opened(result: Opened): Connected {
  switch (result.kind) {
    case "open":
      return result;
    case "refused":
      return notConnected({ kind: "chain-refused", refusal: result.refusal }, true);
    case "broken":
      return notConnected(failureOf(result.error), true);
    case "failed":
      return notConnected(failureOf(result.error));
  }
}

const notConnected = (failure: BackendFailure, leavesOut = false): Connected => ({
  kind: "failed",
  failure,
  leavesOut,
});
