/** `openssl s_server` processes that print what they decrypt, and a control port to read it from any runtime. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../src/cli/free-port.ts";
import { listen } from "../support/listen.ts";
import { mintCa, mintLeaf } from "../support/pki.ts";
import { FILE_BYTES, type OpensslFixtures } from "./openssl-suite.ts";
import { SNI } from "./suite.ts";

/** The running processes. */
export interface OpensslServers {
  /** The ports; null without openssl, because a fresh machine needs git, Node and npm alone. `.ci/run` allows no skip. */
  readonly fixtures: OpensslFixtures | null;
  readonly close: () => Promise<void>;
}

const VERSIONS = ["-tls1_2", "-tls1_3"] as const;
/** The one suite of a server that is named after its cipher. */
const SUITES = {
  "-tls1_2": { "aes-gcm": "ECDHE-ECDSA-AES256-GCM-SHA384", "chacha20-poly1305": "ECDHE-ECDSA-CHACHA20-POLY1305" },
  "-tls1_3": { "aes-gcm": "TLS_AES_256_GCM_SHA384", "chacha20-poly1305": "TLS_CHACHA20_POLY1305_SHA256" },
} as const;

/** Starts the processes. */
export async function startOpenssl(): Promise<OpensslServers> {
  if (spawnSync("openssl", ["version"]).status !== 0) {
    if (process.env["LASTHOP_ALLOW_SKIP"] === "0") throw new Error("openssl is missing, and no test may skip here");
    return { fixtures: null, close: () => Promise.resolve() };
  }
  const directory = mkdtempSync(join(tmpdir(), "lasthop-openssl-"));
  const root = await mintCa({ name: "openssl root" });
  const running = new Map<string, { child: ChildProcessWithoutNullStreams; port: number; said: string }>();
  const start = async (name: string, more: readonly string[]): Promise<void> => {
    const port = await freePort();
    // The servers with -WWW answer with files of the directory.
    const child = spawn("openssl", ["s_server", "-accept", `127.0.0.1:${port}`, ...more], { cwd: directory });
    const entry = { child, port, said: "" };
    running.set(name, entry);
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk: Buffer) => {
          entry.said += chunk.toString("latin1");
          if (entry.said.includes("ACCEPT")) resolve();
        });
      }
      child.once("exit", () => reject(new Error(`openssl s_server ended: ${entry.said}`)));
    });
  };
  for (const bytes of FILE_BYTES) writeFileSync(join(directory, String(bytes)), "x".repeat(bytes));
  for (const [kind, dns] of [["good", SNI] as const, ["wrong", "other.internal"] as const]) {
    // The root issues the leaf itself, because s_server's second context takes no chain.
    const leaf = await mintLeaf({ issuer: root, dns: [dns] });
    const [key, certificate] = [join(directory, `${kind}.key`), join(directory, `${kind}.pem`)];
    writeFileSync(key, leaf.keyPem, { mode: 0o600 });
    writeFileSync(certificate, leaf.certPem);
    const identity = ["-key", key, "-cert", certificate];
    for (const version of VERSIONS) {
      // The second context makes s_server say which name it was asked for; early data would be printed too.
      const names = ["-servername", SNI, "-key2", key, "-cert2", certificate];
      const early = version === "-tls1_3" ? ["-early_data"] : [];
      await start(`${kind} ${version}`, [...identity, ...names, version, ...early]);
      // A process with -www answers by itself, with facts about the connection.
      if (kind !== "good") continue;
      await start(`www ${version}`, [...identity, version, "-www"]);
      for (const [cipher, suite] of Object.entries(SUITES[version])) {
        const option = version === "-tls1_3" ? "-ciphersuites" : "-cipher";
        await start(`${cipher} ${version}`, [...identity, version, "-WWW", option, suite]);
      }
    }
  }
  const control = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://control");
    const entry = running.get(url.searchParams.get("server") ?? "");
    const say = url.searchParams.get("say");
    if (say !== null) entry?.child.stdin.write(say);
    response.end(entry?.said ?? "");
  });
  return {
    fixtures: {
      controlPort: await listen(control),
      ports: Object.fromEntries([...running].map(([name, { port }]) => [name, port])),
      anchor: Buffer.from(root.der).toString("base64"),
    },
    async close() {
      for (const { child } of running.values()) child.kill("SIGKILL");
      control.closeAllConnections();
      await new Promise((resolve) => control.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
