/** One instance of the module: its imports, its memory, and its death. */
import type { Runtime, RuntimeAead } from "../runtime.ts";
import { ABI_VERSION, type Exports, REPORT, REPORT_WORDS } from "./abi.ts";
import { ConnectionError, fromReport } from "./errors.ts";
import { Spares } from "./spares.ts";

export type EngineRuntime = Pick<Runtime, "tlsModule" | "aead" | "now" | "monotonicMs" | "randomFill" | "soon">;

/**
 * Calls into the module. Any exception that comes out of one is a trap: Rust's panic aborts, the instance's state is
 * unknown from then on, and every later call throws `engine-trapped`.
 */
export class Instance {
  readonly #exports: Exports;
  readonly soon: EngineRuntime["soon"];
  readonly spares = new Spares();
  readonly #inputPointer: number;
  readonly #reportPointer: number;
  readonly inputCapacity: number;
  #views: Views;
  #trapped: ConnectionError | null = null;
  readonly #trapListeners = new Set<() => void>();
  readonly #idle: () => void;
  #connections = 0;
  #made = 0;

  /** `idle` is called whenever the last connection is gone. */
  constructor(runtime: EngineRuntime, idle: () => void = () => undefined) {
    this.soon = runtime.soon;
    this.#idle = idle;
    let exports: Exports | null = null;
    const memory = (): ArrayBuffer => {
      if (exports === null) throw new TypeError("the module called out before it was there");
      return exports.memory.buffer;
    };
    const instance = new WebAssembly.Instance(runtime.tlsModule, {
      wasi_snapshot_preview1: wasiImports(runtime, memory),
      lasthop: aeadImports(runtime.aead?.() ?? null, memory),
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own module; its ABI version is checked below
    exports = instance.exports as unknown as Exports;
    exports._initialize();
    if (exports.abi_version() !== ABI_VERSION)
      throw new TypeError("wasm/dist/lasthop_tls.wasm is of another ABI: run `npm run wasm`");
    exports.init(runtime.aead === null ? 0 : 1);
    this.#exports = exports;
    this.#inputPointer = exports.input_pointer();
    this.#reportPointer = exports.report_pointer();
    this.inputCapacity = exports.input_capacity();
    this.#views = this.#look();
  }

  get connections(): number {
    return this.#connections;
  }

  /** All connections so far. */
  get made(): number {
    return this.#made;
  }

  /** A connection holds memory here from now on. */
  connectionMade(): void {
    this.#connections++;
    this.#made++;
  }

  connectionFreed(): void {
    if (--this.#connections === 0) this.#idle();
  }

  get trapped(): ConnectionError | null {
    return this.#trapped;
  }

  /** What the instance holds, for metrics: WASM memory grows and never shrinks. */
  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /** Runs `trapped` once when the instance traps. Answers the function that takes it back. */
  onTrap(trapped: () => void): () => void {
    this.#trapListeners.add(trapped);
    return () => this.#trapListeners.delete(trapped);
  }

  /** Calls the module; -1 answers stay numbers, see {@link failure}. */
  call(run: (exports: Exports) => number): number {
    if (this.#trapped !== null) throw this.#trapped;
    try {
      return run(this.#exports);
    } catch (error) {
      this.#trapped = new ConnectionError("engine-trapped", error instanceof Error ? error.message : String(error), {
        sent: "maybe",
      });
      for (const trapped of this.#trapListeners) queueMicrotask(trapped);
      this.#trapListeners.clear();
      throw this.#trapped;
    }
  }

  /** Calls the module; a failure is thrown. */
  demand(run: (exports: Exports) => number): number {
    const answer = this.call(run);
    if (answer < 0) throw this.failure();
    return answer;
  }

  /** The buffer for what goes in; valid until the next call. */
  get input(): Uint8Array {
    return this.#current().input;
  }

  /** One word of the last call's report, see `REPORT`. */
  report(word: number): number {
    return this.#current().report[word] ?? 0;
  }

  /** The last call's bytes, in place: valid until the next call. */
  get output(): Uint8Array<ArrayBuffer> {
    const views = this.#current();
    return new Uint8Array(views.buffer, views.report[REPORT.pointer] ?? 0, views.report[REPORT.length] ?? 0);
  }

  /** The failure the last call reported. */
  failure(): ConnectionError {
    const detail = String.fromCharCode(...this.output);
    return fromReport(this.report(REPORT.code), this.report(REPORT.aux), this.report(REPORT.sent), detail);
  }

  /** `memory.buffer` is another object after the memory has grown. */
  #current(): Views {
    if (this.#views.buffer !== this.#exports.memory.buffer) this.#views = this.#look();
    return this.#views;
  }

  #look(): Views {
    const { buffer } = this.#exports.memory;
    return {
      buffer,
      input: new Uint8Array(buffer, this.#inputPointer, this.inputCapacity),
      report: new Uint32Array(buffer, this.#reportPointer, REPORT_WORDS),
    };
  }
}

interface Views {
  readonly buffer: ArrayBuffer;
  readonly input: Uint8Array;
  readonly report: Uint32Array;
}

type Imports = Record<string, (...args: number[]) => number | void>;

/** Nothing throws through Rust's frames here: a cipher's failure is an answer. */
function aeadImports(aead: RuntimeAead | null, memory: () => ArrayBuffer): Imports {
  const view = (pointer: number, length: number) => new Uint8Array(memory(), pointer, length);
  const attempt = (run: (cipher: RuntimeAead) => boolean): number => {
    try {
      return aead !== null && run(aead) ? 1 : 0;
    } catch {
      return 0; // The record counts as not authentic, and the connection ends.
    }
  };
  return {
    aead_new_key: (key = 0, length = 0) => aead?.newKey(view(key, length)) ?? 0,
    aead_free_key: (handle = 0) => aead?.freeKey(handle),
    aead_open: (handle = 0, nonce = 0, aad = 0, aadLength = 0, buffer = 0, length = 0) =>
      attempt((cipher) => cipher.open(handle, view(nonce, 12), view(aad, aadLength), view(buffer, length))),
    aead_seal: (handle = 0, nonce = 0, aad = 0, aadLength = 0, buffer = 0, length = 0) =>
      attempt((cipher) => cipher.seal(handle, view(nonce, 12), view(aad, aadLength), view(buffer, length))),
  };
}

const WASI_CLOCK_MONOTONIC = 1;
const WASI_ERRNO_BADF = 8;

/** The part of WASI preview 1 that Rust's std needs here: randomness, two clocks, an empty environment. */
function wasiImports(runtime: EngineRuntime, memory: () => ArrayBuffer): Record<string, (...args: never[]) => number> {
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
    // A panic's message; the trap that follows says enough.
    fd_write: () => WASI_ERRNO_BADF,
    sched_yield: () => 0,
    proc_exit: (code: number) => {
      throw new Error(`the module exited with ${code}`);
    },
  };
}
