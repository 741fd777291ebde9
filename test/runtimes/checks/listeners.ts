/** Checks of listeners: their certificates, clients' certificates, HTTP/2, WebSockets. */
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { WebSocket } from "ws";
import { mintLeaf } from "../../support/pki.ts";
import type { Check, Lack } from "../check.ts";
import { ask, askHttp2 } from "../clients.ts";
import { SERVE, WORKERD } from "./lacks.ts";

/** workerd's host has no certificates for listeners; test/worker/source.test.ts checks that it refuses them. */
const TLS = { workerd: { reason: WORKERD.tls } };
const HTTP2 = { workerd: { reason: WORKERD.http2 } };
const WITHHELD: Lack = {
  reason: SERVE.informational,
  async run({ port }) {
    const { status, informational } = await askHttp2(port(80), "h1.example.com", "/hints");
    deepEqual([status, informational], [200, []]);
  },
};

/** Sends a text and bytes over a WebSocket to an echo server. Resolves with the text, whether the bytes are equal, and the close code. */
async function speak(url: string, host: string, more: { ca?: string } = {}): Promise<readonly unknown[]> {
  const socket = new WebSocket(url, [], {
    headers: { host },
    ...more,
    ...(more.ca !== undefined && { servername: host }),
  });
  await once(socket, "open");
  const bytes = Buffer.alloc(200_000, 0x62);
  socket.send("a message");
  socket.send(bytes);
  const received: unknown[] = [];
  socket.on("message", (data: Buffer, isBinary) => {
    received.push(isBinary ? data.equals(bytes) : data.toString());
    if (received.length === 2) socket.close(4002, "enough");
  });
  const [code] = (await once(socket, "close")) as [number];
  return [...received, code];
}

