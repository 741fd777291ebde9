/** `lasthop dev` with keys: wrangler serves a Gateway that presents a client certificate. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startDev } from "../../src/cli/dev.ts";
import { startMutual } from "../last-hop/mutual.ts";

it(
  "gives the worker the keys that its bundle needs, in a file that only its owner can read",
  { timeout: 90_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "lasthop-dev-"));
    const { manifests, close } = await startMutual();
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
    try {
      expect(server, lines.join("\n")).not.toBeNull();
      expect(await ask(port, "mutual.example.com")).toEqual([200, "DNS:edge.internal"]);
      for (const name of ["secrets.json", "secrets.env"])
        expect((await stat(join(directory, "dev", name))).mode & 0o777, name).toBe(0o600);
      // The file is written in place and in two steps, the first of which is not YAML.
      await writeFile(file, manifests.replace("mutual.example.com", "other.example.com: ["));
      await writeFile(file, manifests.replaceAll("mutual.example.com", "other.example.com"));
      await expect.poll(() => digests).toHaveLength(1);
      const { keys } = JSON.parse(await readFile(join(directory, "dev/secrets.json"), "utf8")) as { keys: object };
      const [key = "", ...others] = Object.values(keys) as string[];
      expect(key.length, `one key, and ${others.length} others`).toBeGreaterThan(100);
      expect(lines.join("\n")).not.toContain(key.slice(0, 100));
    } finally {
      await server?.close();
      await close();
      await rm(directory, { recursive: true });
    }
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

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
