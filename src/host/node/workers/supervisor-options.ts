/** What a supervisor is made of, and what it has its workers serve. */
import type { WorkerSettings } from "./messages.ts";
import type { Lendable } from "./socket-lending.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** What a supervisor is made of. */
export interface SupervisorOptions {
  readonly settings: WorkerSettings;
  /** The file that a worker runs. */
  readonly entry: string;
  readonly say: (line: string) => void;
  /** See `WorkerListener`. */
  readonly onLines: (lines: string) => void;
  readonly onCutLine: () => void;
  readonly onSaid: (worker: WorkerProcess, line: string) => void;
  /** What a worker has counted, when it can count no more. */
  readonly onCounted: (worker: WorkerProcess, metrics: unknown) => void;
  /** A worker has ended; `isCrash`: and nobody has told it to. */
  readonly onEnded: (worker: WorkerProcess, isCrash: boolean) => void;
}

/** A bundle that all workers serve. */
export interface SharedContent extends Lendable {
  /** Grows by one with each bundle. */
  readonly version: number;
  /** Makes a worker serve this version. Rejects with a WorkerFault. */
  bring(worker: WorkerProcess): Promise<void>;
}
