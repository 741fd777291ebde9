/** Checks of requests and responses over HTTP/1.1. */
import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import type { At, Check } from "../check.ts";
import { ask } from "../clients.ts";
import { REFUSED } from "../cluster.ts";
import { until } from "../until.ts";
import { FIRST_SUITE, WORKERD } from "./lacks.ts";

const BODY = Buffer.alloc(3 << 20, "lasthop");
const DIGEST = createHash("sha256").update(BODY).digest("hex");

/** The checks. */
export const FORWARDING: readonly Check[] = [
  {
    name: "forwards to a verified backend, and says for whom",
    async run({ port }) {
      const { status, text } = await ask(port(80), "h1.example.com", "/a?b=%20c", { headers: { "x-own": "1" } });
      equal(status, 200);
      const { headers } = JSON.parse(text);
      deepEqual(
        [headers.host, headers["x-own"], headers["x-forwarded-proto"], headers["x-forwarded-port"]],
        ["h1.example.com", "1", "http", "80"],
      );
    },
  },
  {
    name: "an RSA certificate",
    async run({ port }) {
      equal((await ask(port(80), "rsa.example.com", "/")).status, 200);
    },
  },
  ...Object.entries(REFUSED).map(([name, code]): Check => ({
    name: `refuses ${name}, and the backend decrypts nothing`,
    async run({ port, requestBytes }) {
      const before = await requestBytes(name);
      const body = "a secret body";
      const { status, headers, text } = await ask(port(80), `${name}.example.com`, "/secret", { body });
      deepEqual([status, JSON.parse(text).code], [502, code]);
      equal(headers["proxy-status"], `lasthop; error=tls_certificate_error; details="${code}"`);
      equal((await requestBytes(name)) - before, 0);
    },
  })),
  {
    name: "the cipher offered first to a backend with small records",
    async run({ port, runtime }) {
      const { status, text } = await ask(port(80), "mutual.example.com", "/");
      deepEqual([status, JSON.parse(text).cipher], [200, FIRST_SUITE[runtime]]);
    },
  },
  {
    name: "a backend over HTTP/2",
    async run({ port }) {
      const { status, text } = await ask(port(80), "h2.example.com", "/", { body: BODY });
      const { httpVersion, sha256 } = JSON.parse(text);
      deepEqual([status, httpVersion, sha256], [200, "2.0", DIGEST]);
    },
  },
  {
    name: "a backend over HTTP/2 without TLS",
    async run({ port }) {
      const { status, text } = await ask(port(80), "h2c.example.com", "/", { body: BODY });
      const { httpVersion, sha256 } = JSON.parse(text);
      deepEqual([status, httpVersion, sha256], [200, "2.0", DIGEST]);
    },
  },
  {
    name: "a backend without TLS",
    async run({ port }) {
      equal((await ask(port(80), "plain.example.com", "/")).status, 200);
    },
  },
  {
    name: "presents the Gateway's certificate to a backend that asks",
    async run({ port }) {
      const { status, text } = await ask(port(80), "mutual.example.com", "/");
      deepEqual([status, JSON.parse(text).client], [200, "DNS:edge.internal"]);
    },
  },
  {
    name: "keeps a client's connection for its next requests",
    async run({ port }) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const reused: boolean[] = [];
      for (let count = 0; count < 3; count++) {
        const request = get({ host: "127.0.0.1", port: port(80), agent, headers: { host: "plain.example.com" } });
        const [response] = (await once(request, "response")) as [IncomingMessage];
        await text(response);
        reused.push(request.reusedSocket);
      }
      agent.destroy();
      deepEqual(reused, [false, true, true]);
    },
  },
  {
    // The first bytes of a connection are read to find its protocol: none of them may be lost or delayed.
    name: "uploads on many new connections",
    async run({ port }) {
      for (let count = 0; count < 100; count++)
        equal((await ask(port(80), "plain.example.com", "/", { body: BODY })).status, 200);
    },
  },
  {
    name: "an upload, with its length and in chunks",
    async run({ port }) {
      for (const headers of [{}, { "transfer-encoding": "chunked" }]) {
        const { text } = await ask(port(80), "h1.example.com", "/", { body: BODY, headers });
        equal(JSON.parse(text).sha256, DIGEST);
      }
    },
  },
  {
    name: "a download, with its length and without",
    async run({ port }) {
      for (const length of ["", "&length=1"]) {
        const { text, headers } = await ask(port(80), "good.example.com", `/download?mb=10${length}`);
        equal(text.length, 10 << 20);
        equal(headers["content-length"], length === "" ? undefined : String(10 << 20));
      }
    },
  },
  {
    name: "answers without a body: HEAD, 204, 304",
    async run({ port }) {
      const head = await ask(port(80), "good.example.com", "/download?mb=3&length=1", { method: "HEAD" });
      deepEqual([head.status, head.text, head.headers["content-length"]], [200, "", String(3 << 20)]);
      for (const code of [204, 304]) {
        const { status, text } = await ask(port(80), "good.example.com", `/status?code=${code}&etag=1`);
        deepEqual([status, text], [code, ""]);
      }
    },
  },
  {
    name: "never passes on as whole an answer that the backend cut",
    async run({ port }) {
      // The response is also cut off when its head had been sent already.
      const status = await ask(port(80), "good.example.com", "/cut").then(
        (answer) => answer.status,
        () => "cut",
      );
      ok(status === 502 || status === "cut", `it was answered ${status}`);
    },
  },
  {
    name: "passes on an answer that comes before the upload has ended",
    async run({ port }) {
      const { status, text } = await ask(port(80), "good.example.com", "/early", { body: BODY });
      deepEqual([status, text], [413, "too much"]);
    },
  },
  {
    name: "fields that stand more than once, and of one hop",
    async run({ port }) {
      const { headers } = await ask(port(80), "good.example.com", "/echo-headers");
      deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
      notEqual(headers["keep-alive"], "timeout=5");
    },
  },
  {
    name: "trailers from the client over HTTP/1.1",
    async run({ port }) {
      const trailers = { "x-sum": "1" };
      const headers = { "transfer-encoding": "chunked", trailer: "x-sum" };
      const up = await ask(port(80), "h1.example.com", "/", { body: "a body", headers, trailers });
      deepEqual(JSON.parse(up.text).trailers, trailers);
    },
    lacks: {
      workerd: {
        reason: WORKERD.trailers,
        async run({ port }) {
          const headers = { "transfer-encoding": "chunked", trailer: "x-sum" };
          const up = await ask(port(80), "h1.example.com", "/", {
            body: "a body",
            headers,
            trailers: { "x-sum": "1" },
          });
          const { bytes, trailers, headers: seen } = JSON.parse(up.text);
          deepEqual([bytes, trailers, seen.trailer], [6, {}, undefined]);
        },
      },
    },
  },
  {
    name: "trailers from the backend over HTTP/1.1",
    async run({ port }) {
      for (const host of ["h1", "h2"]) {
        // RFC 9110 §6.5.1: a server may leave trailers out for a client that has not asked for them.
        const down = await ask(port(80), `${host}.example.com`, "/trailers", { headers: { te: "trailers" } });
        deepEqual([down.text, down.trailers], ["a body", { "x-checksum": "abc" }]);
      }
    },
    lacks: {
      workerd: { reason: WORKERD.trailers, run: droppedTrailers },
    },
  },
  {
    name: "103 from the backend",
    async run({ port }) {
      const { status, informational } = await ask(port(80), "h1.example.com", "/hints");
      deepEqual([status, informational], [200, [103]]);
    },
    lacks: {
      workerd: {
        reason: WORKERD.informational,
        async run({ port }) {
          const { status, informational } = await ask(port(80), "h1.example.com", "/hints");
          deepEqual([status, informational], [200, []]);
        },
      },
    },
  },
  {
    name: "a client that waits for 100",
    async run({ port }) {
      const headers = { expect: "100-continue", "content-length": "6" };
      const { status, text } = await ask(port(80), "h1.example.com", "/", { method: "POST", body: "a body", headers });
      deepEqual([status, JSON.parse(text).bytes], [200, 6]);
    },
  },
  {
    name: "an upgrade that is no WebSocket is ignored",
    async run({ port }) {
      const headers = { connection: "upgrade", upgrade: "other" };
      const { status, text } = await ask(port(80), "plain.example.com", "/", { headers });
      deepEqual([status, JSON.parse(text).headers.upgrade], [200, undefined]);
    },
    lacks: {
      workerd: {
        reason: WORKERD.upgrades,
        async run({ port }) {
          const headers = { connection: "upgrade", upgrade: "other" };
          equal((await ask(port(80), "plain.example.com", "/", { headers })).status, 400);
        },
      },
    },
  },
  {
    name: "a mirror gets its copy",
    async run({ port, backends, runtime }) {
      const id = `mirrored-${runtime}`;
      const { status } = await ask(port(80), "rules.example.com", `/mirrored?id=${id}`, { body: "a body" });
      equal(status, 200);
      // The backend and the mirror count their bytes under the same id.
      await until(() => backends.seen(id).readBytes === 12);
    },
  },
  {
    name: "a route's retry",
    async run({ port, runtime }) {
      const { status, text } = await ask(port(80), "rules.example.com", `/flaky?id=flaky-${runtime}`);
      deepEqual([status, text], [200, "attempt 2"]);
    },
  },
  {
    name: "a route's time limit",
    async run({ port }) {
      const { status, text } = await ask(port(80), "rules.example.com", "/silent");
      deepEqual([status, JSON.parse(text).code], [504, "request-timeout"]);
    },
  },
];

async function droppedTrailers({ port }: At): Promise<void> {
  const down = await ask(port(80), "h1.example.com", "/trailers");
  deepEqual([down.text, down.trailers], ["a body", {}]);
}
