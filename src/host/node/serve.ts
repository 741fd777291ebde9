/** One bundle, served on Node: its ports, one pool for all its generations, reload and shutdown without a lost request. */
import {
  type Backends,
  type BackendStats,
  createBackends,
  DEFAULT_POOL_LIMITS,
  type PoolLimits,
  type Runtime,
  type OnBackendEvent,
  serveClient,
} from "../../backend/index.ts";
import { NO_SECRETS, type Secrets } from "../../bundle/secrets.ts";
import type { Bundle } from "../../bundle/types.ts";
import { type AccessLog, createGateway, type EncodedSlashes, type Gateway } from "../../gateway/index.ts";
import { type BoundPort, bindPort } from "./bound-port.ts";
import type { Answering } from "./clients.ts";
import { FRONT_LIMITS, type FrontLimits } from "./limits.ts";
import type { ServeClient } from "./http1-client.ts";
import type { Listen } from "./listen.ts";
import { CAPABILITIES, type LoadedBundle, loadBundle, type TicketKeys } from "./load-bundle.ts";

/** What a bundle is served with. */
export interface ServeOptions {
  readonly runtime: Runtime;
  /** The only address that is bound. */
  readonly address: string;
  /** Listener port → port to bind. A port without an entry is bound as it is. Requests are matched by the listener's port. */
  readonly portMap: ReadonlyMap<number, number>;
  readonly log: AccessLog;
  readonly secrets?: Secrets;
  readonly ticketKeys?: TicketKeys;
  readonly onEvent?: OnBackendEvent;
  /** A callback for each bundle before its ports are bound; the bundle is refused when it throws. */
  readonly examine?: (bundle: Bundle) => void;
  /** Limits other than `FRONT_LIMITS`. */
  readonly limits?: Partial<FrontLimits>;
  readonly encodedSlashes?: EncodedSlashes | undefined;
  /** Whether clients may speak HTTP/2; by default they may. */
  readonly http2?: boolean;
  /** Limits of the connections to backends other than the defaults. */
  readonly poolLimits?: Partial<PoolLimits>;
  /** Where the connections of each port come from; by default from sockets that this process binds. */
  readonly listen?: Listen;
}

/** A bundle that is served, by this process or by others. */
export interface Served {
  /** The bundle that is served now. */
  readonly bundle: Bundle;
  /** Listener port → bound port. */
  readonly ports: ReadonlyMap<number, number>;
  /**
   * Serves another bundle from the next request on; requests in flight finish under the old one. Rejects with a
   * BundleError, or with the error of `listen`, and then nothing has changed.
   */
  reload(text: string, secrets?: Secrets): Promise<void>;
  /** Accepts no more connections; resolves when the last request has been answered, or cut off after `limitMs`. */
  close(limitMs?: number): Promise<void>;
}

/** A bundle that this process serves. */
export interface Serving extends Served {
  stats(): BackendStats;
  reload(text: string, secrets?: Secrets, ticketKeys?: TicketKeys): Promise<void>;
}

/** A function that serves a bundle, as {@link serve} does. */
export type Serve<S extends Served> = (text: string, options: ServeOptions) => Promise<S>;

interface Generation extends LoadedBundle {
  readonly backends: Backends;
  readonly gateway: Gateway;
}

/** Serves a bundle. Rejects with a BundleError when the bundle is refused, and with the error of `listen`. */
export async function serve(text: string, options: ServeOptions): Promise<Serving> {
  const { runtime, address, portMap, log, secrets = NO_SECRETS, onEvent } = options;
  const { http2 = true, poolLimits, listen } = options;
  const limits = { ...FRONT_LIMITS, ...options.limits };
  const boundPorts = new Map<number, BoundPort>();
  const closing = new Set<Promise<void>>();
  const generation = (loaded: LoadedBundle, backends: Backends, before?: Gateway): Generation => {
    const { bundle } = loaded;
    const gateway = createGateway({
      bundle,
      backends,
      log,
      capabilities: CAPABILITIES,
      monotonicMs: runtime.monotonicMs,
      random: Math.random,
      previous: before,
      encodedSlashes: options.encodedSlashes,
    });
    return { ...loaded, backends, gateway };
  };

  const answering: Answering = {
    get gateway() {
      return current.gateway;
    },
  };

  const serveInModule: ServeClient = (socket, handler, protocol) =>
    serveClient(current.backends, socket, handler, protocol);

  /** Binds those of `ports` that are not bound yet: all of them, or none. */
  async function open(ports: LoadedBundle["ports"]): Promise<BoundPort[]> {
    const opening = [...ports].flatMap(([port, tls]) => {
      if (boundPorts.has(port)) return [];
      const bind = portMap.get(port) ?? port;
      return [bindPort({ address, bind, port, tls, limits, http2, listen, answering, serveClient: serveInModule })];
    });
    const settled = await Promise.allSettled(opening);
    const opened = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const failed = settled.find((each) => each.status === "rejected");
    if (failed === undefined) return opened;
    await Promise.all(opened.map((boundPort) => boundPort.close()));
    throw failed.reason;
  }

  const first = loadBundle(text, secrets, { runtime, ticketKeys: options.ticketKeys });
  options.examine?.(first.bundle);
  const backends = createBackends({
    bundle: first.bundle,
    runtime,
    secrets,
    ...(poolLimits === undefined ? {} : { poolLimits }),
    ...(onEvent === undefined ? {} : { onEvent }),
  });
  let current = generation(first, backends);
  for (const boundPort of await open(first.ports)) boundPorts.set(boundPort.port, boundPort);
  // Idle connections are closed when a request ends. After a burst no request may come for long, so they are swept too.
  const sweeping = setInterval(() => current.backends.sweep(), DEFAULT_POOL_LIMITS.idleMs / 2).unref();

  return {
    get bundle() {
      return current.bundle;
    },
    get ports() {
      return new Map([...boundPorts].map(([port, boundPort]) => [port, boundPort.bound]));
    },
    stats: () => current.backends.stats(),
    async reload(next, nextSecrets = current.secrets, ticketKeys) {
      const loaded = loadBundle(next, nextSecrets, { runtime, before: current.bundle, ticketKeys });
      options.examine?.(loaded.bundle);
      const opened = await open(loaded.ports);
      current = generation(loaded, current.backends.succeed(loaded.bundle, loaded.secrets), current.gateway);
      for (const boundPort of opened) boundPorts.set(boundPort.port, boundPort);
      for (const [port, boundPort] of boundPorts) {
        const tls = loaded.ports.get(port);
        if (tls !== undefined) {
          boundPort.present(tls);
          continue;
        }
        boundPorts.delete(port);
        const closed = boundPort.close().finally(() => closing.delete(closed));
        closing.add(closed);
      }
    },
    async close(limitMs = Infinity) {
      const open = [...boundPorts.values()];
      const cut = Number.isFinite(limitMs)
        ? setTimeout(() => open.forEach((boundPort) => boundPort.destroy()), limitMs)
        : undefined;
      await Promise.all([...open.map((boundPort) => boundPort.close()), ...closing]);
      clearTimeout(cut);
      clearInterval(sweeping);
      current.backends.close();
    },
  };
}
