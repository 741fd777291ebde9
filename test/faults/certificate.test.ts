/** A server that changes its certificate: each connection is judged by what it presents itself, whatever came before. */
import { constants } from "node:crypto";
import { createSecureContext, type TlsOptions } from "node:tls";
import { beforeAll, describe, expect, it } from "vitest";
import { createBackends } from "../../src/backend/backends.ts";
import { REFUSED_PEER_LIMITS } from "../../src/backend/limits.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { SNI } from "../last-hop/suite.ts";
import { type Minted, mintCa, mintLeaf } from "../support/pki.ts";
import { faultyBackend, type FaultyBackend, type Speak } from "./backend.ts";
import { answerOf, bundleTo, routed } from "./fault.ts";
import { ending } from "./http1.ts";
import { first } from "./http2.ts";
import { OK, http1, http2, okFrames } from "./speak.ts";

describe.each([
  ["http/1.1", "1.2"],
  ["http/1.1", "1.3"],
  ["h2", "1.2"],
  ["h2", "1.3"],
] as const)("a certificate that changes, %s over TLS %s", (alpn, version) => {
  let root: Minted;
  let leaves: Readonly<Record<"good" | "renewed" | "foreign" | "misnamed" | "expired", Minted>>;
  beforeAll(async () => {
    root = await mintCa({ name: "fault root" });
    const expired = { notBefore: new Date(Date.now() - 9e8), notAfter: new Date(Date.now() - 8e8) };
    leaves = {
      good: await mintLeaf({ issuer: root, dns: [SNI] }),
      renewed: await mintLeaf({ issuer: root, dns: [SNI] }),
      foreign: await mintLeaf({ issuer: await mintCa({ name: "fault root" }), dns: [SNI] }),
      misnamed: await mintLeaf({ issuer: root, dns: ["other.internal"] }),
      expired: await mintLeaf({ issuer: root, dns: [SNI], ...expired }),
    };
  });

  /** Runs a test with a backend whose next connection presents `presented`. */
  async function serving(good: Speak, run: (gateway: Gateway, backend: FaultyBackend) => Promise<void>): Promise<void> {
    const tls: TlsOptions = {
      ALPNProtocols: [alpn],
      maxVersion: `TLSv${version}`,
      // A resumed connection presents nothing.
      secureOptions: constants.SSL_OP_NO_TICKET,
      SNICallback: (_, done) => done(null, createSecureContext({ key: presented.keyPem, cert: presented.chainPem })),
    };
    const backend = await faultyBackend(leaves.good, { good, tls });
    const bundle = routed(
      bundleTo(backend.port, root, { alpn: [alpn], minTlsVersion: version, maxTlsVersion: version }),
    );
    const runtime = nodeRuntime();
    const backends = createBackends({
      bundle,
      runtime: { ...runtime, monotonicMs: () => runtime.monotonicMs() + leapMs },
    });
    const options = { log: () => undefined, capabilities: [], monotonicMs: () => 0, random: () => 0 };
    try {
      await run(createGateway({ bundle, backends, ...options }), backend);
      backends.close();
      await expect.poll(() => backend.open).toBe(0);
    } finally {
      backends.close();
      await backend.close();
    }
  }
  let presented: Minted;
  /** The time by which the clock is put forward, because a refused endpoint is not dialled for a while. */
  let leapMs = 0;

  it("is judged on each connection, and no request byte leaves on a refused one", async () => {
    const closing: Speak = alpn === "h2" ? http2((socket, stream) => void socket.end(okFrames(stream))) : ending(OK);
    await serving(closing, async (gateway, backend) => {
      let good = 0;
      for (const [name, answer] of [
        ["good", "200 ok"],
        ["foreign", "502 unknown-ca"],
        ["good", "200 ok"],
        ["misnamed", "502 name-mismatch"],
        ["renewed", "200 ok"],
        ["expired", "502 expired"],
        ["foreign", "502 unknown-ca"],
        ["good", "200 ok"],
      ] as const) {
        presented = leaves[name];
        expect(await answerOf(gateway), name).toBe(answer);
        if (answer === "200 ok") good++;
        else leapMs += REFUSED_PEER_LIMITS.maxMs;
        await expect.poll(() => backend.open, { message: name }).toBe(0);
        expect(backend.received, `connections that came to speak, after ${name}`).toHaveLength(good);
      }
    });
  });

  it("does not cut the connections that were verified before, and keeps none that it refuses", async () => {
    const held: (() => void)[] = [];
    // The third request on the first connection is answered later, so that another one needs a connection of its own.
    const good = http1((socket, request) => void (request < 3 ? socket.write(OK) : held.push(() => socket.write(OK))));
    await serving(alpn === "h2" ? first(okFrames) : good, async (gateway, backend) => {
      presented = leaves.good;
      expect(await answerOf(gateway)).toBe("200 ok");
      presented = leaves.foreign;
      expect(await answerOf(gateway)).toBe("200 ok");
      expect(backend.accepted).toBe(1);
      // Requests over HTTP/2 share the first connection.
      if (alpn === "h2") return;
      const waiting = answerOf(gateway);
      await expect.poll(() => held).toHaveLength(1);
      expect(await answerOf(gateway)).toBe("502 unknown-ca");
      held[0]?.();
      expect(await waiting).toBe("200 ok");
      await expect.poll(() => backend.open).toBe(1);
    });
  });
});
