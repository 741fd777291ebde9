/** One worker as its supervisor sees it: a child process, its requests and answers, and the lines that it writes. */
import { type ChildProcess, fork } from "node:child_process";
import type { Readable } from "node:stream";
import type { FromWorker, ToWorker, WorkerRequest } from "./messages.ts";
import type { TcpHandle } from "./tcp-handle.ts";

/** What a supervisor hears of a worker. */
export interface WorkerListener {
  readonly onMessage: (worker: WorkerProcess, message: FromWorker, handle: TcpHandle | undefined) => void;
  /** The process has ended, and all that it wrote has been read. */
  readonly onEnd: (worker: WorkerProcess, how: string) => void;
  /** Whole lines of the worker's standard output. */
  readonly onLines: (lines: string) => void;
  /** The beginning of a line that the worker could not finish. */
  readonly onCutLine: () => void;
  /** A line of the worker's standard error. */
  readonly onSaid: (worker: WorkerProcess, line: string) => void;
}

/** The state of a worker: `draining` after a signal of its own, `ending` when the supervisor has told it to end. */
export type WorkerState = "starting" | "ready" | "draining" | "ending" | "ended";

/** The time that a worker has to answer a request; one that does not is stuck, and is killed. */
const ANSWER_MS = 30_000;

/** A worker that answers no more requests, because it has ended or has said why not. */
export class WorkerFault extends Error {}

/** A child process that serves. */
export class WorkerProcess {
  readonly slot: number;
  state: WorkerState = "starting";
  /** The monotonic time at which it became ready; null before. */
  readyMs: number | null = null;
  /** The version of each serving that the worker serves. */
  readonly versions = new Map<number, number>();
  /** Connections that the worker has been given and has not taken yet, with what gives them to another. */
  readonly giving = new Map<number, { readonly handle: TcpHandle; readonly again: () => void }>();
  /** The connections that were placed with the worker so far. */
  placed = 0;
  /** What the worker has said last of its connections. */
  said = { count: 0, placed: 0 };
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (answer: FromWorker & { kind: "done" }) => void>();
  #lastRequest = 0;
  /** Why the worker was killed. */
  #fault: string | null = null;

  constructor(entry: string, slot: number, listener: WorkerListener) {
    this.slot = slot;
    // Both outputs are read here: a line of a worker never stands in the middle of another's.
    this.#child = fork(entry, [], { stdio: ["ignore", "pipe", "pipe", "ipc"], serialization: "advanced" });
    const { stdout, stderr } = this.#child;
    if (stdout !== null) onWholeLines(stdout, listener.onLines, listener.onCutLine);
    if (stderr !== null)
      onWholeLines(
        stderr,
        (lines) => lines.split("\n").forEach((line) => line === "" || listener.onSaid(this, line)),
        () => undefined,
      );
    this.#child.on("message", (message: FromWorker, handle: unknown) => {
      if (message.kind === "done") this.#answers.get(message.request)?.(message);
      else listener.onMessage(this, message, handle as TcpHandle | undefined);
    });
    let hasEnded = false;
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        if (hasEnded) return;
        hasEnded = true;
        listener.onEnd(this, this.#fault ?? how);
        for (const [request, answered] of this.#answers) answered({ kind: "done", request, error: how });
        resolve();
      };
      this.#child.once("error", ({ message }) => end(message));
      this.#child.once("close", (status, signal) => end(signal === null ? `exit status ${status}` : `by ${signal}`));
    });
  }

  /** The client connections of the worker, as far as they are known. */
  get connections(): number {
    return this.said.count + this.placed - this.said.placed;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends a message, with a socket of which the worker gets a reference of its own. */
  send(message: ToWorker, handle?: TcpHandle): void {
    if (!this.#child.connected) return;
    // @types/node does not list bare handles. An error means that the worker has gone, which `ended` tells.
    const channel = this.#child as unknown as HandleChannel;
    channel.send(message, handle, undefined, () => undefined);
  }

  /** Asks the worker. Rejects with a WorkerFault when it ends before its answer, or says why it cannot. */
  ask(request: WorkerRequest, limitMs = ANSWER_MS): Promise<unknown> {
    const number = ++this.#lastRequest;
    return new Promise((resolve, reject) => {
      const timer = Number.isFinite(limitMs) ? setTimeout(() => this.#stuck(limitMs), limitMs) : undefined;
      this.#answers.set(number, ({ error, metrics }) => {
        clearTimeout(timer);
        this.#answers.delete(number);
        if (error === null) resolve(metrics);
        else reject(new WorkerFault(error));
      });
      if (this.state === "ended" || !this.#child.connected)
        this.#answers.get(number)?.({ kind: "done", request: number, error: "the worker has ended" });
      else this.send({ ...request, request: number });
    });
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.#child.kill(signal);
  }

  #stuck(limitMs: number): void {
    this.#fault ??= `it did not answer for ${limitMs / 1_000} s and was killed`;
    this.kill("SIGKILL");
  }
}

/** A channel that sends bare handles. */
interface HandleChannel {
  send(message: ToWorker, handle: TcpHandle | undefined, options: undefined, sent: () => void): void;
}

const LINE_END = 0x0a;

/** Calls `onLines` with whole lines, and `onCut` when the output ends within one. */
function onWholeLines(output: Readable, onLines: (lines: string) => void, onCut: () => void): void {
  let begun: Buffer = Buffer.alloc(0);
  output.on("data", (bytes: Buffer) => {
    const end = bytes.lastIndexOf(LINE_END) + 1;
    if (end === 0) return void (begun = Buffer.concat([begun, bytes]));
    onLines(Buffer.concat([begun, bytes.subarray(0, end)]).toString());
    begun = bytes.subarray(end);
  });
  output.once("close", () => void (begun.length > 0 && onCut()));
}
