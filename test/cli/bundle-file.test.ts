/** `lasthop serve BUNDLE` notices a changed file, however editors, scripts and Kubernetes replace it. */
import { execFileSync } from "node:child_process";
import { appendFile, chmod, mkdir, open, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { encodeBundle } from "../../src/bundle/codec.ts";
import { encodeSecrets } from "../../src/bundle/secrets.ts";
import { type Running, serveBundleFile } from "../../src/cli/serve/bundle-file.ts";
import { UsageError } from "../../src/cli/serve/port-map.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { serve, type Serving } from "../../src/host/node/serve.ts";
import { bundleOf, EMPTY, matchOf, ruleOf } from "../gateway/bundles.ts";
import { pause } from "../support/pause.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

// Reads of a file are counted by the calls that open it; each call is made as ever.
vi.mock(import("node:fs/promises"), { spy: true });

const runtime = nodeRuntime();
const rule = ruleOf("shop/site", [matchOf({})]);
const versionOf = (hostname: string) => encodeBundle(bundleOf([{ hostname, seniority: 0, rule }]), runtime.sha256);
const first = versionOf("v0.example");
const next = versionOf("v1.example");

let directory: string;
let path: string;
let messages: string[];
let running: Running<Serving> | undefined;

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory, "bundle.json");
  messages = [];
  await writeFile(path, first.text);
});
afterEach(async () => {
  await running?.close(0);
  running = undefined;
});

async function start(at = path, secrets: string | null = null, portMap = new Map([[80, 0]])): Promise<void> {
  running = await serveBundleFile(
    { path: at, secrets, address: "127.0.0.1", watch: true },
    { serve, runtime, portMap, log: () => undefined },
    (line) => messages.push(line),
  );
}

const served = (): string | undefined => running?.servings[0]?.bundle.digest;
const expectServed = (digest: string): Promise<void> => expect.poll(() => served()).toBe(digest);
/** Resolves when a failure to load has been reported. */
const expectFailure = (why: string): Promise<void> =>
  expect.poll(() => messages.at(-1)).toMatch(new RegExp(`${why}.*; the last good bundle keeps serving`));

describe("a changed bundle is loaded", () => {
  it.each([0, 150, 300, 400])("written over in two steps, %i ms apart", async (apartMs) => {
    await start();
    const half = Math.floor(next.text.length / 2);
    await writeFile(path, next.text.slice(0, half));
    await pause(apartMs, "The time between the two writes is what the watch must bear: it waits for files to settle.");
    await appendFile(path, next.text.slice(half));
    await expectServed(next.bundle.digest);
  });

  const replacements: Readonly<Record<string, () => Promise<void>>> = {
    "moved into its place": async () => {
      await writeFile(`${path}.tmp`, next.text);
      await rename(`${path}.tmp`, path);
    },
    "moved away first, as editors that keep a copy do": async () => {
      await rename(path, `${path}~`);
      await writeFile(path, next.text);
    },
    "removed, and written later": async () => {
      await rm(path);
      await expectFailure("ENOENT");
      await writeFile(path, next.text);
    },
    "with the size and the times of the old one": async () => {
      expect(next.text).toHaveLength(first.text.length);
      const { atime, mtime } = await stat(path);
      await writeFile(path, next.text);
      await utimes(path, atime, mtime);
    },
    "unreadable at first": async () => {
      await writeFile(path, "{");
      await expectFailure("");
      await writeFile(path, next.text);
    },
    "a pipe in between": async () => {
      await rm(path);
      execFileSync("mkfifo", [path]);
      await expectFailure("is no regular file");
      await rm(path);
      await writeFile(path, next.text);
    },
  };
  it.each(Object.entries(replacements))("%s", async (_, replace) => {
    await start();
    await replace();
    await expectServed(next.bundle.digest);
    expect(messages.filter((line) => line.endsWith(": loaded"))).toHaveLength(1);
  });

  it("4 times of 4 by the exchange of ..data, as in a mounted ConfigMap", { timeout: 40_000 }, async () => {
    const volume = join(directory, "volume");
    const mount = async (name: string, text: string): Promise<void> => {
      await mkdir(join(volume, name), { recursive: true });
      await writeFile(join(volume, name, "bundle.json"), text);
      await symlink(name, join(volume, "..data_tmp"));
      await rename(join(volume, "..data_tmp"), join(volume, "..data"));
    };
    await mount("..v0", first.text);
    await symlink("..data/bundle.json", join(volume, "bundle.json"));
    await start(join(volume, "bundle.json"));
    for (let index = 1; index <= 4; index++) {
      const { bundle, text } = versionOf(`v${index}.example`);
      await mount(`..v${index}`, text);
      await rm(join(volume, `..v${index - 1}`), { recursive: true });
      await expectServed(bundle.digest);
    }
  });

  it("a refused read is tried again, and reported once", async () => {
    const secrets = join(directory, "secrets.json");
    await writeFile(secrets, encodeSecrets(new Map()), { mode: 0o600 });
    await start(path, secrets);
    await chmod(secrets, 0o644);
    await writeFile(path, next.text);
    await expectFailure("has mode 644");
    const reads = (): number => vi.mocked(open).mock.calls.filter(([file]) => file === secrets).length;
    const reported = reads();
    await expect.poll(reads).toBeGreaterThan(reported + 1);
    expect(messages.filter((line) => line.includes("has mode 644"))).toHaveLength(1);
    expect(served()).toBe(first.bundle.digest);
    await chmod(secrets, 0o600);
    await expectServed(next.bundle.digest);
  });
});

describe("--port-map", () => {
  it("an entry without listener is refused before a listener's own port is bound", async () => {
    const wrong = start(path, null, new Map([[8080, 28_591]]));
    await expect(wrong).rejects.toThrow(UsageError);
    await expect(wrong).rejects.toThrow(
      "--port-map 28591=8080: no listener is on port 8080; the bundle's listeners are on port 80, and 80 would be bound as it is. Write BOUND=LISTENER, as in 28591=80",
    );
  });

  it("an entry beside those of all listeners is allowed, and reported", async () => {
    await start(
      path,
      null,
      new Map([
        [80, 0],
        [443, 1],
      ]),
    );
    expect(messages).toContain("--port-map 1=443: no listener is on port 443; the entry waits for one");
  });

  it("a bundle without listeners says that nothing is bound", async () => {
    await writeFile(path, encodeBundle(EMPTY, runtime.sha256).text);
    await start(path, null, new Map());
    expect(messages).toEqual(["the bundle has no listener, so nothing is bound"]);
  });
});
