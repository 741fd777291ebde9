/** The ciphers of connections to real servers: what policies, runtimes and the records of an endpoint make of the order. */
import type { RequestListener } from "node:http";
import type { SecureServerOptions } from "node:http2";
import type { TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import { NO_REUSE } from "../../src/backend/limits.ts";
import type { Runtime } from "../../src/backend/runtime.ts";
import { NO_SECRETS } from "../../src/bundle/secrets.ts";
import type { Cipher } from "../../src/bundle/types.ts";
import { nodeAead } from "../../src/host/node-crypto.ts";
import { bodyOf, bundleTo, clientOf } from "./fixtures/last-hop.ts";
import { secure } from "./fixtures/servers.ts";
import { failedWith } from "../support/sent.ts";

const BOTH: readonly Cipher[] = ["aes-gcm", "chacha20-poly1305"];
/** A body that is large enough to change the order of ciphers. */
const LARGE_BYTES = 10_000_000;
const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;
/** OpenSSL's names of one suite of each cipher. */
const SUITES = {
  "TLSv1.2": { "aes-gcm": "ECDHE-ECDSA-AES128-GCM-SHA256", "chacha20-poly1305": "ECDHE-ECDSA-CHACHA20-POLY1305" },
  "TLSv1.3": { "aes-gcm": "TLS_AES_128_GCM_SHA256", "chacha20-poly1305": "TLS_CHACHA20_POLY1305_SHA256" },
} as const;

/** Answers with as many bytes as the target's query says, and uploads with their own bytes. */
const answer: RequestListener = (request, response) => {
  if (request.method === "POST") return void request.pipe(response);
  const bytes = Number(new URL(request.url ?? "", "http://b").searchParams.get("bytes") ?? 0);
  response.end(Buffer.alloc(bytes, "x"));
};

/** A server that follows the client's order, and the ciphers of its connections so far. */
async function follower(options: SecureServerOptions): Promise<{ port: number; ciphers: Cipher[] }> {
  const handled = await secure(answer, { honorCipherOrder: false, ...options });
  const ciphers: Cipher[] = [];
  handled.server.on("secureConnection", (socket: TLSSocket) =>
    ciphers.push(socket.getCipher().standardName.includes("CHACHA20") ? "chacha20-poly1305" : "aes-gcm"),
  );
  return { port: handled.port, ciphers };
}

const only = (version: (typeof VERSIONS)[number], cipher: Cipher): SecureServerOptions => ({
  minVersion: version,
  maxVersion: version,
  ciphers: SUITES[version][cipher],
});

describe.each(VERSIONS)("%s", (version) => {
  describe.each(BOTH)("a backend with %s alone", (cipher) => {
    it.each(["h2", "http/1.1"] as const)("over %s: bodies of every size in both directions", async (alpn) => {
      const { port, ciphers } = await follower(only(version, cipher));
      const { text } = clientOf(bundleTo({ ports: [port], policy: { alpn: [alpn] } }));
      for (const bytes of [0, 1, 100, 255, 256, 1_900, 4_095, 4_096, 4_097, 16_384, 100_000]) {
        expect(await text({ target: `/?bytes=${bytes}` })).toBe("x".repeat(bytes));
        const body = "y".repeat(bytes);
        const headers: [string, string][] = [["content-length", String(bytes)]];
        expect(await text({ method: "POST", headers, body: bodyOf(body) })).toBe(body);
      }
      expect(new Set(ciphers)).toEqual(new Set([cipher]));
    });

    it("is no backend for a policy with the other one alone", async () => {
      const { port, ciphers } = await follower(only(version, cipher));
      const other = BOTH.filter((each) => each !== cipher);
      const { ask } = clientOf(bundleTo({ ports: [port], policy: { ciphers: other } }));
      expect(await ask()).toMatchObject(failedWith("tls-alert-received"));
      expect(ciphers).toEqual([]);
    });
  });
});

describe("a backend that follows the offered order", () => {
  it("gets the policy's order, whatever the records", async () => {
    for (const first of BOTH) {
      const { port, ciphers } = await follower({});
      const order = [first, ...BOTH.filter((each) => each !== first)];
      const { text } = clientOf(bundleTo({ ports: [port], policy: { ciphers: order } }), { poolLimits: NO_REUSE });
      for (const bytes of [10, LARGE_BYTES, 10]) await text({ target: `/?bytes=${bytes}` });
      expect(ciphers).toEqual([first, first, first]);
    }
  });

  it("gets AES-GCM on the next connection after large bodies, unlike another endpoint", async () => {
    const large = await follower({});
    const small = await follower({});
    const clients = [large, small].map(({ port }) => clientOf(bundleTo({ ports: [port] }), { poolLimits: NO_REUSE }));
    for (let times = 0; times < 3; times++) {
      await clients[0]?.text({ target: `/?bytes=${LARGE_BYTES}` });
      await clients[1]?.text({ target: "/?bytes=10" });
    }
    expect(large.ciphers).toEqual(["chacha20-poly1305", "aes-gcm", "aes-gcm"]);
    expect(small.ciphers).toEqual(["chacha20-poly1305", "chacha20-poly1305", "chacha20-poly1305"]);
  });

  it("gets what was learnt under an earlier bundle", async () => {
    const { port, ciphers } = await follower({});
    const client = clientOf(bundleTo({ ports: [port] }), { poolLimits: NO_REUSE });
    await client.text({ target: `/?bytes=${LARGE_BYTES}` });
    client.backends = client.backends.succeed(bundleTo({ ports: [port] }), NO_SECRETS);
    await client.text();
    expect(ciphers).toEqual(["chacha20-poly1305", "aes-gcm"]);
  });

  it.each(["h2", "http/1.1"] as const)("over %s gets a new connection when the order has changed", async (alpn) => {
    const { port, ciphers } = await follower({});
    const { text, backends } = clientOf(bundleTo({ ports: [port], policy: { alpn: [alpn] } }));
    for (let times = 0; times < 3; times++) await text({ target: "/?bytes=10" });
    expect(ciphers).toEqual(["chacha20-poly1305"]);
    for (let times = 0; times < 2; times++)
      expect((await text({ target: `/?bytes=${LARGE_BYTES}` })).length).toBe(LARGE_BYTES);
    expect(ciphers).toEqual(["chacha20-poly1305", "aes-gcm"]);
    await expect.poll(() => backends.stats().open, { timeout: 10_000 }).toBe(1);
    for (let times = 0; times < 700; times++) await text({ target: "/?bytes=700" });
    expect(ciphers).toEqual(["chacha20-poly1305", "aes-gcm", "chacha20-poly1305"]);
  });

  it("gets AES-GCM from a runtime without ChaCha20-Poly1305", async () => {
    const { port, ciphers } = await follower({});
    const aead: Runtime["aead"] = () => ({ ...nodeAead(), ciphers: ["aes-gcm"] });
    const { text } = clientOf(bundleTo({ ports: [port] }), { runtime: { aead } });
    expect(await text({ target: "/?bytes=100000" })).toHaveLength(100_000);
    expect(ciphers).toEqual(["aes-gcm"]);
  });
});

it("a backend that follows an order of its own gets one new connection when the order has changed", async () => {
  const { port, ciphers } = await follower(only("TLSv1.3", "chacha20-poly1305"));
  const { text } = clientOf(bundleTo({ ports: [port] }));
  for (let times = 0; times < 4; times++) await text({ target: `/?bytes=${LARGE_BYTES}` });
  expect(ciphers).toEqual(["chacha20-poly1305", "chacha20-poly1305"]);
});
