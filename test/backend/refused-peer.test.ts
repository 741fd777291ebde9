/** A refused chain or handshake leaves its endpoint out at once: no dial until its time is over, then one, and never an old answer. */
import { expect, onTestFinished, test } from "vitest";
import type { Sent } from "../../src/backend/exchange.ts";
import { NO_REUSE, REFUSED_PEER_LIMITS } from "../../src/backend/limits.ts";
import { NO_SECRETS } from "../../src/bundle/secrets.ts";
import { mintCa, mintLeaf } from "../support/pki.ts";
import { tlsBackend, type TlsBackend } from "./fixtures/backend.ts";
import { SNI } from "./fixtures/client.ts";
import { failedWith } from "../support/sent.ts";
import { bundleTo, type Client, clientOf, runtime, leaf } from "./fixtures/last-hop.ts";
import { ok, secure } from "./fixtures/servers.ts";

const stranger = await mintLeaf({ issuer: await mintCa({ name: "another" }), dns: [SNI] });
const UNKNOWN_CA = { kind: "failed", failure: { kind: "chain-refused", refusal: { code: "unknown-ca" } } };

/** A backend with another's certificate, a client whose clock the test moves, and the dials it made. */
async function untrusted(more: { readonly ports?: readonly number[] } = {}): Promise<{
  readonly server: TlsBackend;
  readonly client: Client;
  readonly dials: readonly number[];
  readonly wait: (ms: number) => void;
}> {
  const server = await tlsBackend({ leaf: stranger });
  onTestFinished(() => server.close());
  const dials: number[] = [];
  let nowMs = 0;
  const client = clientOf(bundleTo({ ports: [server.port, ...(more.ports ?? [])] }), {
    runtime: {
      monotonicMs: () => nowMs,
      now: () => runtime.now() + nowMs,
      dial: (endpoint, signal) => {
        dials.push(endpoint.port);
        return runtime.dial(endpoint, signal);
      },
    },
  });
  return { server, client, dials, wait: (ms) => void (nowMs += ms) };
}

const times = <T>(count: number, value: T): readonly T[] => Array.from({ length: count }, () => value);
const burst = (client: Client, count: number): Promise<readonly Sent[]> =>
  Promise.all(Array.from({ length: count }, () => client.ask()));

test("the only endpoint is not dialled again: requests get the remembered code", async () => {
  const { server, client, dials } = await untrusted();
  for (let asked = 0; asked < 20; asked++) expect(await client.ask()).toMatchObject(UNKNOWN_CA);
  expect(dials).toHaveLength(1);
  expect(server.seen).toMatchObject({ requests: [], decryptedBytes: 0 });
  expect(client.events.filter(({ kind }) => kind === "ejected")).toMatchObject([{ code: "unknown-ca" }]);
  expect(client.events.filter(({ kind }) => kind === "connect-failed")).toHaveLength(1);
  expect(client.backends.stats().ejected).toBe(1);
});

test("a chain of more than 64 kB, which TLS refuses before any verdict, leaves its endpoint out as well", async () => {
  const { server, client, dials, wait } = await untrusted();
  const certificates = Math.ceil((64 * 1024) / leaf.der.length);
  server.useCertificate({ ...leaf, chainPem: `${leaf.certPem}\n`.repeat(certificates) });
  for (let asked = 0; asked < 20; asked++) expect(await client.ask()).toMatchObject(failedWith("tls-protocol-error"));
  expect(dials).toHaveLength(1);
  expect(server.seen).toMatchObject({ requests: [], decryptedBytes: 0 });
  expect(client.events.filter(({ kind }) => kind === "ejected")).toMatchObject([{ code: "tls-protocol-error" }]);
  server.useCertificate(leaf);
  wait(REFUSED_PEER_LIMITS.firstMs);
  expect((await client.ask()).kind).toBe("response");
});

