/** Messages about a cluster: no status and no diagnostic of the controller speaks of inputs, which only a build has. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Diagnostics } from "../../src/compile/diagnostics/diagnostics.ts";
import { readObjects } from "../../src/compile/document/objects.ts";
import { clusterCompiler, type CompiledCluster } from "../../src/compile/index.ts";
import { mintPlaceholders } from "./minted.ts";

const GOLDEN = join(import.meta.dirname, "golden");

async function compileCluster(name: string): Promise<CompiledCluster> {
  const text = await mintPlaceholders(readFileSync(join(GOLDEN, name), "utf8"));
  const { objects } = readObjects([{ file: name, text }], new Diagnostics());
  return clusterCompiler({
    allowLoopback: true,
    allowAddressAnnotation: true,
    allowExternalName: false,
    requireBackendTls: false,
  })(objects);
}

const names = readdirSync(GOLDEN).filter((name) => /^(?!fatal).*\.in\.yaml$/.test(name));

test.for(names)("no message about the cluster of %s speaks of inputs", async (name) => {
  const { statuses, diagnostics } = await compileCluster(name);
  expect(JSON.stringify([statuses, diagnostics.map(({ message, remedy }) => [message, remedy])])).not.toMatch(
    /\binputs\b/,
  );
});

test("a missing object is said to be missing in the cluster, without a list of similar names", async () => {
  const text = JSON.stringify((await compileCluster("object-absent.in.yaml")).statuses);
  expect(text).toContain("Service shop/wbe is not in the cluster");
  expect(text).toContain("Secret shop/site-tls is not in the cluster");
  expect(text).not.toContain("makes it");
});
