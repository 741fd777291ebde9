/** What a runtime gives backend/: sockets, crypto, clock and the TLS module. host/ implements it. */
import type { BundleEndpoint, Cipher } from "../bundle/types.ts";

/** One side of a byte stream. At most one read and one write are outstanding at a time. */
export interface ByteStream {
  /**
   * The next bytes, or null once the peer has ended its direction. The caller may use the view until the next read. Rejects
   * when the connection broke.
   */
  read(): Promise<Uint8Array | null>;
  /** Resolves when the runtime can take more; keeps no view of `bytes` after that. Rejects when the connection broke. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends both directions, idempotent, never throws; outstanding reads answer null. */
  close(): void;
}

/** A function that opens a TCP connection. Rejects with a {@link DialError}; an abort closes the attempt. */
export type Dial = (endpoint: BundleEndpoint, signal: AbortSignal) => Promise<ByteStream>;

/** The failure of a dial. `refused`: the peer refused the connection; `unreachable`: there is no route or no such name. */
export class DialError extends Error {
  readonly reason: "refused" | "unreachable" | "timeout" | "prohibited";
  constructor(reason: DialError["reason"], message: string) {
    super(message);
    this.name = "DialError";
    this.reason = reason;
  }
}

/**
 * Ciphers in place and synchronous, for large records: the module has neither AES-NI nor wide vectors, so there a large
 * record costs up to ten times as much.
 */
export interface RuntimeAead {
  /** The ciphers that the runtime has, perhaps none; the one that is quicker for large records comes first. */
  readonly ciphers: readonly Cipher[];
  /** Copies a key (16 or 32 bytes for AES-GCM, 32 for ChaCha20-Poly1305) and answers a handle. */
  newKey(cipher: Cipher, key: Uint8Array): number;
  freeKey(handle: number): void;
  /** Decrypts `buffer` = ciphertext and 16-byte tag in place; false when the tag is wrong. */
  open(handle: number, nonce: Uint8Array, aad: Uint8Array, buffer: Uint8Array): boolean;
  /** Encrypts all but the last 16 bytes of `buffer` in place and writes the tag into those. */
  seal(handle: number, nonce: Uint8Array, aad: Uint8Array, buffer: Uint8Array): boolean;
}

/** What backend/ needs of a runtime. Clock, randomness and sockets come from here alone. */
export interface Runtime {
  readonly tlsModule: WebAssembly.Module;
  /** Makes a cipher for one instance of the module: the keys in it go with the instance, also when nobody frees them. */
  readonly aead: (() => RuntimeAead) | null;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A clock in milliseconds that never goes backwards. */
  readonly monotonicMs: () => number;
  readonly randomFill: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  /**
   * Runs `act` after the call, once callers may have queued more work, and before the runtime waits for I/O. What is
   * queued for a connection until then leaves in one write, and writes to many sockets leave one after the other.
   */
  readonly soon: (act: () => void) => void;
  readonly dial: Dial;
  /**
   * Keeps the invocation alive until `work` has settled, also when its client has left. Present where a runtime ends
   * an invocation with all its sockets and promises, and none of them settles (workerd, outside of a Durable Object).
   */
  readonly keep?: (work: Promise<unknown>) => void;
}

/** Keeps the invocation alive until the answered function is called; null where no runtime ends invocations. */
export function keepInvocation({ keep }: Runtime): (() => void) | null {
  if (keep === undefined) return null;
  const { promise, resolve } = Promise.withResolvers<void>();
  keep(promise);
  return resolve;
}
