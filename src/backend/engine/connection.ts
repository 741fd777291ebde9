/** An open connection to a backend, as files outside of engine/ use it. */
import type { TlsVersion } from "../../bundle/types.ts";
import type { VerifiedPeer } from "../../trust/index.ts";
import type { ExchangeResponse } from "../exchange.ts";
import { ConnectionError } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import type { Pump } from "./pump.ts";
import type { FirstBytes } from "./received.ts";
import type { RequestHead, RequestOptions } from "./request.ts";
import type { RequestBody } from "./request-body.ts";

/** How the connection is secured: the verified peer under TLS, nothing in plaintext. */
export type Security =
  | {
      readonly kind: "tls";
      readonly peer: VerifiedPeer;
      readonly sni: string;
      readonly version: TlsVersion;
      readonly cipherSuite: number;
      readonly resumed: boolean;
    }
  | { readonly kind: "plaintext" };

/** An open connection. Only handshake.ts makes one, after a verdict or without TLS. */
export class Connection {
  readonly #pump: Pump;
  readonly security: Security;
  readonly protocol: "h2" | "h2c" | "http/1.1";
  /** Resolves when the connection is over and its stream closed. */
  readonly closed: Promise<void>;
  #isRetired: () => boolean = () => false;

  constructor(pump: Pump, security: Security) {
    this.#pump = pump;
    this.security = security;
    this.protocol = !pump.module.isHttp2 ? "http/1.1" : security.kind === "tls" ? "h2" : "h2c";
    this.closed = pump.closed;
  }

  /**
   * Whether the connection is neither retired nor known to be over or going away (GOAWAY; requests in flight then still
   * finish). When the peer has closed the connection and nothing has shown that yet, the next request fails.
   */
  get alive(): boolean {
    return this.#pump.endReason === null && !this.#pump.module.isDraining && !this.#isRetired();
  }

  /** Lets no exchange begin once `isRetired` answers true, because a new connection would do better. */
  retireWhen(isRetired: () => boolean): void {
    this.#isRetired = isRetired;
  }

  /** Whether a request can start now. */
  get ready(): boolean {
    return this.#pump.accepts && this.#pump.inFlight < this.#pump.module.capacity;
  }

  /** The number of requests in flight. */
  get inflight(): number {
    return this.#pump.inFlight;
  }

  /** The number of requests that may be in flight together: 1 on HTTP/1.1; on HTTP/2 what SETTINGS and our limit allow. */
  get maxConcurrent(): number {
    return this.#pump.module.capacity;
  }

  /** The kind of the first bytes received: a TLS record shows that a backend which was sent plaintext speaks TLS. */
  get firstBytes(): FirstBytes {
    return this.#pump.received.firstBytes;
  }

  /**
   * Sends a request; resolves with the response once its head has come. Rejects with a ConnectionError whose `sent` says
   * whether the request may safely be sent again. A body given as bytes leaves together with its head.
   */
  async request(head: RequestHead, body: RequestBody | null, options: RequestOptions = {}): Promise<ExchangeResponse> {
    if (options.signal?.aborted === true) throw new ConnectionError("cancelled", "aborted before it started");
    if (this.#pump.endReason !== null) throw this.#pump.endReason.withSent("nothing");
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
