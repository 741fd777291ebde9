/** Opening a backend connection: the handshake and the verdict under TLS, nothing of either in plaintext. */
import { sameBytes } from "../../bundle/bytes.ts";
import type { Sha256Hex } from "../../bundle/types.ts";
import { type Refusal, refuseEndEntity, type Verdict, VerifiedPeer } from "../../trust/index.ts";
import type { ByteStream } from "../runtime.ts";
import { PHASE } from "./abi.ts";
import { ALERTS, BAD_CERTIFICATE } from "./alerts.ts";
import { type PresentedChain, readPresented, Writer } from "./codec.ts";
import { Connection, type Security } from "./connection.ts";
import type { Instance } from "./instance.ts";
import type { TlsConfig } from "./tls-config.ts";
import { ConnectionError, type ConnectionErrorCode } from "./errors.ts";
import { withOffers } from "./client-hello-offers.ts";
import { Pump } from "./pump.ts";

/** What a TLS connection is opened for. */
export interface TlsTarget {
  readonly config: TlsConfig;
  readonly sni: string;
  /** The verdict must name this policy. */
  readonly policyDigest: Sha256Hex;
  /** Gives the verdict on what the peer presented. */
  readonly judge: (presented: PresentedChain) => Promise<Verdict>;
  /** Aborts when the connection is no longer wanted. */
  readonly signal: AbortSignal;
}

/** The outcome of opening a connection. */
export type Opened =
  | { readonly kind: "open"; readonly connection: Connection }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** The peer answered the ClientHello with more than an alert, and what it sent made no verified connection. */
  | { readonly kind: "broken"; readonly error: ConnectionError }
  | { readonly kind: "failed"; readonly error: ConnectionError };

/**
 * Opens a TLS connection over `stream`: shakes hands, has the presented chain judged, and lets requests through only for
 * a VerifiedPeer of this policy and this end-entity certificate. On any other outcome the stream is closed and no request
 * byte has left.
 */
export async function openTls(stream: ByteStream, target: TlsTarget): Promise<Opened> {
  try {
    const { instance } = target.config;
    const sni = new Writer(instance.input);
    for (const byte of new TextEncoder().encode(target.sni)) sni.u8(byte);
    const handle = instance.callOrThrow((wasm) => wasm.connect_tls(target.config.handle, sni.length));
    const pump = new Pump(instance, handle, stream);
    const opened = await shakeHands(pump, target);
    return opened.kind === "failed" && isCausedByPeer(opened.error, pump) ? { ...opened, kind: "broken" } : opened;
  } catch (error) {
    stream.close();
    if (error instanceof ConnectionError) return { kind: "failed", error };
    throw error;
  }
}

/** What a plaintext connection is opened for. */
export interface PlainOptions {
  readonly protocol: "http/1.1" | "h2c";
  readonly signal?: AbortSignal;
}

/** Opens a connection without TLS, for Services that no policy covers. */
export function openPlain(
  instance: Instance,
  stream: ByteStream,
  options: PlainOptions,
): Extract<Opened, { kind: "open" | "failed" }> {
  try {
    if (options.signal?.aborted === true) throw new ConnectionError("cancelled", "aborted before it started");
    const handle = instance.callOrThrow((wasm) => wasm.connect_plain(options.protocol === "h2c" ? 1 : 0));
    return { kind: "open", connection: new Connection(new Pump(instance, handle, stream), { kind: "plaintext" }) };
  } catch (error) {
    stream.close();
    if (error instanceof ConnectionError) return { kind: "failed", error };
    throw error;
  }
}

async function shakeHands(pump: Pump, target: TlsTarget): Promise<Opened> {
  const abort = () => pump.close();
  target.signal.addEventListener("abort", abort, { once: true });
  try {
    if (target.signal.aborted) abort();
    if ((await pump.phaseAfter(PHASE.handshaking)) !== PHASE.awaitingVerdict) {
      const unopened = notOpened(pump);
      if (unopened.kind === "refused") return unopened;
      return { kind: "failed", error: withOffers(unopened.error, target.config, target.sni) };
    }

    const judged = await judgeChain(pump, target);
    if (judged.kind !== "verified") return judged;
    if ((await pump.phaseAfter(PHASE.completing)) !== PHASE.open) return notOpened(pump);
    const { sni, tlsVersion, cipherSuite, resumed } = judged.presented;
    const security: Security = { kind: "tls", peer: judged.peer, sni, version: tlsVersion, cipherSuite, resumed };
    return { kind: "open", connection: new Connection(pump, security) };
  } finally {
    target.signal.removeEventListener("abort", abort);
  }
}

/** The length of a plaintext alert (RFC 8446 §5.1, §6): the header of a record, a level and a description. */
const ALERT_BYTES = 7;
/** Errors that end a handshake whatever the peer has sent. */
const NOT_BY_PEER: ReadonlySet<ConnectionErrorCode> = new Set<ConnectionErrorCode>(["cancelled", "engine-trapped"]);

/** Whether the error ends a handshake to which the peer had sent more than an alert. */
const isCausedByPeer = ({ code }: ConnectionError, { received }: Pump): boolean =>
  !NOT_BY_PEER.has(code) && (received.count > ALERT_BYTES || code === "tls-protocol");

/** An outcome without a connection. */
type NotOpened = Extract<Opened, { kind: "refused" | "failed" }>;
/** The outcome of the verdict on the presented chain. */
type JudgedChain =
  | { readonly kind: "verified"; readonly peer: VerifiedPeer; readonly presented: PresentedChain }
  | NotOpened;

async function judgeChain(pump: Pump, target: TlsTarget): Promise<JudgedChain> {
  const { instance, handle } = pump.module;
  // Called on the instance, because this call reports no status.
  instance.callOrThrow((wasm) => wasm.presented(handle));
  const presented = readPresented(instance.output, target.sni);
  let verdict: Verdict;
  try {
    verdict = await target.judge(presented);
  } catch (error) {
    pump.refuse(BAD_CERTIFICATE);
    return {
      kind: "failed",
      error: new ConnectionError("verdict-failed", error instanceof Error ? error.message : String(error)),
    };
  }
  if (pump.phase !== PHASE.awaitingVerdict) return notOpened(pump); // The connection ended meanwhile.
  if (verdict.kind === "refused") {
    pump.refuse(ALERTS[verdict.refusal.code]);
    return verdict;
  }
  if (!isVerdictFor(verdict.peer, target.policyDigest, presented)) {
    pump.refuse(BAD_CERTIFICATE);
    return {
      kind: "failed",
      error: new ConnectionError("verdict-mismatch", "a verdict on another policy or certificate"),
    };
  }
  pump.approve();
  return { kind: "verified", peer: verdict.peer, presented };
}

/** Whether the verdict is about this policy, and about the certificate whose key signed this handshake. */
function isVerdictFor(peer: VerifiedPeer, policy: Sha256Hex, presented: PresentedChain): boolean {
  const [judged] = peer.path.path;
  const [endEntity] = presented.chain;
  if (!(peer instanceof VerifiedPeer) || peer.policy !== policy || judged === undefined || endEntity === undefined)
    return false;
  return sameBytes(judged, endEntity);
}

/** Why a handshake came to no connection. The module itself refuses an end-entity key that cannot verify a handshake. */
function notOpened(pump: Pump): NotOpened {
  if (pump.unusableEndEntity !== null) return { kind: "refused", refusal: refuseEndEntity(pump.unusableEndEntity) };
  const error = pump.endReason ?? new ConnectionError("internal", "a handshake in no state");
  return { kind: "failed", error };
}
