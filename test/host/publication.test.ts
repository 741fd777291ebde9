/** `lasthop serve DIRECTORY`: what becomes of a Gateway whose publication changes, breaks or goes. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { encodeBundle } from "../../src/bundle/codec.ts";
import { bundleKey, pointerKey } from "../../src/bundle/publication.ts";
import { nodeHost } from "../../src/host/node/host.ts";
import { type ServedPublication, servePublication } from "../../src/host/node/publication.ts";
import { bundleOf, matchOf, ruleOf } from "../gateway/bundles.ts";

const ADDRESS = "127.0.0.1";
const host = nodeHost();
const rule = ruleOf("shop/site", [matchOf({})]);
const { bundle, text } = encodeBundle(bundleOf([{ hostname: "*", seniority: 0, rule }]), host.sha256);

let directory: string;
let published: ServedPublication;
let said: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lasthop-publication-"));
  said = [];
  await write(bundleKey(bundle.digest), text);
  await write(pointerKey("shop/edge"), pointerOf("shop/edge"));
  published = await servePublication({
    directory,
    host,
    portMap: new Map([[80, 0]]),
    log: () => undefined,
    say: (line) => said.push(line),
  });
});
afterEach(async () => {
  await published.close(0);
  await rm(directory, { recursive: true });
});

async function write(key: string, content: string): Promise<void> {
  const path = join(directory, key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

const pointerOf = (gateway: string): string =>
  JSON.stringify({
    format: 1,
    gateway,
    current: { bundle: bundle.digest, secrets: null },
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
