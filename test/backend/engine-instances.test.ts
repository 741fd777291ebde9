/** An instance of the module: what it keeps of its connections, and what ends with it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { nodeAead } from "../../src/host/node-crypto.ts";
import { mintCa, mintLeaf, type Minted } from "../support/pki.ts";
import { dial, tlsBackend, type Backend } from "./fixtures/backend.ts";
import {
  bytes,
  connectionOf,
  get,
  newConfig,
  newInstance,
  open,
  REFUSED,
  SNI,
  streamOf,
  text,
} from "./fixtures/client.ts";

const instance = newInstance();
const config = newConfig(instance);
let backend: Backend;

beforeAll(async () => {
  const leaf: Minted = await mintLeaf({ issuer: await mintCa({ name: "fault test" }), dns: [SNI] });
  backend = await tlsBackend({ leaf });
});
afterAll(() => backend.close());

test("many connections and faults leave the instance as small as it was", async () => {
  const round = async () => {
    const fresh = newConfig(instance);
    await open(fresh, await dial(backend.port, { cutAfterBytes: 300 }));
    await open(fresh, await dial(backend.port), () => REFUSED);
    const connection = connectionOf(await open(newConfig(instance), await dial(backend.port)));
    await streamOf(await connection.request(get("/never"), null)).cancel();
    await text(await connection.request(get("/x"), null));
    connection.close();
    await connection.closed;
    fresh.free();
  };
  for (let at = 0; at < 20; at++) await round();
  const before = instance.memoryBytes;
  for (let at = 0; at < 100; at++) await round();
  expect(instance.memoryBytes - before).toBeLessThanOrEqual(1 << 20);
});

test("a trap ends the instance and its connections, and nothing else", async () => {
  let broken = false;
  const fragile = newInstance({
    randomFill: (buffer) => {
      if (broken) throw new Error("no randomness");
      crypto.getRandomValues(buffer);
    },
  });
  const fragileConfig = newConfig(fragile);
  const connection = connectionOf(await open(fragileConfig, await dial(backend.port)));
  const before = backend.seen.requests.length;
  const pending = connection.request(get("/never"), null).then(bytes);
  await expect.poll(() => backend.seen.requests).toHaveLength(before + 1);
  const bystander = connectionOf(await open(config, await dial(backend.port)));
  broken = true;
  expect(fragile.trapped).toBe(null);
  const opened = await open(fragileConfig, await dial(backend.port));
  expect(opened).toMatchObject({ kind: "failed", error: { code: "engine-trapped" } });
  expect(fragile.trapped).not.toBe(null);
  await expect(pending).rejects.toMatchObject({ code: "engine-trapped", sent: "maybe" });
  await connection.closed;
  expect(connection.alive).toBe(false);
  await expect(connection.request(get("/x"), null)).rejects.toMatchObject({ code: "engine-trapped" });
  expect(() => newConfig(fragile)).toThrow(expect.objectContaining({ code: "engine-trapped" }));
  expect((await bystander.request(get("/x"), null)).status).toBe(200);
  bystander.close();
});

test("a host cipher that breaks ends the connection", async () => {
  const aead = nodeAead();
  let broken = false;
  const faulty = newInstance({
    aead: () => ({
      ...aead,
      open: (...args) => {
        if (broken) throw new Error("cipher broke");
        return aead.open(...args);
      },
    }),
  });
  const connection = connectionOf(await open(newConfig(faulty), await dial(backend.port)));
  await text(await connection.request(get("/x"), null));
  broken = true;
  await expect(connection.request(get("/big"), null).then(text)).rejects.toMatchObject({ code: "tls-protocol" });
  expect(faulty.trapped).toBe(null);
});
