/** `lasthop dev` with keys: wrangler serves a Gateway that presents a client certificate. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { freePort } from "../../src/cli/free-port.ts";
import { startDev } from "../../src/cli/dev.ts";
import { startMutual } from "../last-hop/mutual.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

it(
  "gives the worker the keys that its bundle needs, in a file that only its owner can read",
  { timeout: 90_000 },
  async () => {
    const directory = await temporaryDirectory();
    const { manifests, close } = await startMutual();
    onTestFinished(close);
    const file = join(directory, "cluster.yaml");
    await writeFile(file, manifests);
    const port = await freePort();
    const lines: string[] = [];
    const digests: string[] = [];
    const line = (text: string): void => void lines.push(text);
    const server = await startDev({
      build: { paths: [file], allowLoopback: true, print: line },
      directory: join(directory, "dev"),
      port,
      print: line,
      built: ({ digest }, changed) => void (changed && digests.push(digest)),
      workerLine: line,
    });
    onTestFinished(() => server?.close());
    expect(server, lines.join("\n")).not.toBeNull();
    expect(await ask(port, "mutual.example.com")).toEqual([200, "DNS:edge.internal"]);
    const modes = ["secrets.json", "secrets.env"].map(async (name) => (await stat(join(directory, "dev", name))).mode);
    expect((await Promise.all(modes)).map((mode) => mode & 0o777)).toEqual([0o600, 0o600]);
    // The file is written in place and in two steps, the first of which is not YAML.
    await writeFile(file, manifests.replace("mutual.example.com", "other.example.com: ["));
    await writeFile(file, manifests.replaceAll("mutual.example.com", "other.example.com"));
    await expect.poll(() => digests).toHaveLength(1);
    const { keys } = JSON.parse(await readFile(join(directory, "dev/secrets.json"), "utf8")) as { keys: object };
    const [key = "", ...others] = Object.values(keys) as string[];
    expect(key.length).toBeGreaterThan(100);
    expect(others.length).toBe(0);
    expect(lines.join("\n")).not.toContain(key.slice(0, 100));
  },
);

function ask(port: number, host: string): Promise<[status: number, text: string]> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, headers: { host }, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve([response.statusCode ?? 0, text]));
    })
      .on("error", reject)
      .end();
  });
}
