/** The messages of `lasthop controller` about a cluster, credentials or directory that cannot be used. */
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../src/cli/free-port.ts";
import { listen } from "../support/listen.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { type Ended, run } from "./command.ts";

let directory: string;
beforeEach(async () => void (directory = await temporaryDirectory()));

/** Runs `lasthop controller` without a kubeconfig that it could find by itself. */
function controller(args: readonly string[], until?: RegExp): Promise<Ended> {
  const { KUBECONFIG: _, ...rest } = process.env;
  const all = ["controller", "--addresses=127.2.0.1", "--health=127.0.0.1:0", ...args];
  return run(all, { ...(until !== undefined && { until }), env: { ...rest, HOME: directory } });
}

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(directory, name), text);
  return join(directory, name);
}

const kubeconfig = (port: number): Promise<string> =>
  file(
    "config",
    `apiVersion: v1
kind: Config
clusters: [{ name: a, cluster: { server: "http://127.0.0.1:${port}", insecure-skip-tls-verify: true } }]
users: [{ name: a, user: {} }]
contexts: [{ name: a, context: { cluster: a, user: a } }]
current-context: a
`,
  );

/** An API server that forbids every request. Resolves with its port. */
async function forbidding(): Promise<number> {
  const server = createServer((_request, response) => {
    const message = "services is forbidden";
    response.writeHead(403, { "content-type": "application/json" }).end(JSON.stringify({ kind: "Status", message }));
  });
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return listen(server);
}

describe("lasthop controller", () => {
  it.each<[string, () => Promise<string | null>, RegExp]>([
    ["is absent", async () => "/nowhere", /the kubeconfig \/nowhere: ENOENT.*; give --kubeconfig/],
    ["is broken", () => file("broken", "clusters: ["), /the kubeconfig .*broken: .*; give --kubeconfig/],
    [
      "names no cluster",
      () => file("aimless", "apiVersion: v1\nkind: Config\n"),
      /aimless.*names no cluster.*use-context/,
    ],
    ["is not given", async () => null, /there is no kubeconfig.*give --kubeconfig FILE, or set KUBECONFIG/],
  ])("names the remedy for a kubeconfig that %s", async (_, make, expected) => {
    const given = await make();
    const args = given === null ? [] : ["--kubeconfig", given];
    const { code, text } = await controller([`--publish=${join(directory, "publication")}`, ...args]);
    expect(text).toMatch(expected);
    expect(text).not.toMatch(/^ +at /m);
    expect(code).toBe(2);
  });

  it("names the directory that it cannot publish to", async () => {
    const taken = await file("taken", "");
    const { code, text } = await controller([
      `--publish=${taken}`,
      "--kubeconfig",
      await kubeconfig(await forbidding()),
    ]);
    expect(text).toMatch(/--publish .*taken: EEXIST.*give a directory/);
    expect(code).toBe(2);
  });

  it.each([
    ["lasthop-system/lead", "Lease lasthop-system/lead"],
    ["none", "GatewayClass"],
  ])("logs what the API server refuses with --lease=%s, and keeps running", async (lease, refused) => {
    const config = await kubeconfig(await forbidding());
    const args = [`--publish=${join(directory, "publication")}`, "--kubeconfig", config, `--lease=${lease}`];
    const { code, text } = await controller(args, /rbac\.yaml/);
    expect(text).toMatch(new RegExp(`${refused}: GET /.*: 403 services is forbidden; .*rbac\\.yaml`));
    expect(text).not.toMatch(/\\n +at /);
    expect(code, "stopped by the signal").toBe(0);
  });

  it("logs that the API server cannot be reached, with its address", async () => {
    const port = await freePort();
    const args = [`--publish=${join(directory, "publication")}`, "--kubeconfig", await kubeconfig(port)];
    const { text } = await controller(args, /cannot be reached/);
    expect(text).toContain(`http://127.0.0.1:${port} cannot be reached: connect ECONNREFUSED`);
  });
});
