import { afterAll, describe } from "vitest";
import { nodeHost } from "../../src/host/node/host.ts";
import { startOpenssl } from "./openssl-servers.ts";
import { opensslSuite } from "./openssl-suite.ts";

const servers = await startOpenssl();

describe("the last hop on Node", () => {
  afterAll(() => servers.close());
  opensslSuite(nodeHost(), servers.fixtures);
});
