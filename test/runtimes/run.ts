/**
 * `npm run runtimes`: the same bundle under `lasthop serve` on Node, Deno and Bun, in front of the same TLS backends.
 * Each must answer alike, and after a refusal no backend may have decrypted a request byte. Deno and Bun come from npm
 * into .lasthop/runtimes; the last line counts.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join, resolve } from "node:path";
import { freePort } from "../../src/cli/demo/check.ts";
import { compile } from "../../src/compile/index.ts";
import { clusterYaml } from "../last-hop/cluster.ts";
import { startServers } from "../last-hop/servers.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const HOME = join(ROOT, ".lasthop/runtimes");
const PACKAGES = ["deno@2.9.6", "bun@1.4.5"];
const START_MS = 20_000;
const REQUEST_MS = 20_000;

interface Row {
  readonly server: string;
  readonly path: string;
  readonly body?: string;
  /** Status and what the answer must hold, or `cut` for a broken connection. */
  readonly expect: readonly [status: number, holds: string] | "cut";
}

const refused = (server: string, code: string): Row => ({ server, path: "/", expect: [502, `"code":"${code}"`] });

const ROWS: readonly Row[] = [
  { server: "good", path: "/", expect: [200, '"name":"good"'] },
  { server: "good", path: "/echo-headers", expect: [200, '"x-forwarded-for":"127.0.0.1"'] },
  { server: "rsa", path: "/", expect: [200, '"name":"rsa"'] },
  { server: "good", path: "/upload", body: "x".repeat(3 << 20), expect: [200, `"bytes":${3 << 20}`] },
  { server: "good", path: "/download?mb=20&length=1", expect: [200, "a".repeat(20 << 20)] },
  { server: "good", path: "/status?code=204", expect: [204, ""] },
  { server: "good", path: "/cut", expect: "cut" },
  refused("unknown-ca", "unknown-ca"),
  refused("self-signed", "unknown-ca"),
  refused("substituted", "unknown-ca"),
  refused("name-mismatch", "name-mismatch"),
  refused("expired", "expired"),
  refused("not-yet-valid", "not-yet-valid"),
  refused("wrong-usage", "wrong-usage"),
  refused("not-a-ca", "not-a-ca"),
];

const servers = await startServers();
const names = [...new Set(ROWS.map(({ server }) => server))];
const { text } = compile([{ file: "cluster.yaml", text: clusterYaml(servers.fixtures, names) }], {
  allowLoopback: true,
});
if (text === null) throw new Error("the cluster does not compile");
mkdirSync(HOME, { recursive: true });
const bundle = join(HOME, "bundle.json");
writeFileSync(bundle, text);
if (!existsSync(join(HOME, "node_modules/.bin/deno")) || !existsSync(join(HOME, "node_modules/.bin/bun"))) {
  writeFileSync(join(HOME, "package.json"), '{ "private": true, "allowScripts": { "deno": true, "bun": true } }\n');
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefix", HOME, ...PACKAGES], { stdio: "ignore" });
}
const bin = (name: string): string => join(HOME, "node_modules/.bin", name);
const RUNTIMES: Readonly<Record<string, readonly [string, ...string[]]>> = {
  node: [process.execPath],
  deno: [bin("deno"), "run", "--allow-all", "--no-check"],
  bun: [bin("bun")],
};

let passed = 0;
let failed = 0;
for (const [runtime, [command, ...args]] of Object.entries(RUNTIMES)) {
  const port = await freePort();
  const main = join(ROOT, "src/cli/main.ts");
  const child = spawn(command, [...args, main, "serve", bundle, "--port-map", `${port}=80`, "--no-watch"], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    await serving(child);
    for (const row of ROWS) {
      const problem = await problemWith(row, port).catch((error: unknown) => String(error));
      console.log(
        `${problem === null ? "ok     " : "FAILED "} ${runtime} ${row.server}${row.path}${problem === null ? "" : `: ${problem}`}`,
      );
      if (problem === null) passed++;
      else failed++;
    }
  } finally {
    child.kill("SIGTERM");
    const hard = setTimeout(() => child.kill("SIGKILL"), 5_000);
    if (child.exitCode === null) await new Promise((done) => child.once("exit", done));
    clearTimeout(hard);
  }
}
await servers.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function serving({ stderr }: ChildProcess): Promise<void> {
  return new Promise((done, fail) => {
    let said = "";
    const timer = setTimeout(() => fail(new Error(`it does not serve: ${said}`)), START_MS);
    stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (!said.includes("serves the listeners")) return;
      clearTimeout(timer);
      done();
    });
  });
}

async function problemWith({ server, path, body, expect }: Row, port: number): Promise<string | null> {
  const before = await requestBytes(server);
  const answer = await ask(port, `${server}.example.com`, path, body);
  if (expect === "cut") return answer === "cut" ? null : `answered ${answer.status} in full`;
  if (answer === "cut") return "the connection was cut";
  const [status, holds] = expect;
  if (answer.status !== status || !answer.text.includes(holds)) return `${answer.status}: ${answer.text.slice(0, 200)}`;
  const leaked = (await requestBytes(server)) - before;
  return status === 502 && leaked !== 0 ? `${leaked} request bytes reached the backend` : null;
}

async function requestBytes(server: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${servers.fixtures.controlPort}/seen?server=${server}`);
  return ((await response.json()) as { requestBytes: number }).requestBytes;
}

function ask(
  port: number,
  host: string,
  path: string,
  body?: string,
): Promise<{ status: number; text: string } | "cut"> {
  return new Promise((done) => {
    const method = body === undefined ? "GET" : "POST";
    const options = { host: "127.0.0.1", port, path, method, headers: { host }, agent: false, timeout: REQUEST_MS };
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => done({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      response.on("error", () => done("cut"));
    });
    sent.on("timeout", () => sent.destroy());
    sent.on("error", () => done("cut"));
    sent.end(body);
  });
}