test("one of two endpoints is left out after one refusal", async () => {
  const good = await secure(ok);
  const { server, client, dials } = await untrusted({ ports: [good.port] });
  const kinds: string[] = [];
  for (let asked = 0; asked < 20; asked++) kinds.push((await client.ask()).kind);
  expect(kinds.filter((kind) => kind === "failed")).toHaveLength(1);
  expect(dials.filter((port) => port === server.port)).toHaveLength(1);
});

test("when its time is over one connection asks for a burst, and the time doubles up to the maximum", async () => {
  const { client, dials, wait } = await untrusted();
  expect(await client.ask()).toMatchObject(UNKNOWN_CA);
  const durations = (): readonly number[] =>
    client.events.flatMap((event) => (event.kind === "ejected" ? [event.durationMs] : []));
  for (let round = 1; round <= 8; round++) {
    const [last = 0] = durations().slice(-1);
    wait(last - 1);
    expect(await burst(client, 3)).toMatchObject(times(3, UNKNOWN_CA));
    expect(dials).toHaveLength(round);
    wait(2);
    expect(await burst(client, 20)).toMatchObject(times(20, UNKNOWN_CA));
    expect(dials).toHaveLength(round + 1);
  }
  const { firstMs, maxMs } = REFUSED_PEER_LIMITS;
  for (const [index, durationMs] of durations().entries()) {
    const most = Math.min(firstMs * 2 ** index, maxMs);
    expect(durationMs).toBeGreaterThanOrEqual(most * 0.75);
    expect(durationMs).toBeLessThanOrEqual(most);
  }
  expect(maxMs).toBeLessThan(30_000);
});

test("a mended backend serves a whole burst once its time is over", async () => {
  const { server, client, wait } = await untrusted();
  await client.ask();
  server.useCertificate(leaf);
  expect(await client.ask()).toMatchObject(UNKNOWN_CA);
  wait(REFUSED_PEER_LIMITS.firstMs);
  expect((await burst(client, 20)).map(({ kind }) => kind)).toEqual(times(20, "response"));
  expect(client.events.filter(({ kind }) => kind === "recovered")).toHaveLength(1);
  expect(client.backends.stats().ejected).toBe(0);
});

test("a dial without a verdict ends the refusal: nobody gets one that is older", async () => {
  const { server, client, wait } = await untrusted();
  await client.ask();
  await server.close();
  wait(REFUSED_PEER_LIMITS.firstMs);
  const sent = await burst(client, 5);
  expect(sent).toMatchObject(times(5, { kind: "failed", failure: { code: "connection-refused" } }));
});

test("a changed bundle ends it", async () => {
  const { server, client, dials } = await untrusted();
  await client.ask();
  server.useCertificate(leaf);
  const changed = bundleTo({ ports: [server.port] });
  client.backends = client.backends.succeed(changed, NO_SECRETS);
  expect((await client.ask()).kind).toBe("response");
  expect(dials).toHaveLength(2);
});

test("a dial that never ends, as of an invocation that the platform ended, is waited for only for a while", async () => {
  const server = await tlsBackend({ leaf: stranger });
  onTestFinished(() => server.close());
  let nowMs = 0;
  let dials = 0;
  const client = clientOf(bundleTo({ ports: [server.port] }), {
    poolLimits: NO_REUSE,
    timeouts: { connectMs: 500 },
    runtime: {
      monotonicMs: () => nowMs,
      dial: (endpoint, signal) => (++dials === 2 ? new Promise(() => undefined) : runtime.dial(endpoint, signal)),
    },
  });
  expect(await client.ask()).toMatchObject(UNKNOWN_CA);
  server.useCertificate(leaf);
  nowMs += REFUSED_PEER_LIMITS.firstMs;
  const timedOut = { kind: "failed", failure: { code: "connection-timeout" } };
  expect(await burst(client, 2)).toMatchObject(times(2, timedOut));
  expect(dials).toBe(2);
  // The request that waited has left; the dial itself has not ended.
  expect(client.backends.stats().open).toBe(1);
  nowMs += REFUSED_PEER_LIMITS.askMs;
  expect((await client.ask()).kind).toBe("response");
  expect(dials).toBe(3);
});
