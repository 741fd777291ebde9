/** What serves a client's connection in tests of a port alone. */
import { Instance } from "../../src/backend/engine/instance.ts";
import { ServedConnection } from "../../src/backend/engine/served-connection.ts";
import type { ServeClient } from "../../src/host/node/http1-client.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";

let instance: Instance | null = null;

/** Serves a client's connection in an instance of the module that all connections of the process share. */
export const serveInOneInstance: ServeClient = (socket, handler, protocol) =>
  new ServedConnection((instance ??= new Instance(nodeRuntime())), socket, handler, protocol);
