/** What a check of the suite is, and what it gets. */
import type { Backends } from "./backends.ts";
import type { Cluster } from "./cluster.ts";
import type { Runtime, Serving } from "./hosts.ts";

export interface At {
  readonly runtime: Runtime;
  readonly backends: Backends;
  readonly cluster: Cluster;
  readonly serving: Serving;
  /** The bound port of a listener's. */
  readonly port: (listener: 80 | 443 | 8443 | 8444) => number;
  /** Decrypted bytes that a backend of the last hop's servers has read so far. */
  readonly requestBytes: (server: string) => Promise<number>;
}

/** A runtime that cannot carry this. */
export interface Lack {
  /** As it stands in docs/architecture.md. */
  readonly reason: string;
  /** What it does instead. */
  readonly run?: (at: At) => Promise<void>;
}

export interface Check {
  readonly name: string;
  /** Rejects when the runtime does not do it. */
  readonly run: (at: At) => Promise<void>;
  /** It is about these runtimes alone; all, when left out. */
  readonly only?: readonly Runtime[];
  /** How long it may take; the suite's limit when left out. */
  readonly limitMs?: number;
  readonly lacks?: Partial<Readonly<Record<Runtime, Lack>>>;
}
