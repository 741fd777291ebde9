/**
 * The messages between the supervisor and its workers, over the channel that Node makes for child processes: no file and
 * no argument holds a private key. Both sides are of the same version, so messages are not validated.
 */
import type { EncodedSlashes } from "../../../gateway/index.ts";
import type { TicketKeys } from "../load-bundle.ts";

/** What all servings of a worker are served with. */
export interface WorkerSettings {
  /** The number of workers, over which limits of connections are divided. */
  readonly count: number;
  readonly encodedSlashes: EncodedSlashes | undefined;
  readonly http2: boolean;
  /** The time that requests in flight have when this worker alone is told to end. */
  readonly drainMs: number;
  /** Whether the worker counts metrics. */
  readonly hasMetrics: boolean;
}

/** A bundle for a worker to serve. Servings are numbered by the supervisor. */
export interface ServingContent {
  readonly serving: number;
  readonly text: string;
  /** The text of the secrets file. */
  readonly secrets: string;
  readonly ticketKeys: TicketKeys;
}

/** A listener port of a serving. */
export interface PortName {
  readonly serving: number;
  readonly port: number;
}

/** A message that the worker answers with `done`, by the number of the request. */
export type WorkerRequest =
  | (ServingContent & {
      readonly kind: "serve";
      readonly address: string;
      readonly portMap: ReadonlyMap<number, number>;
    })
  | (ServingContent & { readonly kind: "reload" })
  | { readonly kind: "close"; readonly serving: number; readonly limitMs: number }
  | { readonly kind: "metrics" }
  | { readonly kind: "ping" };

/** A message to a worker. A socket comes with `listen` and `take`. */
export type ToWorker =
  | { readonly kind: "start"; readonly settings: WorkerSettings }
  | (WorkerRequest & { readonly request: number })
  /** Accept connections from a socket of the port, until `unlisten`. Each socket of a port has a slot. */
  | (PortName & { readonly kind: "listen"; readonly slot: number })
  | { readonly kind: "unlisten"; readonly slot: number }
  /** Serve a connection that another worker has accepted; the answer is `took`. */
  | (PortName & { readonly kind: "take"; readonly connection: number })
  /** The answer to `ask`. */
  | { readonly kind: "placed"; readonly connection: number; readonly isKept: boolean }
  /** End: all servings are closed. */
  | { readonly kind: "stop" };

/** A message of a worker. A socket comes with `give`. */
export type FromWorker =
  | { readonly kind: "up" }
  | { readonly kind: "done"; readonly request: number; readonly error: string | null; readonly metrics?: unknown }
  /**
   * The number of client connections has changed. `placed`: how many the supervisor has placed here so far, by `placed` and
   * `take`; those that it has placed since are not in the count.
   */
  | { readonly kind: "connections"; readonly count: number; readonly placed: number }
  /** Which worker is to serve a connection that this one has accepted? */
  | { readonly kind: "ask"; readonly connection: number }
  | (PortName & { readonly kind: "give" })
  | { readonly kind: "took"; readonly connection: number }
  /** The worker was told to end by a signal of its own: it accepts no more connections. */
  | { readonly kind: "draining" }
  /** What the worker has counted until its end. */
  | { readonly kind: "counted"; readonly metrics: unknown };
