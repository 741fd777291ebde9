/** A new bundle: which connections of the bundle before it are kept. */
import { expect, test } from "vitest";
import type { BundlePolicy } from "../../src/bundle/types.ts";
import { NO_SECRETS } from "../../src/bundle/secrets.ts";
import { bundleTo, clientOf } from "./fixtures/last-hop.ts";
import { heldAnswers, ok, secure } from "./fixtures/servers.ts";

const H1: Partial<BundlePolicy> = { alpn: ["http/1.1"] };

test("a new bundle keeps the connections, and later the tickets, of a policy that stays", async () => {
  const server = await secure(ok);
  const client = clientOf(bundleTo({ ports: [server.port] }));
  await client.text();
  const before = client.backends;
  client.backends = before.succeed(bundleTo({ ports: [server.port, 1] }), NO_SECRETS);
  // A host may close the backends of the old bundle, which closes nothing that their successor has.
  before.close();
  while (server.requests.length < 4) await client.text();
  expect(server.connections).toBe(1);
  for (const socket of server.sockets) socket.destroy();
  await expect.poll(() => client.backends.stats().open).toBe(0);
  client.backends = client.backends.succeed(bundleTo({ ports: [server.port] }), NO_SECRETS);
  await client.text();
  expect(server.resumed).toBe(1);
});

test("a new bundle with another policy never uses an old connection, and requests in flight finish", async () => {
  const { handle, waiting, freeAll } = heldAnswers();
  const server = await secure(handle);
  const client = clientOf(bundleTo({ ports: [server.port] }));
  const before = client.text();
  await expect.poll(() => waiting.length).toBe(1);
  const next = bundleTo({ ports: [server.port] });
  const [policy] = Object.values(next.policies);
  if (policy === undefined) throw new Error("unreachable");
  const digest = "e".repeat(64);
  client.backends = client.backends.succeed(
    {
      ...bundleTo({ ports: [server.port], backend: { transport: { kind: "tls", policy: digest } } }),
      policies: { [digest]: policy },
    },
    NO_SECRETS,
  );
  const after = client.text();
  await expect.poll(() => waiting.length).toBe(2);
  expect(server.connections).toBe(2);
  freeAll();
  expect(await before).toBe("ok");
  expect(await after).toBe("ok");
  await expect.poll(() => server.sockets.size).toBe(1);
});

test("a new bundle without the backend closes its connections", async () => {
  const server = await secure(ok);
  const client = clientOf(bundleTo({ ports: [server.port], policy: H1 }));
  await client.text();
  client.backends = client.backends.succeed({ ...bundleTo({ ports: [] }), backends: {} }, NO_SECRETS);
  await expect.poll(() => server.sockets.size).toBe(0);
  expect(client.backends.stats()).toMatchObject({ open: 0, idle: 0 });
});
