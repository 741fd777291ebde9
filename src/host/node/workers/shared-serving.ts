/**
 * A bundle that all workers serve. The supervisor decodes and checks it first, so that a bundle which is refused changes
 * nothing in any worker, and binds its ports.
 */
import { randomBytes } from "node:crypto";
import { toBase64 } from "../../../bundle/bytes.ts";
import { encodeSecrets, NO_SECRETS, type Secrets } from "../../../bundle/secrets.ts";
import type { Bundle } from "../../../bundle/types.ts";
import { type LoadedBundle, loadBundle } from "../load-bundle.ts";
import type { Serve, Served, ServeOptions } from "../serve.ts";
import { type ListeningSockets, openListeningSockets } from "./listening-sockets.ts";
import type { ServingContent } from "./messages.ts";
import type { SharedContent } from "./supervisor-options.ts";
import type { Supervisor } from "./supervisor.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** The size of the keys of session tickets (`ticketKeys` of node:tls). */
const TICKET_KEYS_BYTES = 48;
/** The time beyond the limit of requests in flight after which a worker that has not closed is killed. */
const CLOSE_GRACE_MS = 5_000;

/** A function that serves bundles by the workers of `supervisor`. */
export function serveByWorkers(supervisor: Supervisor): Serve<Served> {
  let servings = 0;
  return async (text, options) => {
    const shared = new SharedServing(supervisor, ++servings, options);
    await shared.load(text, options.secrets ?? NO_SECRETS);
    return shared;
  };
}

class SharedServing implements Served, SharedContent {
  readonly serving: number;
  version = 0;
  readonly sockets = new Map<number, ListeningSockets>();
  readonly #supervisor: Supervisor;
  readonly #options: ServeOptions;
  #current: { readonly loaded: LoadedBundle; readonly content: ServingContent } | null = null;
  /** The keys of session tickets of each HTTPS port, with the TLS state (`PortTls.fingerprint`) that they belong to. */
  #tickets = new Map<number, { readonly fingerprint: string; readonly keys: Uint8Array }>();

  constructor(supervisor: Supervisor, serving: number, options: ServeOptions) {
    this.#supervisor = supervisor;
    this.serving = serving;
    this.#options = options;
  }

  get bundle(): Bundle {
    if (this.#current === null) throw new RangeError("nothing is loaded yet");
    return this.#current.loaded.bundle;
  }

  get ports(): ReadonlyMap<number, number> {
    return new Map([...this.sockets].map(([port, { bound }]) => [port, bound]));
  }

  /** Serves a first bundle or the next one. Rejects as {@link Served.reload} does, and then nothing has changed. */
  async load(text: string, secrets: Secrets): Promise<void> {
    const { runtime, examine } = this.#options;
    const before = this.#current?.loaded.bundle;
    const loaded = loadBundle(text, secrets, { runtime, ...(before === undefined ? {} : { before }) });
    examine?.(loaded.bundle);
    for (const [port, opened] of await this.#open(loaded)) this.sockets.set(port, opened);
    this.#tickets = ticketsOf(loaded, this.#tickets);
    const ticketKeys = new Map([...this.#tickets].map(([port, { keys }]) => [port, keys]));
    const content = { serving: this.serving, text, secrets: fileText(secrets), ticketKeys };
    this.#current = { loaded, content };
    this.version++;
    this.#supervisor.contents.set(this.serving, this);
    await this.#supervisor.start();
    await Promise.all(this.#supervisor.ready.map((worker) => this.#bringOrReplace(worker)));
    this.#supervisor.lendSockets();
    // Messages arrive in order: a worker that answers listens on all ports.
    await Promise.all(this.#supervisor.ready.map((worker) => worker.ask({ kind: "ping" }).catch(() => undefined)));
    for (const [port, opened] of this.sockets) {
      if (loaded.ports.has(port)) continue;
      this.sockets.delete(port);
      opened.close();
    }
  }

  reload(text: string, secrets: Secrets = this.#current?.loaded.secrets ?? NO_SECRETS): Promise<void> {
    return this.load(text, secrets);
  }

  async bring(worker: WorkerProcess): Promise<void> {
    const { version } = this;
    if (this.#current === null || worker.versions.get(this.serving) === version) return;
    const { content } = this.#current;
    const { address, portMap } = this.#options;
    const isFirst = !worker.versions.has(this.serving);
    await worker.ask(isFirst ? { kind: "serve", ...content, address, portMap } : { kind: "reload", ...content });
    worker.versions.set(this.serving, version);
  }

  async close(limitMs = Number.POSITIVE_INFINITY): Promise<void> {
    this.#supervisor.contents.delete(this.serving);
    for (const opened of this.sockets.values()) opened.close();
    const closing = this.#supervisor.alive.map(async (worker) => {
      if (!worker.versions.has(this.serving)) return;
      const request = { kind: "close", serving: this.serving, limitMs } as const;
      // A worker that ends meanwhile has closed everything.
      await worker.ask(request, limitMs + CLOSE_GRACE_MS).catch(() => undefined);
    });
    await Promise.all(closing);
  }

  /** A worker that cannot load what the others have loaded must not serve what was before. */
  async #bringOrReplace(worker: WorkerProcess): Promise<void> {
    try {
      await this.bring(worker);
    } catch (error) {
      if (worker.state === "ready")
        this.#supervisor.replace(worker, `cannot load the bundle (${error instanceof Error ? error.message : ""})`);
    }
  }

  /** Binds the ports that are not bound yet: all of them, or none. */
  async #open({ ports }: LoadedBundle): Promise<[number, ListeningSockets][]> {
    const { address, portMap } = this.#options;
    const { count } = this.#supervisor.settings;
    const missing = [...ports.keys()].filter((port) => !this.sockets.has(port));
    const settled = await Promise.allSettled(
      missing.map(async (port): Promise<[number, ListeningSockets]> => {
        const bind = portMap.get(port) ?? port;
        return [port, await openListeningSockets({ address, bind, port }, count)];
      }),
    );
    const opened = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const failed = settled.find((each) => each.status === "rejected");
    if (failed === undefined) return opened;
    for (const [, sockets] of opened) sockets.close();
    throw failed.reason;
  }
}

const fileText = (secrets: Secrets): string =>
  encodeSecrets(new Map([...secrets.entries()].map(([digest, key]) => [digest, toBase64(key)])));

/** The ticket keys of each port: those of before where the TLS state is the same, as one process keeps its own. */
function ticketsOf(
  { ports }: LoadedBundle,
  before: ReadonlyMap<number, { readonly fingerprint: string; readonly keys: Uint8Array }>,
): Map<number, { readonly fingerprint: string; readonly keys: Uint8Array }> {
  const tickets = new Map<number, { readonly fingerprint: string; readonly keys: Uint8Array }>();
  for (const [port, tls] of ports) {
    if (tls === null) continue;
    const { fingerprint } = tls;
    const kept = before.get(port);
    const keys = kept?.fingerprint === fingerprint ? kept.keys : randomBytes(TICKET_KEYS_BYTES);
    tickets.set(port, { fingerprint, keys });
  }
  return tickets;
}
