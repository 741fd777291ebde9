/** No request byte before a verdict, against real servers that count what they decrypted. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Verdict } from "../../src/trust/verdict.ts";
import { mintCa, mintLeaf, type Minted } from "../support/pki.ts";
import { dial, tlsBackend, type Backend, type TlsBackend } from "./fixtures/backend.ts";
import { accept, connectionOf, get, newConfig, newInstance, open, POLICY, REFUSED, text } from "./fixtures/client.ts";

const instance = newInstance();
let leaf: Minted;
let clientCa: Minted;
const backends: Backend[] = [];

beforeAll(async () => {
  leaf = await mintLeaf({ issuer: await mintCa({ name: "gate test" }), dns: ["backend.internal"] });
  clientCa = await mintCa({ name: "clients" });
});

afterAll(async () => {
  await Promise.all(backends.map((backend) => backend.close()));
});

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s", (version) => {
  async function started(options: { clientCa?: Minted } = {}): Promise<TlsBackend> {
    const backend = await tlsBackend({ leaf, version, ...options });
    backends.push(backend);
    return backend;
  }

  test.each([{ resumed: false }, { resumed: true }])(
    "a refusal sends an alert and nothing else (resumed: $resumed)",
    async ({ resumed }) => {
      const backend = await started();
      const config = newConfig(instance);
      if (resumed) {
        const first = connectionOf(await open(config, await dial(backend.port)));
        await text(await first.request(get("/first"), null));
        first.close();
        await expect.poll(() => backend.open()).toBe(0);
      }
      const bystander = connectionOf(await open(newConfig(instance), await dial((await started()).port)));
      const [requestsBefore, bytesBefore] = [backend.seen.requests.length, backend.seen.decryptedBytes];

      const stream = await dial(backend.port);
      let asked = { sentBytes: 0, resumed: false };
      const opened = await open(config, stream, async (presented) => {
        asked = { sentBytes: stream.sentBytes, resumed: presented.resumed };
        // The engine and the network go on while the verdict is open.
        await text(await bystander.request(get("/meanwhile"), null));
        expect(stream.sentBytes).toBe(asked.sentBytes);
        return REFUSED;
      });
      expect(opened).toEqual(REFUSED);
      expect(asked.resumed).toBe(resumed);
      await expect.poll(() => backend.open()).toBe(0);
      expect(stream.closed).toBe(true);
      // One alert record: 7 bytes in the clear (TLS 1.2), 24 encrypted (TLS 1.3).
      expect(stream.sentBytes - asked.sentBytes).toBe(version === "TLSv1.2" ? 7 : 24);
      expect(backend.seen.handshakeErrors).toEqual([expect.stringMatching(/UNKNOWN_CA/)]);
      expect([backend.seen.requests.length, backend.seen.decryptedBytes]).toEqual([requestsBefore, bytesBefore]);
      bystander.close();
    },
  );

  test("each handshake is judged anew", async () => {
    const backend = await started();
    const config = newConfig(instance);
    expect(await open(config, await dial(backend.port), () => REFUSED)).toEqual(REFUSED);
    connectionOf(await open(config, await dial(backend.port))).close();
  });

  test("a client certificate is not shown to a refused peer", async () => {
    const backend = await started({ clientCa });
    const client = await mintLeaf({ issuer: clientCa, name: "gateway", usages: ["client"] });
    const config = newConfig(instance, { clientIdentity: { chain: client.chain, pkcs8: client.pkcs8 } });
    expect((await open(config, await dial(backend.port), () => REFUSED)).kind).toBe("refused");
    await expect.poll(() => backend.open()).toBe(0);
    expect(backend.seen.clientNames).toEqual([]);
    expect(backend.seen.handshakeErrors).toEqual([expect.stringMatching(/UNKNOWN_CA/)]);
  });

  test("a client certificate is shown to a peer that is verified", async () => {
    const backend = await started({ clientCa });
    const client = await mintLeaf({ issuer: clientCa, name: "gateway", usages: ["client"] });
    const config = newConfig(instance, { clientIdentity: { chain: client.chain, pkcs8: client.pkcs8 } });
    const connection = connectionOf(await open(config, await dial(backend.port)));
    expect((await connection.request(get("/"), null)).status).toBe(200);
    expect(backend.seen.clientNames).toEqual(["gateway"]);
    connection.close();
  });

  test.each<[string, (presented: Parameters<typeof accept>[0]) => Verdict, string]>([
    ["another policy", (presented) => accept(presented, "b".repeat(64)), "verdict-mismatch"],
    [
      "another certificate",
      (presented) => accept({ ...presented, chain: [new Uint8Array([1, 2, 3])] }),
      "verdict-mismatch",
    ],
    ["no certificate", (presented) => accept({ ...presented, chain: [] }), "verdict-mismatch"],
    ["something that looks like a VerifiedPeer", (p) => forged(accept(p)), "verdict-mismatch"],
    [
      "an exception",
      () => {
        throw new Error("judge broke");
      },
      "verdict-failed",
    ],
  ])("a verdict about %s opens nothing", async (_, judge, code) => {
    const backend = await started();
    const stream = await dial(backend.port);
    let sentBytes = 0;
    const opened = await open(newConfig(instance), stream, (presented) => {
      sentBytes = stream.sentBytes;
      return judge(presented);
    });
    expect(opened).toMatchObject({ kind: "broken", error: { code, sent: "nothing" } });
    await expect.poll(() => backend.open()).toBe(0);
    expect(stream.sentBytes - sentBytes).toBeLessThanOrEqual(24);
    expect(backend.seen.requests).toEqual([]);
    expect(backend.seen.decryptedBytes).toBe(0);
  });

  test("a server that changes its certificate is judged again", async () => {
    const backend = await started();
    const other = await mintLeaf({ issuer: await mintCa({ name: "another" }), dns: ["backend.internal"] });
    const config = newConfig(instance);
    const judged: string[] = [];
    for (const server of [leaf, other]) {
      backend.useCertificate(server);
      const connection = connectionOf(
        await open(config, await dial(backend.port), (presented) => {
          judged.push(Buffer.from(presented.chain[0] ?? []).toString("hex"));
          return accept(presented);
        }),
      );
      await text(await connection.request(get("/"), null));
      connection.close();
    }
    expect(judged).toEqual([leaf, other].map(({ der }) => Buffer.from(der).toString("hex")));
  });

  test("an abort while the verdict is open closes the connection", async () => {
    const backend = await started();
    const stream = await dial(backend.port);
    const controller = new AbortController();
    const opened = await open(
      newConfig(instance),
      stream,
      (presented) => {
        controller.abort();
        return accept(presented);
      },
      controller.signal,
    );
    expect(opened).toMatchObject({ kind: "failed", error: { code: "cancelled" } });
    expect(stream.closed).toBe(true);
    await expect.poll(() => backend.open()).toBe(0);
    expect(backend.seen.requests).toEqual([]);
  });
});

test("an unusable client identity is refused when the configuration is made", () => {
  const clientIdentity = { chain: [leaf.der], pkcs8: new Uint8Array([1, 2, 3]) };
  expect(() => newConfig(instance, { clientIdentity })).toThrow(expect.objectContaining({ code: "bad-request" }));
});

test("versions of which none is allowed are refused when the configuration is made", () => {
  expect(() => newConfig(instance, { minVersion: "1.3", maxVersion: "1.2" })).toThrow(
    expect.objectContaining({ code: "bad-request" }),
  );
});

function forged(verdict: Verdict): Verdict {
  if (verdict.kind !== "verified") throw new Error("not verified");
  return { kind: "verified", peer: { policy: POLICY, path: verdict.peer.path } };
}
