/** The same promises against another TLS implementation: `openssl s_server`, which prints what it decrypts. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createBackends, type Sent } from "../../src/backend/backends.ts";
import { nodeHost } from "../../src/host/node/host.ts";
import { freePort } from "../../src/cli/demo/check.ts";
import { type Minted, mintCa, mintLeaf } from "../pki.ts";
import { bundleFor, SNI } from "./suite.ts";

const missing = spawnSync("openssl", ["version"]).status !== 0;
if (missing && process.env["LASTHOP_ALLOW_SKIP"] === "0")
  throw new Error("openssl is missing, and no test may skip here");

// Skips without openssl: a fresh machine needs git, Node and npm alone. `.ci/run` installs it and allows no skip.
describe.skipIf(missing)("the last hop to openssl s_server", () => {
  const host = nodeHost();
  const running: ChildProcessWithoutNullStreams[] = [];
  let directory = "";
  // Leaves come straight from the root: s_server's second context takes no chain.
  let root: Minted;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "lasthop-openssl-"));
    root = await mintCa({ name: "openssl root" });
  });
  afterEach(() => {
    for (const child of running.splice(0)) child.kill("SIGKILL");
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function serve(
    leaf: Minted,
    ...more: string[]
  ): Promise<{ port: number; said: () => string; child: ChildProcessWithoutNullStreams }> {
    const [key, certificate] = [join(directory, "key.pem"), join(directory, "certificate.pem")];
    writeFileSync(key, leaf.keyPem, { mode: 0o600 });
    writeFileSync(certificate, leaf.certPem);
    const port = await freePort();
    const files = ["-key", key, "-cert", certificate];
    // A second context makes s_server say which name it was asked for.
    const names = ["-servername", SNI, "-key2", key, "-cert2", certificate];
    const child = spawn("openssl", ["s_server", "-accept", `127.0.0.1:${port}`, ...files, ...names, ...more]);
    running.push(child);
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")));
    await until(() => said.includes("ACCEPT"));
    return { port, said: () => said, child };
  }
  const ask = (port: number): Promise<Sent> => {
    const fixtures = {
      controlPort: 0,
      ports: { it: port },
      anchor: Buffer.from(root.der).toString("base64"),
      anchorPem: root.certPem,
      goodNotAfterMs: 0,
      nowMs: 0,
    };
    return createBackends({ bundle: bundleFor(fixtures, "it", {}), host }).send("test/backend:443", {
      method: "GET",
      scheme: "http",
      authority: "client.example.com",
      target: "/secret",
      headers: [],
      body: null,
      signal: new AbortController().signal,
    });
  };

  it.each(["-tls1_2", "-tls1_3"])("%s: sends the request after the verdict, with the policy's SNI", async (version) => {
    const { port, said, child } = await serve(await mintLeaf({ issuer: root, dns: [SNI] }), version);
    const sent = ask(port);
    await until(() => said().includes("GET /secret HTTP/1.1"));
    expect(said()).toContain(`Hostname in TLS extension: "${SNI}"`);
    child.stdin.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    const answer = await sent;
    expect(
      answer.kind === "response" && answer.response.body !== null
        ? await new Response(answer.response.body).text()
        : answer,
    ).toBe("ok");
  });

  it.each(["-tls1_2", "-tls1_3"])(
    "%s: a wrong name: s_server decrypts nothing, not even as early data",
    async (version) => {
      const leaf = await mintLeaf({ issuer: root, dns: ["other.internal"] });
      const { port, said } = await serve(leaf, version, ...(version === "-tls1_3" ? ["-early_data"] : []));
      for (let attempt = 0; attempt < 2; attempt++) {
        expect(await ask(port)).toMatchObject({ kind: "failed", failure: { refusal: { code: "name-mismatch" } } });
      }
      await until(() => said().includes("alert"));
      await new Promise((resolve) => void setTimeout(resolve, 100));
      expect(said()).not.toContain("GET");
      expect(said()).not.toContain("secret");
    },
  );
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("openssl s_server did not get there in 10 s");
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
}
