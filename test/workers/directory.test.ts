/** `lasthop serve DIRECTORY --workers`: what a controller publishes is served by all workers, and acknowledged. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { decodeBundle } from "../../src/bundle/codec.ts";
import {
  type Acknowledgement,
  acknowledgementKey,
  bundleKey,
  pointerKey,
  secretsKey,
} from "../../src/bundle/publication.ts";
import { freePort } from "../../src/cli/free-port.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { askOnce, answers, KeptClients } from "./clients.ts";
import { type Release, surroundings } from "./gateway.ts";

const GATEWAY = "test/edge";
const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

it("serves a release, the next one, and none once the Gateway is withdrawn", { timeout: 60_000 }, async () => {
  const directory = await temporaryDirectory();
  const write = async (key: string, content: string): Promise<void> => {
    const path = join(directory, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.new`, content, { mode: 0o600 });
    await rename(`${path}.new`, path);
  };
  const publish = async ({ bundle, secrets }: Release): Promise<string> => {
    const { digest } = decodeBundle(bundle, nodeRuntime().sha256, null);
    const secretsDigest = createHash("sha256").update(secrets).digest("hex");
    await write(bundleKey(digest), bundle);
    await write(secretsKey(secretsDigest), secrets);
    const current = { bundle: digest, secrets: secretsDigest };
    const pointer = { format: 1, gateway: GATEWAY, current, previous: null, addresses: ["127.0.0.1"] };
    await write(pointerKey(GATEWAY), JSON.stringify(pointer));
    return digest;
  };
  const acknowledged = async (): Promise<string | null> => {
    const text = await readFile(join(directory, acknowledgementKey(GATEWAY)), "utf8").catch(() => "{}");
    return (JSON.parse(text) as Partial<Acknowledgement>).bundle ?? null;
  };

  const [port, securePort] = [await freePort(), await freePort()];
  const options = ["--port-map", `${port}=80,${securePort}=443`, "--workers", "2"];
  const child = spawn(process.execPath, [MAIN, "serve", directory, ...options], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "close");
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  await expect.poll(() => said).toContain("no Gateway is served yet");

  const { release } = await surroundings();
  for (const version of ["one", "two"]) {
    const digest = await publish(await release(version));
    await expect.poll(acknowledged).toBe(digest);
    const clients = new KeptClients(port, 8);
    expect(await clients.askAll("/")).toEqual(answers(8, version));
    clients.close();
  }
  await rm(join(directory, pointerKey(GATEWAY)));
  await expect.poll(() => said).toContain(`Gateway ${GATEWAY} is withdrawn`);
  await expect.poll(() => askOnce(port, "/")).toBe("refused");
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});
