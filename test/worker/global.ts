/** Runs on Node before the tests in workerd: real TLS servers. */
import type { TestProject } from "vitest/node";
import { startServers } from "../last-hop/servers.ts";
import type { Fixtures } from "../last-hop/suite.ts";

declare module "vitest" {
  interface ProvidedContext {
    fixtures: Fixtures;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { fixtures, close } = await startServers();
  project.provide("fixtures", fixtures);
  return close;
}
