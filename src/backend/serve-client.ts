/** Clients' connections in the module. It stands apart from {@link Backends}, so that workers, which have none, lack it. */
import type { Backends } from "./backends.ts";
import type { ClientHandler, ClientProtocol, ClientSocket } from "./engine/served-client.ts";
import { ServedConnection } from "./engine/served-connection.ts";

/** Serves a client's connection, on which requests come, in an instance of the module that backends use, too. */
export const serveClient = (
  backends: Pick<Backends, "instance">,
  socket: ClientSocket,
  handler: ClientHandler,
  protocol: ClientProtocol,
): ServedConnection => new ServedConnection(backends.instance(), socket, handler, protocol);
