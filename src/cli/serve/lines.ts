/**
 * Lines to where a process's output goes: a file, a terminal, a pipe, a socket. They are the operator's, and no reader of
 * theirs may stop the gateway: what cannot be written is dropped and counted, and what waits for a reader is bounded.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import type { Writable } from "node:stream";
import { type Output, toDescriptor, toStream } from "./output.ts";

export interface Lines {
  write(line: string): void;
  /** Lines that nobody will see. */
  readonly dropped: number;
  /** Writes what waits; false: a reader that stands still has not taken it in time. */
  settle(): Promise<boolean>;
}

export interface LinesOptions {
  /** Called once, at the first line that is dropped. */
  readonly lost: (why: string) => void;
}

/** Waiting for a reader that stands still. */
const MAX_WAITING_BYTES = 1 << 20;
/** Until a reader that stands still is tried again. */
const RETRY_MS = 50;
const SETTLE_MS = 1_000;

/** Of this process: 1 is its standard output, 2 what it says of itself. */
export function linesTo(descriptor: 1 | 2, options: LinesOptions): Lines {
  return new LineWriter(outputOf(descriptor), options);
}

/**
 * A pipe is opened anew, as the one that was handed over may stop the process until its reader takes something (Deno, and
 * whatever the parent has set). A socket cannot be.
 */
function outputOf(descriptor: 1 | 2): Output {
  const stream: Writable = descriptor === 1 ? process.stdout : process.stderr;
  // Whatever else writes to it must not end the process.
  stream.on("error", () => undefined);
  try {
    if (fstatSync(descriptor).isFile()) return toDescriptor(descriptor, writeSync);
    return toDescriptor(openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK), writeSync);
  } catch {
    return toStream(stream);
  }
}

/** The lines of one turn of the event loop leave together: a write a line costs more than the request it tells of. */
export class LineWriter implements Lines {
  readonly #output: Output;
  readonly #options: LinesOptions;
  #lines: string[] = [];
  /** Bytes that the output has not taken yet, of lines that it has begun. */
  #rest: Buffer = Buffer.alloc(0);
  #waitingBytes = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isDue = false;
  dropped = 0;

  constructor(output: Output, options: LinesOptions) {
    this.#output = output;
    this.#options = options;
  }

  write(line: string): void {
    if (this.#waitingBytes + this.#rest.length > MAX_WAITING_BYTES) return this.#drop(1, "its reader stands still");
    const text = `${printable(line)}\n`;
    this.#lines.push(text);
    this.#waitingBytes += text.length;
    if (this.#isDue || this.#timer !== null) return;
    this.#isDue = true;
    setImmediate(() => this.#flush());
  }

  async settle(): Promise<boolean> {
    for (const end = performance.now() + SETTLE_MS; ;) {
      this.#flush();
      const isDone = this.#rest.length === 0 && this.#output.waitingBytes === 0;
      if (isDone || performance.now() > end) return isDone;
      await new Promise((resolve) => void setTimeout(resolve, RETRY_MS));
    }
  }

  #flush(): void {
    this.#isDue = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const lines = this.#lines;
    this.#lines = [];
    this.#waitingBytes = 0;
    if (lines.length > 0) this.#rest = Buffer.concat([this.#rest, Buffer.from(lines.join(""))]);
    if (this.#rest.length === 0) return;
    const wrote = this.#output.put(this.#rest);
    if (wrote.kind === "failed") {
      const lost = this.#rest.reduce((count, byte) => count + (byte === LINE_END ? 1 : 0), 0);
      this.#rest = Buffer.alloc(0);
      this.#drop(lost, wrote.why);
      return;
    }
    this.#rest = this.#rest.subarray(wrote.bytes);
    // Nothing else keeps a process that ends.
    if (this.#rest.length > 0) this.#timer = setTimeout(() => this.#flush(), RETRY_MS).unref();
  }

  #drop(count: number, why: string): void {
    const isFirst = this.dropped === 0;
    this.dropped += count;
    if (isFirst) this.#options.lost(why);
  }
}

const LINE_END = 0x0a;

/**
 * Without what a terminal or an editor takes for more than a character: C0 and C1 controls, and those that turn the
 * direction of writing (CVE-2021-42574). Escaped as JSON does, in whose strings alone they can stand.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// oxlint-disable-next-line no-control-regex -- they are what it is about
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
