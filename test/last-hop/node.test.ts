/** The suite of the last hop on Node. */
import { afterAll, beforeAll, describe } from "vitest";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { startServers } from "./servers.ts";
import { type Fixtures, lastHopSuite } from "./suite.ts";

describe("the last hop on Node", () => {
  let servers: Awaited<ReturnType<typeof startServers>>;
  beforeAll(async () => {
    servers = await startServers();
  });
  afterAll(() => servers.close());
  lastHopSuite(nodeRuntime(), (): Fixtures => servers.fixtures);
});
