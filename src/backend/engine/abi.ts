/**
 * The ABI of the module: its functions, and the numbers that `wasm/src/ffi.rs`, `report.rs`, `error.rs`, `cipher.rs` and
 * `connection.rs` define.
 */
import type { Cipher } from "../../bundle/types.ts";

/** The version of the ABI; an instance refuses a module of another version. */
export const ABI_VERSION = 7;

/** The functions of the module. Each answers a number at or above 0, or -1 with a failure in the report. */
export interface Exports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  abi_version(): number;
  init(ciphers: number): number;
  input_pointer(): number;
  input_capacity(): number;
  report_pointer(): number;
  config_new(length: number): number;
  config_free(config: number): number;
  offers(config: number): number;
  connect_tls(config: number, sniLength: number): number;
  connect_plain(http2: number): number;
  connection_free(connection: number): number;
  feed(connection: number, length: number): number;
  end(connection: number, broken: number): number;
  turn(connection: number): number;
  drain(connection: number): number;
  presented(connection: number): number;
  approve(connection: number): number;
  refuse(connection: number, alert: number): number;
  failure(connection: number): number;
  evidence(connection: number): number;
  close(connection: number): number;
  request(connection: number, length: number, hasBody: number): number;
  request_write(connection: number, request: number, length: number): number;
  request_end(connection: number, request: number, length: number): number;
  request_cancel(connection: number, request: number): number;
  next_ready(connection: number): number;
  response_next(connection: number, request: number): number;
  witness(length: number): number;
}

/** The functions of the module that serves clients, which the module of workers lacks. */
export interface ServerExports {
  serve(http2: number): number;
  respond(connection: number, request: number, length: number, hasBody: number): number;
  respond_whole(connection: number, request: number, headLength: number, bodyLength: number): number;
  splice(client: number, served: number, backend: number, request: number): number;
  splice_progress(client: number, served: number): number;
  next_changed(): number;
  inform(connection: number, request: number, length: number): number;
  body_drop(connection: number, request: number): number;
  request_reset(connection: number, request: number, reason: number): number;
  request_failed(connection: number, request: number): number;
  release(connection: number): number;
  retire(connection: number): number;
}

/**
 * The functions that leave the status of their connection in the report. After any other function the report may have the
 * status of another connection.
 */
export type StatusExports = Pick<
  Exports,
  | "feed"
  | "end"
  | "turn"
  | "drain"
  | "approve"
  | "refuse"
  | "close"
  | "request"
  | "request_write"
  | "request_end"
  | "request_cancel"
  | "next_ready"
  | "response_next"
> &
  Pick<
    ServerExports,
    "respond" | "respond_whole" | "inform" | "body_drop" | "request_reset" | "request_failed" | "release" | "retire"
  >;

/** The numbers of ciphers (`wasm/src/cipher.rs`). A set of ciphers is the sum of their numbers. */
export const CIPHERS: Readonly<Record<Cipher, number>> = { "aes-gcm": 1, "chacha20-poly1305": 2 };

/** Indices into the report, eight u32. */
export const REPORT = { status: 0, pointer: 1, length: 2, code: 3, aux: 4, sent: 5, capacity: 6, inFlight: 7 } as const;
/** The number of u32 in the report. */
export const REPORT_WORDS = 8;

/** The phases of a connection: values of the low three bits of its status. */
export const PHASE = { handshaking: 0, awaitingVerdict: 1, completing: 2, open: 3, closed: 4 } as const;
/** The bits of a status that hold the phase. */
export const PHASE_MASK = 7;
/** The other bits of a status. */
export const STATUS = { output: 8, ready: 16, accepts: 32, http2: 64, draining: 128, others: 256 } as const;

/** The kinds of events that `response_next` answers; 0: there is no event. */
export const EVENT = {
  informational: 1,
  head: 2,
  data: 3,
  trailers: 4,
  upgraded: 5,
  end: 6,
  failed: 7,
  answered: 8,
} as const;

/** The answer of `splice_progress`: a bit for each of these, and above them the bytes moved. */
export const SPLICE = { waitsForClient: 1, over: 2, movedShift: 2 } as const;

/** Reasons of resets (RFC 9113 §7). */
export const RESET = { internalError: 2, refusedStream: 7, cancel: 8 } as const;

/** Numbers of `wasm/src/witness.rs`: the kinds of questions, the kinds of names in them, and the answer that accepts. */
export const WITNESS = { judge: 1, verifySignatures: 2, noName: 0, dnsName: 1, address: 2, accepted: 1 } as const;

/** The flags before a client's request head (`wasm/src/request_gate.rs`). */
export const HEAD_FLAGS = { http10: 1, expectsContinue: 2, hasBody: 4, chunked: 8, websocket: 16, http2: 32 } as const;

/** Failure codes by number (`wasm/src/error.rs`). */
export const CODES = {
  badArgument: 1,
  badHandle: 2,
  wrongState: 3,
  busy: 4,
  tooLarge: 5,
  cancelled: 6,
  tlsProtocol: 7,
  tlsAlert: 8,
  certificateRejected: 9,
  refused: 10,
  peerClosed: 11,
  peerTruncated: 12,
  http1Protocol: 13,
  http2Protocol: 14,
  responseIncomplete: 15,
  streamReset: 16,
  goAway: 17,
  requestBody: 18,
  internal: 19,
  unusableEndEntity: 20,
  malformedRequest: 21,
  unsupportedCoding: 22,
  requestTooLarge: 23,
} as const;
