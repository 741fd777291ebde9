/** The suite of the last hop against OpenSSL, on Node. */
import { afterAll, describe } from "vitest";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { startOpenssl } from "./openssl-servers.ts";
import { opensslSuite } from "./openssl-suite.ts";

const servers = await startOpenssl();

describe("the last hop on Node", () => {
  afterAll(() => servers.close());
  opensslSuite(nodeRuntime(), servers.fixtures);
});
