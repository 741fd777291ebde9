/** Serves one bundle on Node: its listeners, a pool as long as the bundle lives, reload and shutdown without a cut. */
import { createServer, type Server } from "node:http";
import { type Backends, createBackends } from "../../backend/backends.ts";
import type { Host } from "../../backend/host.ts";
import { demandCapabilities } from "../../bundle/capabilities.ts";
import { BundleError, decodeBundle } from "../../bundle/codec.ts";
import type { Bundle, Capability } from "../../bundle/types.ts";
import type { AccessLog } from "../../gateway/access-log.ts";
import { createGateway, type Gateway } from "../../gateway/gateway.ts";
import { exchangeOf, respond } from "./exchange.ts";

export interface ServeOptions {
  readonly host: Host;
  /** The address to bind; nothing else is. */
  readonly address: string;
  /** Listener port → bound port. A port without an entry is bound as it is; matching always sees the listener's. */
  readonly portMap: ReadonlyMap<number, number>;
  readonly log: AccessLog;
}

export interface Serving {
  /** Listener port → bound port. */
  readonly ports: ReadonlyMap<number, number>;
  /** Serves another bundle from the next request on; requests in flight finish under the old one. Throws BundleError, and then nothing has changed. */
  reload(text: string): Promise<void>;
  /** Takes no more connections; resolves when the last request has been answered. */
  close(): Promise<void>;
}

interface Generation {
  readonly bundle: Bundle;
  readonly gateway: Gateway;
  readonly backends: Backends;
}

/** Throws BundleError for a bundle that is refused, and what `listen` throws for a port that cannot be bound. */
export async function serve(text: string, options: ServeOptions): Promise<Serving> {
  const { host, address, portMap, log } = options;
  const servers = new Map<number, Server>();
  let current = generation(load(text, host), host, log);

  const bind = async (port: number): Promise<void> => {
    const server = createServer((request, response) => {
      const client = new AbortController();
      // Before the response has ended, a closed connection is a client that has left.
      response.once("close", () => client.abort());
      const front = { clientAddress: request.socket.remoteAddress ?? null, scheme: "http", port, sni: null } as const;
      const answer = current.gateway.handle(exchangeOf(request, "http", client.signal), front);
      // What cannot be written any more is cut off: the client sees that the answer is not whole.
      void answer.then((exchange) => respond(response, exchange)).catch(() => response.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(portMap.get(port) ?? port, address, () => {
        server.off("error", reject);
        resolve();
      });
    });
    servers.set(port, server);
  };
  const follow = async (): Promise<void> => {
    const wanted = new Set(current.bundle.listeners.map(({ port }) => port));
    for (const port of wanted) if (!servers.has(port)) await bind(port);
    for (const [port, server] of servers) {
      if (wanted.has(port)) continue;
      servers.delete(port);
      void stop(server);
    }
  };
  await follow().catch(async (error: unknown) => {
    await Promise.all([...servers.values()].map(stop));
    throw error;
  });

  return {
    get ports() {
      return new Map([...servers].map(([port, server]) => [port, boundPort(server)]));
    },
    async reload(next) {
      const before = current;
      current = generation(load(next, host), host, log);
      before.backends.close();
      await follow();
    },
    async close() {
      await Promise.all([...servers.values()].map(stop));
      current.backends.close();
    },
  };
}

/** What this server cannot do yet, and so refuses: an HTTPS listener would be served in plaintext. */
const CAPABILITIES: readonly Capability[] = [];

function load(text: string, host: Host): Bundle {
  const bundle = decodeBundle(text, host.sha256);
  demandCapabilities(bundle, CAPABILITIES);
  const https = bundle.listeners.find(({ protocol }) => protocol === "HTTPS");
  if (https === undefined) return bundle;
  throw new BundleError("missing-capability", "listeners", `listener ${https.name}: lasthop serve has no HTTPS yet`);
}

function generation(bundle: Bundle, host: Host, log: AccessLog): Generation {
  const backends = createBackends({ bundle, host });
  const gateway = createGateway({ bundle, backends, log, monotonicMs: host.monotonicMs, random: Math.random });
  return { bundle, gateway, backends };
}

/** Idle connections close at once, the others after their request. */
function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

function boundPort(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
