/** The messages of `lasthop controller` about a cluster, credentials or directory that cannot be used. */
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

let directory: string;
let refusing: Server;
beforeEach(async () => {
  directory = await temporaryDirectory();
  refusing = createServer((_request, response) => {
    const message = "services is forbidden";
    response.writeHead(403, { "content-type": "application/json" }).end(JSON.stringify({ kind: "Status", message }));
  });
  await new Promise<void>((resolve) => refusing.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  refusing.closeAllConnections();
  await new Promise((resolve) => refusing.close(resolve));
});

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** Runs the command, stopped once its output matches `until`. Resolves with its exit code and output. */
function run(args: readonly string[], until: RegExp | null = null): Promise<{ code: number | null; text: string }> {
  const { KUBECONFIG: _, ...rest } = process.env;
  const all = ["controller", "--addresses=127.2.0.1", "--health=127.0.0.1:0", ...args];
  const child = spawn(process.execPath, [MAIN, ...all], { env: { ...rest, HOME: directory } });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      // Only one signal is sent, because a second one would end the process at once.
      if (!child.killed && until?.test(text) === true) child.kill("SIGTERM");
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, text }));
  });
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

describe("lasthop controller", () => {
  it("names the kubeconfig that it cannot use, and the remedy", async () => {
    const publish = `--publish=${join(directory, "publication")}`;
    const broken = await file("broken", "clusters: [");
    const aimless = await file("aimless", "apiVersion: v1\nkind: Config\n");
    const cases: readonly (readonly [args: readonly string[], RegExp])[] = [
      [["--kubeconfig", "/nowhere"], /the kubeconfig \/nowhere: ENOENT.*; give --kubeconfig/],
      [["--kubeconfig", broken], /the kubeconfig .*broken: .*; give --kubeconfig/],
      [["--kubeconfig", aimless], /aimless.*names no cluster.*use-context/],
      [[], /there is no kubeconfig.*give --kubeconfig FILE, or set KUBECONFIG/],
    ];
    for (const [args, expected] of cases) {
      const { code, text } = await run([publish, ...args]);
      expect(text).toMatch(expected);
      expect(text).not.toMatch(/^ +at /m);
      expect(code).toBe(2);
    }
  });

  it("names the directory that it cannot publish to", async () => {
    const taken = await file("taken", "");
    const { code, text } = await run([`--publish=${taken}`, "--kubeconfig", await kubeconfig(portOf(refusing))]);
    expect(text).toMatch(/--publish .*taken: EEXIST.*give a directory/);
    expect(code).toBe(2);
  });

  it("logs what the API server refuses, with and without a Lease, and keeps running", async () => {
    const args = [`--publish=${join(directory, "publication")}`, "--kubeconfig", await kubeconfig(portOf(refusing))];
    for (const lease of ["lasthop-system/lead", "none"]) {
      const { code, text } = await run([...args, `--lease=${lease}`], /rbac\.yaml/);
      expect(text).toMatch(
        /(Lease lasthop-system\/lead|GatewayClass): GET \/.*: 403 services is forbidden; .*rbac\.yaml/,
      );
      expect(text).not.toMatch(/\\n +at /);
      expect(code, "stopped by the signal").toBe(0);
    }
  });

  it("logs that the API server cannot be reached, with its address", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const port = portOf(closed);
    await new Promise((resolve) => closed.close(resolve));
    const args = [`--publish=${join(directory, "publication")}`, "--kubeconfig", await kubeconfig(port)];
    const { text } = await run(args, /cannot be reached/);
    expect(text).toContain(`http://127.0.0.1:${port} cannot be reached: connect ECONNREFUSED`);
  });
});
