/**
 * The controller: watches a cluster, compiles it, publishes a bundle for each Gateway, and writes statuses. Only the
 * leader writes. Hosts keep serving what is published when the controller stops.
 */
import type { KubeApi } from "./api.ts";
import { Changes } from "./changes.ts";
import { createPass, type PassOptions } from "./pass.ts";
import type { Resource } from "./resources.ts";
import { createStore } from "./store.ts";
import { pause } from "./watch.ts";

/** What a controller is made of. */
interface ControllerOptions extends PassOptions {
  readonly api: KubeApi;
}

/** A running controller. */
export interface Controller {
  /** Whether every resource has been listed. */
  readonly synced: boolean;
  /** Messages about watches that fail, and about failures of the last pass. */
  readonly faults: readonly string[];
  /** A promise that resolves after `signal` has aborted and the pass that was running then has ended. */
  readonly done: Promise<void>;
}

/** The delay after which a pass with failures is repeated, even without a change. */
const RETRY_MS = 1_000;
/** The interval of passes without any change, which restore what is not watched: a pointer that somebody deleted. */
const PASS_INTERVAL_MS = 600_000;

/** Runs a controller until `options.signal` aborts. */
export function runController(options: ControllerOptions): Controller {
  const { publisher, signal, log } = options;
  const api = writableUntil(signal, options.api);
  const changes = new Changes(signal);
  const removed = new Set<Resource>();
  const store = createStore({
    api,
    signal,
    onChange: (change) => {
      if (change.removed && change.resource.custom) removed.add(change.resource);
      changes.add();
    },
  });
  const pass = createPass(options, { api, store, removed });
  let failures: readonly string[] = [];
  let logged: readonly string[] = [];

  async function run(): Promise<void> {
    const acknowledgements = publisher.watch(() => changes.add());
    const interval = setInterval(() => changes.add(), PASS_INTERVAL_MS);
    while (!signal.aborted) {
      await changes.settled();
      if (signal.aborted) break;
      const loggedBefore = logged;
      failures = await pass().catch((error: unknown) => [describe(error)]);
      // After the abort every write fails, which is no fault to log.
      if (signal.aborted) break;
      logged = [...store.faults, ...failures];
      for (const fault of logged) if (!loggedBefore.includes(fault)) log({ level: "error", message: fault });
      if (failures.length > 0) void pause(RETRY_MS, signal).then(() => changes.add());
    }
    clearInterval(interval);
    acknowledgements.close();
  }

  return {
    get synced() {
      return store.synced;
    },
    get faults() {
      return [...store.faults, ...failures];
    },
    done: run(),
  };
}

/** `api`, but without writes once `signal` has aborted, even within a pass: another process may lead then. */
function writableUntil(signal: AbortSignal, api: KubeApi): KubeApi {
  return {
    ...api,
    async replace(path, body) {
      signal.throwIfAborted();
      return api.replace(path, body);
    },
    async create(path, body) {
      signal.throwIfAborted();
      return api.create(path, body);
    },
  };
}

/** The text of an error for the log. Only an error that is a bug of ours has its stack there. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isBug = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return isBug ? (error.stack ?? error.message) : error.message;
}