/** The checks. */
export const LISTENERS: readonly Check[] = [
  {
    name: "presents the certificate that SNI chooses, and none without one",
    async run({ port, cluster: { root } }) {
      const ca = root.certPem;
      equal((await ask(port(443), "a.example.com", "/", { ca })).presented, "DNS:a.example.com");
      equal((await ask(port(443), "h1.example.com", "/", { ca })).presented, "DNS:*.example.com");
      await rejects(ask(port(443), "other.org", "/", { ca }));
    },
    lacks: TLS,
  },
  {
    name: "HTTP/1.1 on an HTTPS listener, both ways",
    async run({ port, cluster: { root } }) {
      const body = Buffer.alloc(3 << 20, "lasthop");
      const up = await ask(port(443), "h1.example.com", "/", { ca: root.certPem, body });
      deepEqual([JSON.parse(up.text).bytes, JSON.parse(up.text).headers["x-forwarded-proto"]], [3 << 20, "https"]);
      const down = await ask(port(443), "good.example.com", "/download?mb=5", { ca: root.certPem });
      equal(down.text.length, 5 << 20);
    },
    lacks: TLS,
  },
  {
    name: "asks clients for a certificate where they must have one",
    async run({ port, cluster: { root } }) {
      const known = await mintLeaf({ issuer: root, dns: ["client"], usages: ["client"] });
      const stranger = await mintLeaf({ dns: ["client"], usages: ["client"] });
      const ca = root.certPem;
      const shown = { ca, cert: known.certPem, key: known.keyPem };
      equal((await ask(port(8443), "h1.example.com", "/", shown)).status, 200);
      await rejects(ask(port(8443), "h1.example.com", "/", { ca }));
      await rejects(ask(port(8443), "h1.example.com", "/", { ca, cert: stranger.certPem, key: stranger.keyPem }));
      await rejects(askHttp2(port(8443), "h1.example.com", "/", { ca }));
    },
    lacks: TLS,
  },
  {
    name: "lets clients in with any certificate or none where that is asked for",
    async run({ port, cluster: { root } }) {
      const stranger = await mintLeaf({ dns: ["client"], usages: ["client"] });
      const ca = root.certPem;
      for (const more of [{}, { cert: stranger.certPem, key: stranger.keyPem }])
        equal((await ask(port(8444), "h1.example.com", "/", { ca, ...more })).status, 200);
    },
    lacks: TLS,
  },
  {
    name: "HTTP/2 on an HTTPS listener",
    async run({ port, cluster: { root } }) {
      const body = Buffer.alloc(3 << 20, "lasthop");
      const up = await askHttp2(port(443), "h1.example.com", "/", { ca: root.certPem, body });
      deepEqual([up.status, JSON.parse(up.text).bytes], [200, 3 << 20]);
      const down = await askHttp2(port(443), "good.example.com", "/download?mb=5", { ca: root.certPem });
      equal(down.text.length, 5 << 20);
    },
    lacks: TLS,
  },
  {
    name: "421 for a host of another certificate",
    async run({ port, cluster: { root } }) {
      const { status } = await askHttp2(port(443), "h1.example.com", "/", {
        ca: root.certPem,
        servername: "a.example.com",
      });
      equal(status, 421);
    },
    lacks: TLS,
  },
  {
    name: "HTTP/2 with prior knowledge on an HTTP listener",
    async run({ port }) {
      const body = Buffer.alloc(3 << 20, "lasthop");
      const up = await askHttp2(port(80), "h1.example.com", "/", { body });
      deepEqual([up.status, JSON.parse(up.text).bytes], [200, 3 << 20]);
    },
    lacks: HTTP2,
  },
  {
    name: "trailers both ways over HTTP/2",
    async run({ port }) {
      const trailers = { "x-sum": "1" };
      const up = await askHttp2(port(80), "h2.example.com", "/", { body: "a body", trailers });
      deepEqual(JSON.parse(up.text).trailers, trailers);
      for (const host of ["h1", "h2"]) {
        const down = await askHttp2(port(80), `${host}.example.com`, "/trailers");
        deepEqual([down.text, down.trailers["x-checksum"]], ["a body", "abc"]);
      }
    },
    lacks: HTTP2,
  },
  {
    name: "103 over HTTP/2",
    async run({ port }) {
      deepEqual((await askHttp2(port(80), "h1.example.com", "/hints")).informational, [103]);
    },
    lacks: { ...HTTP2, ...Object.fromEntries(["node", "deno", "bun"].map((runtime) => [runtime, WITHHELD])) },
  },
  {
    name: "a WebSocket to a backend with TLS, and to one without",
    async run({ port }) {
      for (const host of ["h1.example.com", "plain.example.com"])
        deepEqual(await speak(`ws://127.0.0.1:${port(80)}/ws/echo`, host), ["a message", true, 4002]);
    },
  },
  {
    name: "a WebSocket on an HTTPS listener",
    async run({ port, cluster: { root } }) {
      const received = await speak(`wss://127.0.0.1:${port(443)}/ws/echo`, "h1.example.com", { ca: root.certPem });
      deepEqual(received, ["a message", true, 4002]);
    },
    lacks: TLS,
  },
  {
    name: "a WebSocket that the backend refuses",
    async run({ port }) {
      const socket = new WebSocket(`ws://127.0.0.1:${port(80)}/ws/refuse`, { headers: { host: "h1.example.com" } });
      const [error] = (await once(socket, "error")) as [Error];
      match(error.message, /403/);
    },
  },
  {
    name: "431 for more fields than it takes",
    async run({ port }) {
      const { status } = await ask(port(80), "h1.example.com", "/", { headers: { "x-long": "a".repeat(70_000) } });
      equal(status, 431);
    },
  },
  {
    name: "408 for a request that does not come",
    async run({ port }) {
      const send = async (start: string): Promise<string> => {
        const socket = connect(port(80), "127.0.0.1");
        socket.write(start);
        return text(socket);
      };
      for (const response of await Promise.all([send("GET / HTTP/1.1\r\nHost: h1"), send("PRI * HT")]))
        match(response, /^HTTP\/1\.1 408 /);
    },
    lacks: { workerd: { reason: WORKERD.limits } },
  },
];
