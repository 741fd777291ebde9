/**
 * Bytes received on a connection: how many, and what the first of them are. A backend that speaks TLS answers plaintext
 * with a TLS record, or ends the connection without a byte.
 */

/** What the first bytes received are. */
export type FirstBytes = "nothing" | "tls-record" | "other";

/** What is remembered of the bytes that a connection has received. */
export class Received {
  readonly #start: number[] = [];
  #count = 0;

  /** Bytes received so far. */
  get count(): number {
    return this.#count;
  }

  /** What the first bytes are. */
  get firstBytes(): FirstBytes {
    if (this.#count === 0) return "nothing";
    return isTlsRecord(this.#start) ? "tls-record" : "other";
  }

  /** Remembers that `bytes` came next. */
  note(bytes: Uint8Array): void {
    // Only the first reads cost more than an addition.
    if (this.#count < RECORD_START_BYTES) this.#start.push(...bytes.subarray(0, RECORD_START_BYTES - this.#count));
    this.#count += bytes.length;
  }
}

/** The length of a record's type and version. */
const RECORD_START_BYTES = 3;
const ALERT = 21;
const HANDSHAKE = 22;

/** RFC 8446 §5.1: a record is a type, then a version that begins with 3. Neither HTTP/1.1 nor HTTP/2 begins so. */
const isTlsRecord = ([type, major, minor]: readonly number[]): boolean =>
  (type === ALERT || type === HANDSHAKE) && major === 3 && minor !== undefined && minor <= 4;
