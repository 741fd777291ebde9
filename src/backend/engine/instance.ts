/** One instance of the module: calls into it, its memory, and its end by a trap. */
import type { Runtime } from "../runtime.ts";
import { ABI_VERSION, CIPHERS, type Exports, REPORT, REPORT_WORDS, type ServerExports } from "./abi.ts";
import { ConnectionError, fromReport } from "./errors.ts";
import { aeadImports, wasiImports } from "./imports.ts";
import { SpareBuffers } from "./spare-buffers.ts";

/** The parts of a {@link Runtime} that an instance needs. */
export type EngineRuntime = Pick<Runtime, "tlsModule" | "aead" | "now" | "monotonicMs" | "randomFill" | "soon">;

/**
 * Calls into the module. Any exception that comes out of one is a trap: Rust's panic aborts, the instance's state is
 * unknown from then on, and every later call throws `engine-trapped`.
 */
export class Instance {
  readonly #exports: Exports & ServerExports;
  /** As {@link Runtime.soon}. */
  readonly soon: EngineRuntime["soon"];
  readonly spareBuffers = new SpareBuffers();
  /** Called when a call about one connection has given another one work. */
  onOthers: (() => void) | null = null;
  readonly #inputPointer: number;
  readonly #reportPointer: number;
  readonly inputCapacity: number;
  #views: Views;
  #trapped: ConnectionError | null = null;
  readonly #trapListeners = new Set<() => void>();
  readonly #onIdle: () => void;
  #connections = 0;
  #made = 0;

  /** `onIdle` is called whenever the last connection was freed. */
  constructor(runtime: EngineRuntime, onIdle: () => void = () => undefined) {
    this.soon = runtime.soon;
    this.#onIdle = onIdle;
    let exports: (Exports & ServerExports) | null = null;
    const memory = (): ArrayBuffer => {
      if (exports === null) throw new TypeError("the module called an import before it was instantiated");
      return exports.memory.buffer;
    };
    const aead = runtime.aead?.() ?? null;
    const instance = new WebAssembly.Instance(runtime.tlsModule, {
      wasi_snapshot_preview1: wasiImports(runtime, memory),
      lasthop: aeadImports(aead, memory),
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own module; its ABI version is checked below
    exports = instance.exports as unknown as Exports & ServerExports;
    exports._initialize();
    if (exports.abi_version() !== ABI_VERSION)
      throw new TypeError("wasm/dist/lasthop_tls.wasm is of another ABI: run `npm run wasm`");
    exports.init((aead?.ciphers ?? []).reduce((sum, cipher) => sum + CIPHERS[cipher], 0));
    this.#exports = exports;
    this.#inputPointer = exports.input_pointer();
    this.#reportPointer = exports.report_pointer();
    this.inputCapacity = exports.input_capacity();
    this.#views = this.#createViews();
  }

  /** Connections that hold memory here. */
  get connections(): number {
    return this.#connections;
  }

  /** Connections made so far, closed ones too. */
  get made(): number {
    return this.#made;
  }

  /** A connection holds memory here from now on. */
  connectionMade(): void {
    this.#connections++;
    this.#made++;
  }

  /** The memory of a connection was freed. */
  connectionFreed(): void {
    if (--this.#connections === 0) this.#onIdle();
  }

  /** The error of the trap after which the instance must not be called; null while there was none. */
  get trapped(): ConnectionError | null {
    return this.#trapped;
  }

  /** The size of the instance's memory, for metrics: WASM memory grows and never shrinks. */
  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /** Runs `trapped` once when the instance traps. Answers the function that removes this listener. */
  onTrap(trapped: () => void): () => void {
    this.#trapListeners.add(trapped);
    return () => this.#trapListeners.delete(trapped);
  }

  /** Calls the module. An answer of -1 is answered too, and {@link failure} then says why. */
  call(run: (exports: Exports & ServerExports) => number): number {
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

  /** Calls the module and throws its failure instead of answering -1. */
  callOrThrow(run: (exports: Exports & ServerExports) => number): number {
    const answer = this.call(run);
    if (answer < 0) throw this.failure();
    return answer;
  }

  /** The buffer for the bytes of the next call; valid until that call. */
  get input(): Uint8Array {
    return this.#current().input;
  }

  /** One word of the last call's report, see `REPORT`. */
  report(word: number): number {
    return this.#current().report[word] ?? 0;
  }

  /** The bytes that the last call answered, in the module's memory: valid until the next call. */
  get output(): Uint8Array<ArrayBuffer> {
    const views = this.#current();
    return new Uint8Array(views.buffer, views.report[REPORT.pointer] ?? 0, views.report[REPORT.length] ?? 0);
  }

  /** The failure the last call reported. */
  failure(): ConnectionError {
    const detail = String.fromCharCode(...this.output);
    return fromReport(this.report(REPORT.code), this.report(REPORT.aux), this.report(REPORT.sent), detail);
  }

  /** The views of the memory as it is now: `memory.buffer` is another object after the memory has grown. */
  #current(): Views {
    if (this.#views.buffer !== this.#exports.memory.buffer) this.#views = this.#createViews();
    return this.#views;
  }

  #createViews(): Views {
    const { buffer } = this.#exports.memory;
    return {
      buffer,
      input: new Uint8Array(buffer, this.#inputPointer, this.inputCapacity),
      report: new Uint32Array(buffer, this.#reportPointer, REPORT_WORDS),
    };
  }
}

/** Views of the module's memory. */
interface Views {
  readonly buffer: ArrayBuffer;
  readonly input: Uint8Array;
  readonly report: Uint32Array;
}
