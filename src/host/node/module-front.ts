/** HTTP from clients, parsed and framed by hyper in the module: the connections of a port, and their time limits. */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Http1 } from "./http1.ts";
import type { Http2 } from "./http2.ts";
import { ModuleHttp1Client, type ModuleClientOptions } from "./module-http1-client.ts";
import { ModuleHttp2Client } from "./module-http2-client.ts";

/** The period in which all time limits of a port are looked at. A limit is kept to this much. */
const TICK_MS = 250;

/** Serves connections handed to it within the limits of `options`. */
export function createModuleFront(options: ModuleClientOptions): { readonly http1: Http1; readonly http2: Http2 } {
  const { limits, paces } = options;
  const clients = new Set<{ tick(nowMs: number): void }>();
  const ticking = setInterval(
    () => {
      const nowMs = paces.nowMs();
      for (const client of clients) client.tick(nowMs);
    },
    Math.min(TICK_MS, limits.headersMs / 4),
  ).unref();
  const add = (duplex: Duplex, serve: (socket: Socket) => { tick(nowMs: number): void }): void => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- bound-port.ts serves sockets of node:net and node:tls
    const socket = duplex as Socket;
    try {
      const client = serve(socket);
      clients.add(client);
      socket.once("close", () => clients.delete(client));
    } catch (error) {
      // No further instance of the module may fit into memory. Other clients go on.
      process.emitWarning(`a client's connection failed before it began: ${String(error)}`);
      socket.destroy();
    }
  };
  return {
    http1: {
      serve: (duplex, client) => add(duplex, (socket) => new ModuleHttp1Client(socket, client, options)),
      close: () => clearInterval(ticking),
    },
    http2: {
      serve: (duplex, addClient, first) =>
        add(duplex, (socket) => {
          const client = new ModuleHttp2Client(socket, addClient, options);
          if (first !== null) socket.emit("data", first);
          return client;
        }),
    },
  };
}
