/** Functions that the module imports: the ciphers of the runtime, and the part of WASI that Rust's standard library needs. */
import type { Runtime, RuntimeAead } from "../runtime.ts";
import { CIPHERS } from "./abi.ts";

/** The parts of a {@link Runtime} that WASI's functions need. */
type WasiRuntime = Pick<Runtime, "now" | "monotonicMs" | "randomFill">;

/** Functions that the module imports. */
type Imports = Record<string, (...args: number[]) => number | void>;

/**
 * The runtime's ciphers for large records (`wasm/src/host.rs`). A failure is an answer, because no exception may pass
 * through Rust's frames.
 */
export function aeadImports(aead: RuntimeAead | null, memory: () => ArrayBuffer): Imports {
  const view = (pointer: number, length: number) => new Uint8Array(memory(), pointer, length);
  const answerOf = (run: (cipher: RuntimeAead) => boolean): number => {
    try {
      return aead !== null && run(aead) ? 1 : 0;
    } catch {
      return 0; // The module takes the record for one with a wrong tag, and ends the connection.
    }
  };
  return {
    aead_new_key: (number = 0, key = 0, length = 0) => {
      const cipher = aead?.ciphers.find((each) => CIPHERS[each] === number);
      return aead === null || cipher === undefined ? 0 : aead.newKey(cipher, view(key, length));
    },
    aead_free_key: (handle = 0) => aead?.freeKey(handle),
    aead_open: (handle = 0, nonce = 0, aad = 0, aadLength = 0, buffer = 0, length = 0) =>
      answerOf((cipher) => cipher.open(handle, view(nonce, 12), view(aad, aadLength), view(buffer, length))),
    aead_seal: (handle = 0, nonce = 0, aad = 0, aadLength = 0, buffer = 0, length = 0) =>
      answerOf((cipher) => cipher.seal(handle, view(nonce, 12), view(aad, aadLength), view(buffer, length))),
  };
}

/** The functions of WASI preview 1 that Rust's std needs here: randomness, two clocks, an empty environment. */
export function wasiImports(
  runtime: WasiRuntime,
  memory: () => ArrayBuffer,
): Record<string, (...args: never[]) => number> {
  return {
    random_get: (pointer: number, length: number) => {
      runtime.randomFill(new Uint8Array(memory(), pointer, length));
      return 0;
    },
    clock_time_get: (clock: number, _precision: bigint, out: number) => {
      const ms = clock === WASI_CLOCK_MONOTONIC ? runtime.monotonicMs() : runtime.now();
      new DataView(memory()).setBigUint64(out, BigInt(Math.round(ms * 1000)) * 1000n, true);
      return 0;
    },
    environ_sizes_get: (count: number, size: number) => {
      const view = new DataView(memory());
      view.setUint32(count, 0, true);
      view.setUint32(size, 0, true);
      return 0;
    },
    environ_get: () => 0,
    // Drops a panic's message: the trap that follows says enough.
    fd_write: () => WASI_ERRNO_BADF,
    sched_yield: () => 0,
    proc_exit: (code: number) => {
      throw new Error(`the module exited with ${code}`);
    },
  };
}

const WASI_CLOCK_MONOTONIC = 1;
const WASI_ERRNO_BADF = 8;
