/** Where bytes go that may not be taken: all of them, some, or none. */
import type { Writable } from "node:stream";

export interface Output {
  /** Takes what it can at once. `failed`: nobody takes any. */
  put(bytes: Buffer): Put;
  /** Taken, and not yet written. */
  readonly waitingBytes: number;
}

export type Put =
  | { readonly kind: "taken"; readonly bytes: number }
  | { readonly kind: "failed"; readonly why: string };

/** One that does not block: a file, or a pipe that was opened so. */
export function toDescriptor(descriptor: number, write: (descriptor: number, bytes: Buffer) => number): Output {
  return {
    waitingBytes: 0,
    put(bytes) {
      try {
        return { kind: "taken", bytes: write(descriptor, bytes) };
      } catch (error) {
        if (codeOf(error) === "EAGAIN") return { kind: "taken", bytes: 0 };
        return { kind: "failed", why: codeOf(error) };
      }
    },
  };
}

/** A stream that waits by itself. After an error it takes no more. */
export function toStream(stream: Writable): Output {
  let waiting = 0;
  let broken: string | null = null;
  return {
    get waitingBytes() {
      return broken === null ? waiting : 0;
    },
    put(bytes) {
      if (broken !== null) return { kind: "failed", why: broken };
      if (waiting > 0) return { kind: "taken", bytes: 0 };
      waiting += bytes.length;
      stream.write(bytes, (error) => {
        waiting -= bytes.length;
        if (error instanceof Error) broken = codeOf(error);
      });
      return { kind: "taken", bytes: bytes.length };
    },
  };
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
