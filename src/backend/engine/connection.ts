/** Opening a backend connection, and what an open one can do. */
import { sameBytes } from "../../bundle/bytes.ts";
import type { Sha256Hex, TlsVersion } from "../../bundle/types.ts";
import { type Refusal, refuseEndEntity, type Verdict, VerifiedPeer } from "../../trust/index.ts";
import type { ByteStream } from "../runtime.ts";
import { PHASE } from "./abi.ts";
import { ALERTS, BAD_CERTIFICATE } from "./alerts.ts";
import { type PresentedChain, readPresented, Writer } from "./codec.ts";
import type { Engine, TlsConfig } from "./engine.ts";
import { ConnectionError, type ConnectionErrorCode } from "./errors.ts";
import { type BackendResponse, Exchange, type RequestHead, type RequestOptions } from "./exchange.ts";
import { type Heard, listen } from "./heard.ts";
import { withOffers } from "./offers.ts";
import { Pump } from "./pump.ts";
import type { RequestBody } from "./upload.ts";

export interface TlsTarget {
  readonly config: TlsConfig;
  readonly sni: string;
  /** The verdict must name this policy. */
  readonly policyDigest: Sha256Hex;
  readonly judge: (presented: PresentedChain) => Promise<Verdict>;
  readonly signal: AbortSignal;
}

export type Opened =
  | { readonly kind: "open"; readonly connection: Connection }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** The peer answered the ClientHello with more than an alert, and what it sent made no verified connection. */
  | { readonly kind: "broken"; readonly error: ConnectionError }
  | { readonly kind: "failed"; readonly error: ConnectionError };

/** Who is at the other end. */
export type Security =
  | {
      readonly kind: "tls";
      readonly peer: VerifiedPeer;
      readonly sni: string;
      readonly version: TlsVersion;
      readonly cipherSuite: number;
      readonly resumed: boolean;
    }
  | { readonly kind: "plaintext"; readonly heard: () => Heard };

/**
 * Shakes hands over `stream`, has the presented chain judged, and opens the gate only for a VerifiedPeer of this
 * policy and this end-entity certificate. On any other outcome the stream is closed and no request byte has left.
 */
export async function openTls(engine: Engine, stream: ByteStream, target: TlsTarget): Promise<Opened> {
  try {
    const { instance } = engine;
    const sni = new Writer(instance.input);
    for (const byte of new TextEncoder().encode(target.sni)) sni.u8(byte);
    const handle = instance.demand((wasm) => wasm.connect_tls(target.config.handle, sni.length));
    const pump = new Pump(instance, handle, stream);
    const opened = await shakeHands(pump, target);
    return opened.kind === "failed" && isPeers(opened.error, pump) ? { ...opened, kind: "broken" } : opened;
  } catch (error) {
    stream.close();
    if (error instanceof ConnectionError) return { kind: "failed", error };
    throw error;
  }
}

export interface PlainOptions {
  readonly protocol: "http/1.1" | "h2c";
  readonly signal?: AbortSignal;
}

/** A connection without TLS: for Services that no policy covers. */
export function openPlain(
  engine: Engine,
  stream: ByteStream,
  options: PlainOptions,
): Extract<Opened, { kind: "open" | "failed" }> {
  try {
    if (options.signal?.aborted === true) throw new ConnectionError("cancelled", "aborted before it started");
    const { instance } = engine;
    const handle = instance.demand((wasm) => wasm.connect_plain(options.protocol === "h2c" ? 1 : 0));
    const { stream: listened, heard } = listen(stream);
    const connection = new Connection(new Pump(instance, handle, listened), { kind: "plaintext", heard });
    return { kind: "open", connection };
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
    if ((await pump.leaves(PHASE.handshaking)) !== PHASE.awaitingVerdict) {
      const unopened = ended(pump);
      if (unopened.kind === "refused") return unopened;
      return { kind: "failed", error: withOffers(unopened.error, target.config, target.sni) };
    }

    const judged = await judge(pump, target);
    if (judged.kind !== "verified") return judged;
    if ((await pump.leaves(PHASE.completing)) !== PHASE.open) return ended(pump);
    const { sni, tlsVersion, cipherSuite, resumed } = judged.presented;
    const security: Security = { kind: "tls", peer: judged.peer, sni, version: tlsVersion, cipherSuite, resumed };
    return { kind: "open", connection: new Connection(pump, security) };
  } finally {
    target.signal.removeEventListener("abort", abort);
  }
}

