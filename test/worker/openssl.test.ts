/** The suite of the last hop against OpenSSL, in workerd. */
import { describe, inject } from "vitest";
import { cloudflareRuntime } from "../../src/host/cloudflare/runtime.ts";
import { opensslSuite } from "../last-hop/openssl-suite.ts";

describe("the last hop in workerd", () => {
  opensslSuite(cloudflareRuntime, inject("openssl"));
});
