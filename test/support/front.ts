/** The front under test: LASTHOP_FRONT=module gives the module's HTTP/1.1, without it node:http is tested. */
import { Instance } from "../../src/backend/engine/instance.ts";
import { ServedConnection } from "../../src/backend/engine/served-connection.ts";
import type { ServeClient } from "../../src/host/node/module-client.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import type { HttpFront } from "../../src/host/node/serve.ts";

/** The front under test. */
export const FRONT: HttpFront = process.env["LASTHOP_FRONT"] === "module" ? "module" : "node";

let instance: Instance | null = null;

/** What serves a client's HTTP/1.1 where the module's front is under test; undefined where node:http's is. */
export const SERVE_CLIENT: ServeClient | undefined =
  FRONT === "node"
    ? undefined
    : (socket, handler) => new ServedConnection((instance ??= new Instance(nodeRuntime())), socket, handler);
