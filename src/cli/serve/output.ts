/** Outputs that never block: each takes as many bytes as it can at once. */
import type { Writable } from "node:stream";

/** A non-blocking output. */
export interface Output {
  /** Writes as many of `bytes` as possible. */
  put(bytes: Buffer): Put;
  /** The number of bytes that are taken, and not yet written. */
  readonly waitingBytes: number;
}

/** The result of one write: the number of bytes taken, which may be 0, or the reason why none ever can be. */
export type Put =
  | { readonly kind: "taken"; readonly bytes: number }
  | { readonly kind: "failed"; readonly reason: string };

/** An output to a file, or to a pipe that was opened as non-blocking. */
export function toDescriptor(descriptor: number, write: (descriptor: number, bytes: Buffer) => number): Output {
  return {
    waitingBytes: 0,
    put(bytes) {
      try {
        return { kind: "taken", bytes: write(descriptor, bytes) };
      } catch (error) {
        if (codeOf(error) === "EAGAIN") return { kind: "taken", bytes: 0 };
        return { kind: "failed", reason: codeOf(error) };
      }
    },
  };
}

/** An output to a stream. The output takes one write at a time, and fails for good after an error of the stream. */
export function toStream(stream: Writable): Output {
  let waiting = 0;
  let failure: string | null = null;
  return {
    get waitingBytes() {
      return failure === null ? waiting : 0;
    },
    put(bytes) {
      if (failure !== null) return { kind: "failed", reason: failure };
      if (waiting > 0) return { kind: "taken", bytes: 0 };
      waiting += bytes.length;
      stream.write(bytes, (error) => {
        waiting -= bytes.length;
        if (error instanceof Error) failure = codeOf(error);
      });
      return { kind: "taken", bytes: bytes.length };
    },
  };
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
