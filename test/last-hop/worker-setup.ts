/** Runs on Node before the tests in workerd: real TLS servers, and a bundle that `compile` made for them. */
import type { TestProject } from "vitest/node";
import { compile } from "../../src/compile/index.ts";
import { clusterYaml } from "./cluster.ts";
import { silentPort } from "./silent-port.ts";
import { startMutual } from "./mutual.ts";
import { startOpenssl } from "./openssl-servers.ts";
import { startServers } from "./servers.ts";

/** Starts the servers, provides their ports, and resolves with a function that stops them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { fixtures, close } = await startServers();
  const { text, diagnostics } = compile(
    [{ file: "cluster.yaml", text: clusterYaml(fixtures, ["good", "pooled", "unknown-ca"]) }],
    {
      allowLoopback: true,
    },
  );
  if (text === null || diagnostics.length > 0) throw new Error(JSON.stringify(diagnostics));
  project.provide("fixtures", fixtures);
  project.provide("bundleText", text);
  // The suite counts bytes and closes connections, so no other test may use its servers.
  const lastHop = await startServers();
  project.provide("lastHop", lastHop.fixtures);
  const silent = await silentPort();
  project.provide("silentPort", silent.port);
  const openssl = await startOpenssl();
  project.provide("openssl", openssl.fixtures);
  const mutual = await startMutual();
  project.provide("mutual", mutual.fixtures);
  return async () => {
    await mutual.close();
    await openssl.close();
    await silent.close();
    await lastHop.close();
    await close();
  };
}
