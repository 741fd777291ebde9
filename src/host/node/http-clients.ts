/** The connections of a port whose HTTP hyper parses and frames in the module, and their time limits. */
import type { Socket } from "node:net";
import { Http1Client, type HttpClientOptions } from "./http1-client.ts";
import { Http2Client } from "./http2-client.ts";
import type { AddClient, Client } from "./clients.ts";

/** The clients of a port. */
export interface HttpClients {
  /** Serves a connection of HTTP/1.1, whose client is registered with the port. */
  serveHttp1(socket: Socket, client: Client): void;
  /** Serves a connection of HTTP/2; `addClient` registers its client with the port. */
  serveHttp2(socket: Socket, addClient: AddClient): void;
  /** Looks at no time limit any more. */
  close(): void;
}

/** The period in which all time limits of a port are looked at. A limit is kept to this much. */
const TICK_MS = 250;

/** Serves connections within the limits of `options`. */
export function createHttpClients(options: HttpClientOptions): HttpClients {
  const { limits, paces } = options;
  const clients = new Set<{ tick(nowMs: number): void }>();
  const ticking = setInterval(
    () => {
      const nowMs = paces.nowMs();
      for (const client of clients) client.tick(nowMs);
    },
    Math.min(TICK_MS, limits.headersMs / 4),
  ).unref();
  const add = (socket: Socket, create: () => { tick(nowMs: number): void }): void => {
    try {
      const client = create();
      clients.add(client);
      socket.once("close", () => clients.delete(client));
    } catch (error) {
      // No further instance of the module may fit into memory. Other clients go on.
      process.emitWarning(`a client's connection failed before it began: ${String(error)}`);
      socket.destroy();
    }
  };
  return {
    serveHttp1: (socket, client) => add(socket, () => new Http1Client(socket, client, options)),
    serveHttp2: (socket, addClient) => add(socket, () => new Http2Client(socket, addClient, options)),
    close: () => clearInterval(ticking),
  };
}
