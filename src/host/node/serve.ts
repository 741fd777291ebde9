/** Serves one bundle on Node: its listeners, one pool for all its generations, reload and shutdown without a cut. */
import {
  type Backends,
  type BackendStats,
  createBackends,
  DEFAULT_POOL_LIMITS,
  type Runtime,
  type OnBackendEvent,
} from "../../backend/index.ts";
import { demandCapabilities } from "../../bundle/capabilities.ts";
import { decodeBundle } from "../../bundle/codec.ts";
import { demandKeys, NO_SECRETS, type Secrets } from "../../bundle/secrets.ts";
import type { Bundle, Capability } from "../../bundle/types.ts";
import { type AccessLog, createGateway, type EncodedSlashes, type Gateway } from "../../gateway/index.ts";
import { type BoundPort, bindPort } from "./bound-port.ts";
import { FRONT_LIMITS, type FrontLimits } from "./limits.ts";
import { type PortTls, portTls } from "./tls.ts";

export interface ServeOptions {
  readonly runtime: Runtime;
  /** The address to bind; nothing else is. */
  readonly address: string;
  /** Listener port → bound port. A port without an entry is bound as it is; matching always sees the listener's. */
  readonly portMap: ReadonlyMap<number, number>;
  readonly log: AccessLog;
  readonly secrets?: Secrets;
  readonly onEvent?: OnBackendEvent;
  /** Sees each bundle before one of its ports is bound; what it throws refuses the bundle. */
  readonly examine?: (bundle: Bundle) => void;
  /** Those not given have their defaults. */
  readonly limits?: Partial<FrontLimits>;
  readonly encodedSlashes?: EncodedSlashes | undefined;
  /** Whether clients may speak HTTP/2; by default they may. */
  readonly http2?: boolean;
}

export interface Serving {
  /** What is served now. */
  readonly bundle: Bundle;
  /** Listener port → bound port. */
  readonly ports: ReadonlyMap<number, number>;
  stats(): BackendStats;
  /**
   * Serves another bundle from the next request on; requests in flight finish under the old one. Rejects with a
   * BundleError, or with what `listen` fails with, and then nothing has changed.
   */
  reload(text: string, secrets?: Secrets): Promise<void>;
  /** Takes no more connections; resolves when the last request has been answered, or cut after `limitMs`. */
  close(limitMs?: number): Promise<void>;
}

/** What Node, Deno and Bun can do: everything. */
const CAPABILITIES: readonly Capability[] = [
  "client-certificates",
  "listener-certificates",
  "client-validation",
  "websocket",
];

interface Loaded {
  readonly bundle: Bundle;
  readonly secrets: Secrets;
  /** By listener port; null: HTTP. */
  readonly ports: ReadonlyMap<number, PortTls | null>;
}

interface Generation extends Loaded {
  readonly backends: Backends;
  readonly gateway: Gateway;
}

/** Rejects with a BundleError for a bundle that is refused, and with what `listen` fails with. */
export async function serve(text: string, options: ServeOptions): Promise<Serving> {
  const { runtime, address, portMap, log, secrets = NO_SECRETS, onEvent } = options;
  const { http2 = true } = options;
  const limits = { ...FRONT_LIMITS, ...options.limits };
  const boundPorts = new Map<number, BoundPort>();
  const leaving = new Set<Promise<void>>();
  const generation = (loaded: Loaded, backends: Backends, before?: Gateway): Generation => {
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

  /** Doors for ports that have none. All or none. */
  async function open(ports: Loaded["ports"]): Promise<BoundPort[]> {
    const opening = [...ports].flatMap(([port, tls]) => {
      if (boundPorts.has(port)) return [];
      const handle: Gateway["handle"] = (request, front) => current.gateway.handle(request, front);
      const refuse: Gateway["refuse"] = (read, failure) => current.gateway.refuse(read, failure);
      const bind = portMap.get(port) ?? port;
      return [bindPort({ address, bind, port, tls, limits, http2, handle, refuse })];
    });
    const settled = await Promise.allSettled(opening);
    const opened = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const failed = settled.find((each) => each.status === "rejected");
    if (failed === undefined) return opened;
    await Promise.all(opened.map((boundPort) => boundPort.close()));
    throw failed.reason;
  }

  const first = load(text, secrets, runtime, null);
  options.examine?.(first.bundle);
  const backends = createBackends({
    bundle: first.bundle,
    runtime,
    secrets,
    ...(onEvent === undefined ? {} : { onEvent }),
  });
  let current = generation(first, backends);
  for (const boundPort of await open(first.ports)) boundPorts.set(boundPort.port, boundPort);
  // After a burst no further request may come, whose end would close what lies idle; the memory behind it then stays.
  const sweeping = setInterval(() => current.backends.sweep(), DEFAULT_POOL_LIMITS.idleMs / 2).unref();

  return {
    get bundle() {
      return current.bundle;
    },
    get ports() {
      return new Map([...boundPorts].map(([port, boundPort]) => [port, boundPort.bound]));
    },
    stats: () => current.backends.stats(),
    async reload(next, nextSecrets = current.secrets) {
      const loaded = load(next, nextSecrets, runtime, current.bundle);
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
        const gone = boundPort.close().finally(() => leaving.delete(gone));
        leaving.add(gone);
      }
    },
    async close(limitMs = Infinity) {
      const open = [...boundPorts.values()];
      const cut = Number.isFinite(limitMs)
        ? setTimeout(() => open.forEach((boundPort) => boundPort.destroy()), limitMs)
        : undefined;
      await Promise.all([...open.map((boundPort) => boundPort.close()), ...leaving]);
      clearTimeout(cut);
      clearInterval(sweeping);
      current.backends.close();
    },
  };
}

/** Everything that can be refused is refused here, before anything changes. */
function load(text: string, secrets: Secrets, runtime: Runtime, before: Bundle | null): Loaded {
  const bundle = decodeBundle(text, runtime.sha256, before);
  demandCapabilities(bundle, CAPABILITIES);
  demandKeys(bundle, secrets);
  const ports = [...new Set(bundle.listeners.map(({ port }) => port))];
  return { bundle, secrets, ports: new Map(ports.map((port) => [port, portTls(bundle, secrets, port)])) };
}
