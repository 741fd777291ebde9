/** A backend whose certificate promises an OCSP response: what a real server staples decides, on resumed sessions too. */
import "reflect-metadata";
import { Extension } from "@peculiar/x509";
import { createHash, createSign } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { expect, test } from "vitest";
import { type Minted, mintLeaf } from "../support/pki.ts";
import { bytes, generalizedTime, int, oid, seq, tlv } from "../support/der.ts";
import { SNI } from "./fixtures/client.ts";
import { bundleTo, type Client, clientOf, runtime, root } from "./fixtures/last-hop.ts";
import { type Handled, secure } from "./fixtures/servers.ts";

const MINUTE_MS = 60_000;
const H1 = { alpn: ["http/1.1"] } as const;
const feature = new Extension("1.3.6.1.5.5.7.1.24", false, new Uint8Array(seq(int(5))));
const leaf = await mintLeaf({ issuer: root, dns: [SNI], extensions: [feature] });

/** An OCSP response of the root about the leaf, valid from a minute ago until `forMs` from now. */
function staple(forMs: number, status = tlv(0x80)): Buffer {
  const sha1 = (data: Uint8Array): Uint8Array => tlv(4, new Uint8Array(createHash("sha1").update(data).digest()));
  const { subjectName, publicKey } = root.certificate;
  const id = seq(
    seq(oid("1.3.14.3.2.26"), bytes(5, 0)),
    sha1(new Uint8Array(subjectName.toArrayBuffer())),
    sha1(new Uint8Array(publicKey.rawData).slice(-65)),
    tlv(2, new Uint8Array(Buffer.from(leaf.certificate.serialNumber, "hex"))),
  );
  const now = runtime.now();
  const next = tlv(0xa0, generalizedTime(now + forMs));
  const data = seq(
    tlv(0xa1, new Uint8Array(subjectName.toArrayBuffer())),
    generalizedTime(now),
    seq(seq(id, status, generalizedTime(now - MINUTE_MS), next)),
  );
  const signature = new Uint8Array(createSign("sha256").update(data).sign(root.keyPem));
  const basic = seq(data, seq(oid("1.2.840.10045.4.3.2")), tlv(3, bytes(0), signature));
  const response = seq(tlv(0x0a, bytes(0)), tlv(0xa0, seq(oid("1.3.6.1.5.5.7.48.1.1"), tlv(4, basic))));
  return Buffer.from(response);
}

interface Stapling {
  readonly server: Handled;
  readonly client: Client;
  current: Buffer | null;
  nowMs: number;
}

async function stapling(minted: Minted, first: Buffer | null, tls: "1.2" | "1.3"): Promise<Stapling> {
  const credentials = { cert: minted.chainPem, key: minted.keyPem };
  const maxVersion = tls === "1.3" ? "TLSv1.3" : "TLSv1.2";
  const server = await secure((_, response) => response.end("ok"), { ...credentials, maxVersion });
  server.server.on("OCSPRequest", (_: unknown, __: unknown, answer: (error: null, response: Buffer | null) => void) =>
    answer(null, state.current),
  );
  const client = clientOf(bundleTo({ ports: [server.port], policy: H1 }), {
    poolLimits: { idlePerKey: 0 },
    runtime: { now: () => state.nowMs },
  });
  const state: Stapling = { server, client, current: first, nowMs: runtime.now() };
  return state;
}

const UNKNOWN = { kind: "failed", failure: { kind: "chain-refused", refusal: { code: "revocation-unknown" } } };
const REVOKED = { kind: "failed", failure: { kind: "chain-refused", refusal: { code: "revoked" } } };
const count = (stapled: Stapling): number[] => [stapled.server.connections, stapled.server.resumed];

test.each(["1.2", "1.3"] as const)("TLS %s: needs the staple, and no byte leaves without it", async (tls) => {
  const without = await stapling(leaf, null, tls);
  let bytesSeen = 0;
  without.server.server.on("secureConnection", (socket: TLSSocket) =>
    socket.on("data", ({ length }: Buffer) => (bytesSeen += length)),
  );
  expect(await without.client.ask()).toMatchObject(UNKNOWN);
  expect([without.server.requests.length, bytesSeen]).toEqual([0, 0]);
  const revoked = await stapling(leaf, staple(MINUTE_MS, tlv(0xa1, generalizedTime(runtime.now()))), tls);
  expect(await revoked.client.ask()).toMatchObject(REVOKED);
  const good = await stapling(leaf, staple(MINUTE_MS), tls);
  expect(await good.client.text()).toBe("ok");
});

test.each(["1.2", "1.3"] as const)("TLS %s: a session lives as long as its staple", async (tls) => {
  const stapled = await stapling(leaf, staple(10 * MINUTE_MS), tls);
  const { client } = stapled;
  expect(await client.text()).toBe("ok");
  // The server has no staple any more; the session needs none.
  stapled.current = null;
  stapled.nowMs += 9 * MINUTE_MS;
  expect(await client.text()).toBe("ok");
  expect(count(stapled)).toEqual([2, 1]);
  // Past its nextUpdate the session is refused, and so is the full handshake that follows at once.
  stapled.nowMs += 2 * MINUTE_MS;
  expect(await client.ask()).toMatchObject(UNKNOWN);
  expect(stapled.server.requests).toHaveLength(2);
});

test.each(["1.2", "1.3"] as const)(
  "TLS %s: past its staple a session gives way to the server's new one",
  async (tls) => {
    const stapled = await stapling(leaf, staple(10 * MINUTE_MS), tls);
    const { client } = stapled;
    for (let asked = 0; asked < 2; asked++) expect(await client.text()).toBe("ok");
    stapled.current = staple(20 * MINUTE_MS);
    stapled.nowMs += 11 * MINUTE_MS;
    const [before = 0] = count(stapled);
    expect(await client.text()).toBe("ok");
    expect(stapled.server.connections - before, "one is refused, one is full").toBe(2);
    expect(await client.text()).toBe("ok");
    expect(stapled.server.connections - before).toBe(3);
  },
);
