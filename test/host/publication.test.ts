/** `lasthop serve DIRECTORY`: what becomes of a Gateway whose publication changes, breaks or goes. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeBundle } from "../../src/bundle/codec.ts";
import { acknowledgementKey, bundleKey, pointerKey, secretsKey } from "../../src/bundle/publication.ts";
import { encodeSecrets } from "../../src/bundle/secrets.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { serve, type Serving } from "../../src/host/node/serve.ts";
import { type ServedPublication, servePublication } from "../../src/host/node/publication.ts";
import { bundleOf, matchOf, ruleOf } from "../gateway/bundles.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const ADDRESS = "127.0.0.1";
const runtime = nodeRuntime();
const rule = ruleOf("shop/site", [matchOf({})]);
const { bundle, text } = encodeBundle(bundleOf([{ hostname: "*", seniority: 0, rule }]), runtime.sha256);

let directory: string;
let published: ServedPublication<Serving>;
let said: string[];

beforeEach(async () => {
  directory = await temporaryDirectory();
  said = [];
  await write(bundleKey(bundle.digest), text);
  await write(pointerKey("shop/edge"), pointerOf("shop/edge"));
  published = await servePublication({
    serve,
    directory,
    runtime,
    portMap: new Map([[80, 0]]),
    log: () => undefined,
    say: (line) => said.push(line),
  });
});
afterEach(async () => {
  await published.close(0);
});

async function write(key: string, content: string): Promise<void> {
  const path = join(directory, key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

const pointerOf = (gateway: string, digest = bundle.digest, secrets: string | null = null): string =>
  JSON.stringify({
    format: 1,
    gateway,
    current: { bundle: digest, secrets },
    previous: null,
    addresses: [ADDRESS],
  });

const statusOf = (port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    get({ host: ADDRESS, port, agent: false }, (response) => resolve(response.resume().statusCode ?? 0)).once(
      "error",
      reject,
    );
  });

it.each([
  ["is cut", pointerOf("shop/edge").slice(0, 40), "not-json"],
  ["is of another format", pointerOf("shop/edge").replace('"format":1', '"format":2'), "unknown-format"],
  ["names another Gateway", pointerOf("shop/other"), "it names shop/other"],
])("a pointer that %s changes nothing, and is told once", async (_, content, why) => {
  const port = published.servings[0]?.ports.get(80) ?? 0;
  await write(pointerKey("shop/edge"), content);
  await published.follow();
  await published.follow();
  expect(await statusOf(port)).toBe(500);
  const told = said.filter((line) => line.startsWith(join(directory, pointerKey("shop/edge"))));
  expect(told).toHaveLength(1);
  expect(told[0]).toContain(why);
  expect(told[0]).toContain("until lasthop controller writes the file anew");
  await rm(join(directory, pointerKey("shop/edge")));
  await published.follow();
  expect(published.servings).toEqual([]);
  await expect(statusOf(port)).rejects.toThrow("ECONNREFUSED");
});

describe("a publication that is not what its pointer says changes nothing", () => {
  const other = encodeBundle(bundleOf([{ hostname: "other.example", seniority: 0, rule }]), runtime.sha256);
  const secrets = encodeSecrets(new Map());
  const secretsDigest = createHash("sha256").update(secrets).digest("hex");

  /** Makes the pointer name a bundle and keys. Resolves with the lines that are said then. */
  async function follow(digest: string, keys: string | null): Promise<string> {
    await write(pointerKey("shop/edge"), pointerOf("shop/edge", digest, keys));
    await published.follow();
    return said.slice(1).join("\n");
  }
  const current = (): string | undefined => published.servings[0]?.bundle.digest;

  it("a bundle of another digest than its name", async () => {
    const key = bundleKey("a".repeat(64));
    await write(key, other.text);
    expect(await follow("a".repeat(64), null)).toContain(`digest-mismatch: ${key} holds what has the digest`);
    expect(current()).toBe(bundle.digest);
  });

  it("keys of another digest than their name", async () => {
    const key = secretsKey("b".repeat(64));
    await write(bundleKey(other.bundle.digest), other.text);
    await write(key, secrets);
    await chmod(join(directory, key), 0o600);
    expect(await follow(other.bundle.digest, "b".repeat(64))).toContain(`${key} holds what has the digest`);
    expect(current()).toBe(bundle.digest);
  });

  it("keys that others may read, until they may not", async () => {
    const key = secretsKey(secretsDigest);
    await write(bundleKey(other.bundle.digest), other.text);
    await write(key, secrets);
    await chmod(join(directory, key), 0o644);
    expect(await follow(other.bundle.digest, secretsDigest)).toContain(`${key} has mode 644`);
    expect(current()).toBe(bundle.digest);
    await chmod(join(directory, key), 0o600);
    await expect.poll(() => current()).toBe(other.bundle.digest);
  });

  it.each(["bundles", "gateways/shop"])("a link that leads out, for the folder %s", async (folder) => {
    const outside = await temporaryDirectory();
    await writeFile(join(outside, `${other.bundle.digest}.json`), other.text);
    await writeFile(join(outside, "edge.json"), pointerOf("shop/edge", other.bundle.digest));
    if (folder === "bundles") await write(pointerKey("shop/edge"), pointerOf("shop/edge", other.bundle.digest));
    else await write(bundleKey(other.bundle.digest), other.text);
    await rename(join(directory, folder), join(outside, "old"));
    await symlink(outside, join(directory, folder));
    await published.follow();
    expect(said.join("\n")).toContain("is a link that leads out of");
    expect(current()).toBe(bundle.digest);
  });

  it.each(["bundle", "pointer", "acknowledgement"])(
    "a pipe in place of the %s, and none is waited for",
    async (what) => {
      const keys = {
        bundle: bundleKey("c".repeat(64)),
        pointer: pointerKey("shop/edge"),
        acknowledgement: acknowledgementKey("shop/edge"),
      };
      const path = join(directory, keys[what as keyof typeof keys]);
      await rm(path, { force: true });
      execFileSync("mkfifo", [path]);
      if (what !== "pointer") await write(pointerKey("shop/edge"), pointerOf("shop/edge", "c".repeat(64)));
      await published.follow();
      expect(current()).toBe(bundle.digest);
      if (what !== "acknowledgement") expect(said.join("\n")).toContain(`${path} is no regular file`);
    },
  );
});

it("links that stay inside are followed, as those of a mounted volume", async () => {
  const other = encodeBundle(bundleOf([{ hostname: "other.example", seniority: 0, rule }]), runtime.sha256);
  await write("..v2/gateways/shop/edge.json", pointerOf("shop/edge", other.bundle.digest));
  await write(bundleKey(other.bundle.digest), other.text);
  await rm(join(directory, "gateways"), { recursive: true });
  await symlink("..v2/gateways", join(directory, "gateways"));
  await expect.poll(() => published.servings[0]?.bundle.digest).toBe(other.bundle.digest);
});

it("links that lead back to themselves end", async () => {
  await symlink("../gateways", join(directory, "gateways/loop"));
  await published.follow();
  expect(said.join("\n")).toContain("a link that leads back");
  expect(published.servings).toHaveLength(1);
});
