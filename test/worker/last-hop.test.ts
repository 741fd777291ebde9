import { describe, inject } from "vitest";
import { cloudflareHost } from "../../src/host/cloudflare/host.ts";
import { lastHopSuite } from "../last-hop/suite.ts";

describe("the last hop in workerd", () => {
  lastHopSuite(cloudflareHost, () => inject("fixtures"));
});
