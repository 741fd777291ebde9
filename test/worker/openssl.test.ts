import { describe, inject } from "vitest";
import { cloudflareHost } from "../../src/host/cloudflare/host.ts";
import { opensslSuite } from "../last-hop/openssl-suite.ts";

describe("the last hop in workerd", () => {
  opensslSuite(cloudflareHost, inject("openssl"));
});
