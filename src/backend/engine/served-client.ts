/** What serves a client in the module, and what its host gives for that. */
import { CODES } from "./abi.ts";
import type { ServedRequest } from "./served-request.ts";

/** The protocol that a client speaks, by its ALPN name. */
export type ClientProtocol = "http/1.1" | "h2";

/** The socket of a client, as its connection needs it. */
export interface ClientSocket {
  /**
   * Writes bytes. False when the runtime has not taken all of them: it then calls {@link ServedConnection.writable} as soon
   * as it has, and until then `bytes` stay unchanged.
   */
  write(bytes: Uint8Array<ArrayBuffer>): boolean;
  /** Stops reading, until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends both directions once the bytes written have left. */
  end(): void;
}

/** The reason why a client's bytes are no request. */
export interface RefusedBytes {
  readonly kind: "malformed" | "unsupported-coding" | "too-large";
  /** What the client has sent instead, in words. */
  readonly got: string;
  /** The request as far as its head could be read; null when it could not, or when the head was well-formed. */
  readonly request: { readonly method: string; readonly authority: string; readonly target: string } | null;
  /** Whether the bytes belong to the body of a request that was announced. */
  readonly isInBody: boolean;
}

/** What the host does with a client's requests. */
export interface ClientHandler {
  /** Called when the head of a request has come. The host answers by {@link ServedRequest.respond}. */
  onRequest(request: ServedRequest): void;
  /** Called for bytes that are no request. Answers the last bytes for the client. */
  onRefused(refused: RefusedBytes): Uint8Array<ArrayBuffer>;
  /** Called when the last request under way is over, so that the connection is idle. */
  onIdle(): void;
}

/** The refusals of the module by the code of its failure. */
export const REFUSALS: ReadonlyMap<number, RefusedBytes["kind"]> = new Map([
  [CODES.malformedRequest, "malformed"],
  [CODES.unsupportedCoding, "unsupported-coding"],
  [CODES.requestTooLarge, "too-large"],
]);
