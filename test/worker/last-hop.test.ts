/** The suite of the last hop in workerd. */
import { describe, inject } from "vitest";
import { cloudflareRuntime } from "../../src/host/cloudflare/runtime.ts";
import { lastHopSuite } from "../last-hop/suite.ts";

describe("the last hop in workerd", () => {
  lastHopSuite(cloudflareRuntime, () => inject("lastHop"));
});
