/** The front under test: LASTHOP_FRONT=node gives that of node:http and node:http2, without it the module's is tested. */
import { Instance } from "../../src/backend/engine/instance.ts";
import { ServedConnection } from "../../src/backend/engine/served-connection.ts";
import type { ServeClient } from "../../src/host/node/module-http1-client.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import type { HttpFront } from "../../src/host/node/serve.ts";

/** The front under test. */
export const FRONT: HttpFront = process.env["LASTHOP_FRONT"] === "node" ? "node" : "module";

let instance: Instance | null = null;

/** What serves a client's HTTP where the module's front is under test; undefined where node:http's is. */
export const SERVE_CLIENT: ServeClient | undefined =
  FRONT === "node"
    ? undefined
    : (socket, handler, protocol) =>
        new ServedConnection((instance ??= new Instance(nodeRuntime())), socket, handler, protocol);
