/** The type of a check of the suite. */
import type { Backends } from "./backends.ts";
import type { Cluster } from "./cluster.ts";
import type { Runtime, Serving } from "./hosts.ts";

/** The environment of a check: a runtime that serves, and the backends. */
export interface At {
  readonly runtime: Runtime;
  readonly backends: Backends;
  readonly cluster: Cluster;
  readonly serving: Serving;
  /** The bound port for a listener's port. */
  readonly port: (listener: 80 | 443 | 8443 | 8444) => number;
  /** The number of decrypted bytes that a server of test/last-hop has read so far. */
  readonly requestBytes: (server: string) => Promise<number>;
}

/** What a runtime cannot do. */
export interface Lack {
  /** The reason, in the words of docs/architecture.md. */
  readonly reason: string;
  /** A check of what the runtime does instead. */
  readonly run?: (at: At) => Promise<void>;
}

/** A check of the suite. */
export interface Check {
  readonly name: string;
  /** Runs the check; rejects when it fails. */
  readonly run: (at: At) => Promise<void>;
  /** The runtimes that the check is for; all by default. */
  readonly only?: readonly Runtime[];
  /** The time limit; the suite's by default. */
  readonly limitMs?: number;
  /** The runtimes that cannot do this, so that the check must not run on them. */
  readonly lacks?: Partial<Readonly<Record<Runtime, Lack>>>;
}
