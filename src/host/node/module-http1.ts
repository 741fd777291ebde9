/** HTTP/1.1 from clients, parsed and framed by hyper in the module: the requests of a port, and their time limits. */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Answering, Client } from "./clients.ts";
import type { Http1 } from "./http1.ts";
import type { FrontLimits } from "./limits.ts";
import { ModuleClient, type ServeClient } from "./module-client.ts";
import type { Paces } from "./pace.ts";

/** The period in which all time limits of a port are looked at. A limit is kept to this much. */
const TICK_MS = 250;

/** Serves connections handed to it within `limits`. */
export function createModuleHttp1(
  serveClient: ServeClient,
  answering: Answering,
  limits: FrontLimits,
  paces: Paces,
): Http1 {
  const clients = new Set<ModuleClient>();
  const ticking = setInterval(
    () => {
      const nowMs = paces.nowMs();
      for (const client of clients) client.tick(nowMs);
    },
    Math.min(TICK_MS, limits.headersMs / 4),
  ).unref();
  return {
    serve(socket: Duplex, client: Client) {
      try {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- bound-port.ts serves sockets of node:net and node:tls
        const served = new ModuleClient(socket as Socket, client, { serveClient, answering, limits, paces });
        clients.add(served);
        socket.once("close", () => clients.delete(served));
      } catch (error) {
        // No further instance of the module may fit into memory. Other clients go on.
        process.emitWarning(`a client's connection failed before it began: ${String(error)}`);
        socket.destroy();
      }
    },
    close: () => clearInterval(ticking),
  };
}
