/**
 * Writes lines to standard output or standard error: a file, a terminal, a pipe or a socket. A reader that does not read
 * must not stop the gateway, so lines wait in a bounded buffer, and lines that find it full are dropped and counted.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import type { Writable } from "node:stream";
import { type Output, toDescriptor, toStream } from "./output.ts";

/** A writer of lines that never waits for its reader. */
export interface Lines {
  write(line: string): void;
  /** Writes whole lines, each with its end, that another process has made with `write`. */
  pass(lines: string): void;
  /** Counts a line as dropped for a reason of the caller's. */
  drop(reason: string): void;
  /** The number of dropped lines. */
  readonly dropped: number;
  /** Writes the buffered lines. Resolves with false when the reader has not taken them within a second. */
  settle(): Promise<boolean>;
}

interface LinesOptions {
  /** A callback with the reason when the first line is dropped. */
  readonly onDrop: (reason: string) => void;
  /** The time for which lines are gathered into one write; by default those of one turn of the event loop. */
  readonly gatherMs?: number;
}

/** The number of bytes that may wait for a reader. While more wait, lines are dropped. */
const MAX_WAITING_BYTES = 1 << 20;
/** The interval at which an output that takes nothing is tried again. */
const RETRY_MS = 50;
const SETTLE_MS = 1_000;

/** A writer to standard output (1) or standard error (2) of this process. */
export function linesTo(descriptor: 1 | 2, options: LinesOptions): Lines {
  return new LineWriter(outputOf(descriptor), options);
}

/**
 * The output behind a descriptor. A pipe is opened again as a non-blocking one, because a write to the inherited
 * descriptor may block: in Deno, or as the parent process has set it. A socket cannot be opened again.
 */
function outputOf(descriptor: 1 | 2): Output {
  const stream: Writable = descriptor === 1 ? process.stdout : process.stderr;
  // An unhandled error of the stream, to which other code may write, too, would end the process.
  stream.on("error", () => undefined);
  try {
    if (fstatSync(descriptor).isFile()) return toDescriptor(descriptor, writeSync);
    return toDescriptor(openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK), writeSync);
  } catch {
    return toStream(stream);
  }
}

/** Writes the lines of one turn of the event loop in one call: one call per line would cost more than its request. */
export class LineWriter implements Lines {
  readonly #output: Output;
  readonly #options: LinesOptions;
  #lines: string[] = [];
  /** The bytes that the output has not taken yet; they may begin within a line. */
  #rest: Buffer = Buffer.alloc(0);
  #waitingBytes = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isScheduled = false;
  dropped = 0;

  constructor(output: Output, options: LinesOptions) {
    this.#output = output;
    this.#options = options;
  }

  write(line: string): void {
    this.#add(`${printable(line)}\n`);
  }

  pass(lines: string): void {
    this.#add(lines);
  }

  drop(reason: string): void {
    this.#drop(1, reason);
  }

  #add(text: string): void {
    if (this.#waitingBytes + this.#rest.length > MAX_WAITING_BYTES)
      return this.#drop(text.split("\n").length - 1, "its reader stands still");
    this.#lines.push(text);
    this.#waitingBytes += text.length;
    if (this.#isScheduled || this.#timer !== null) return;
    this.#isScheduled = true;
    const { gatherMs = 0 } = this.#options;
    if (gatherMs === 0) setImmediate(() => this.#flush());
    else setTimeout(() => this.#flush(), gatherMs).unref();
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
    this.#isScheduled = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const lines = this.#lines;
    this.#lines = [];
    this.#waitingBytes = 0;
    if (lines.length > 0) this.#rest = Buffer.concat([this.#rest, Buffer.from(lines.join(""))]);
    if (this.#rest.length === 0) return;
    const put = this.#output.put(this.#rest);
    if (put.kind === "failed") {
      const ends = this.#rest.reduce((count, byte) => count + (byte === LINE_END ? 1 : 0), 0);
      this.#rest = Buffer.alloc(0);
      this.#drop(ends, put.reason);
      return;
    }
    this.#rest = this.#rest.subarray(put.bytes);
    // The timer must not keep the process alive.
    if (this.#rest.length > 0) this.#timer = setTimeout(() => this.#flush(), RETRY_MS).unref();
  }

  #drop(count: number, reason: string): void {
    const isFirst = this.dropped === 0;
    this.dropped += count;
    if (isFirst) this.#options.onDrop(reason);
  }
}

const LINE_END = 0x0a;

/**
 * A line whose control characters are escaped as in JSON, because a terminal or an editor would act on them: C0 and C1
 * controls, and those that change the direction of writing (CVE-2021-42574). Of the JSON of an access record, only the
 * strings can hold such characters, so it stays valid JSON.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// oxlint-disable-next-line no-control-regex -- the expression is about control characters
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