/** RFC 8446 §5.1, §6: the header of a record, a level and a description. */
const ALERT_BYTES = 7;
/** Ends of a handshake that say nothing of what the peer sent. */
const OURS: ReadonlySet<ConnectionErrorCode> = new Set<ConnectionErrorCode>(["cancelled", "engine-trapped"]);

const isPeers = ({ code }: ConnectionError, { receivedBytes }: Pump): boolean =>
  !OURS.has(code) && (receivedBytes > ALERT_BYTES || code === "tls-protocol");

type NotOpened = Extract<Opened, { kind: "refused" | "failed" }>;
type Judged =
  | { readonly kind: "verified"; readonly peer: VerifiedPeer; readonly presented: PresentedChain }
  | NotOpened;

async function judge(pump: Pump, target: TlsTarget): Promise<Judged> {
  // Not through the pump: this call reports no status.
  pump.instance.demand((wasm) => wasm.presented(pump.handle));
  const presented = readPresented(pump.instance.output, target.sni);
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
  if (pump.phase !== PHASE.awaitingVerdict) return ended(pump); // Cut or cancelled meanwhile.
  if (verdict.kind === "refused") {
    pump.refuse(ALERTS[verdict.refusal.code]);
    return verdict;
  }
  if (!proves(verdict.peer, target.policyDigest, presented)) {
    pump.refuse(BAD_CERTIFICATE);
    return {
      kind: "failed",
      error: new ConnectionError("verdict-mismatch", "a verdict on another policy or certificate"),
    };
  }
  pump.approve();
  return { kind: "verified", peer: verdict.peer, presented };
}

/** The verdict is about this policy, and about the certificate whose key signed this handshake. */
function proves(peer: VerifiedPeer, policy: Sha256Hex, presented: PresentedChain): boolean {
  const [judged] = peer.path.path;
  const [endEntity] = presented.chain;
  if (!(peer instanceof VerifiedPeer) || peer.policy !== policy || judged === undefined || endEntity === undefined)
    return false;
  return sameBytes(judged, endEntity);
}

/** A handshake that came to no connection; the module may have refused an end entity's key. */
function ended(pump: Pump): NotOpened {
  if (pump.unusable !== null) return { kind: "refused", refusal: refuseEndEntity(pump.unusable) };
  const error = pump.over ?? new ConnectionError("internal", "a handshake in no state");
  return { kind: "failed", error };
}

/** An open connection. Only the functions above make one, after a verdict or without TLS. */
export class Connection {
  readonly #pump: Pump;
  readonly security: Security;
  readonly protocol: "h2" | "h2c" | "http/1.1";
  /** Resolves when the connection is over and its stream closed. */
  readonly closed: Promise<void>;

  constructor(pump: Pump, security: Security) {
    this.#pump = pump;
    this.security = security;
    this.protocol = !pump.http2 ? "http/1.1" : security.kind === "tls" ? "h2" : "h2c";
    this.closed = pump.closed;
  }

  /**
   * Not known to be over, nor going away (GOAWAY; requests in flight then still finish). A peer may have closed
   * without our knowing yet: that request fails.
   */
  get alive(): boolean {
    return this.#pump.over === null && !this.#pump.draining;
  }

  /** A request can start now. */
  get ready(): boolean {
    return this.#pump.accepts && this.#pump.inFlight < this.#pump.capacity;
  }

  get inflight(): number {
    return this.#pump.inFlight;
  }

  /** 1 on HTTP/1.1; on HTTP/2 what the peer's SETTINGS and our bound allow. */
  get maxConcurrent(): number {
    return this.#pump.capacity;
  }

  /**
   * Sends a request; resolves with the response's head. Rejects with a ConnectionError whose `sent` says whether a
   * retry is safe. A body given as bytes leaves together with its head.
   */
  async request(head: RequestHead, body: RequestBody | null, options: RequestOptions = {}): Promise<BackendResponse> {
    if (options.signal?.aborted === true) throw new ConnectionError("cancelled", "aborted before it started");
    if (this.#pump.over !== null) throw this.#pump.over.asSeenBy("nothing");
    const exchange = new Exchange(this.#pump, head, body !== null, options);
    this.#pump.schedule();
    if (body !== null) void exchange.upload(body);
    return exchange.response;
  }

  /** Ends the connection; requests in flight fail. Idempotent. */
  close(): void {
    this.#pump.close();
  }
}
