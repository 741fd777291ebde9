/** Retries: which requests are sent again, where to, and which never are. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { Worker } from "node:worker_threads";
import { describe, expect, onTestFinished, test } from "vitest";
import type { SendOptions } from "../../src/backend/exchange.ts";
import type { ExchangeRequest } from "../../src/backend/exchange.ts";
import type { BundleRetry } from "../../src/bundle/types.ts";
import { mintCa, mintLeaf } from "../support/pki.ts";
import { failedWith } from "../support/sent.ts";
import { bodyOf, bundleTo, clientOf, leaf, PLAINTEXT } from "./fixtures/last-hop.ts";
import { SNI } from "./fixtures/client.ts";
import { tlsBackend } from "./fixtures/backend.ts";
import { type Handled, plain, secure } from "./fixtures/servers.ts";

const retrying = (more: Partial<BundleRetry> = {}, backendRequestMs: number | null = null): SendOptions => ({
  backendRequestMs,
  retry: { codes: [503], attempts: 2, backoffMs: 1, ...more },
});

/** A handler that answers 503 to the first `times` requests, and then echoes the body. */
function failing(times: number): (request: IncomingMessage, response: ServerResponse) => void {
  let seen = 0;
  return (request, response) => {
    if (seen++ < times) return void request.resume().on("end", () => response.writeHead(503).end("not now"));
    request.pipe(response);
  };
}

describe("a response with a code of the route", () => {
  test("is followed by another attempt, on the same connection, with the same body", async () => {
    const server = await secure(failing(2));
    const { text, events } = clientOf(bundleTo({ ports: [server.port] }));
    expect(await text({ method: "PUT", body: bodyOf("a", "bc", "d") }, retrying())).toBe("abcd");
    expect(server.requests).toHaveLength(3);
    expect(server.connections).toBe(1);
    expect(events.filter(({ kind }) => kind === "retried")).toMatchObject([{ code: 503 }, { code: 503 }]);
  });

  test("is the answer when attempts are used up, or there are none", async () => {
    const server = await secure(failing(Infinity));
    const { ask } = clientOf(bundleTo({ ports: [server.port] }));
    for (const [attempts, requests] of [
      [2, 3],
      [0, 4],
    ] as const) {
      expect(await ask({}, retrying({ attempts }))).toMatchObject({ kind: "response", response: { status: 503 } });
      expect(server.requests).toHaveLength(requests);
    }
  });

  test.each([
    ["a method that is not idempotent", { method: "POST" }],
    ["a body that is too long to keep", { method: "PUT", body: bodyOf(new Uint8Array(70_000)) }],
  ] as const)("is the answer to %s", async (_, request) => {
    const server = await secure(failing(1));
    const { ask } = clientOf(bundleTo({ ports: [server.port] }));
    expect(await ask(request, retrying())).toMatchObject({ kind: "response", response: { status: 503 } });
    expect(server.requests).toHaveLength(1);
  });

  test("goes to another endpoint", async () => {
    const bad = await secure(failing(Infinity));
    const good = await secure((_, response) => response.end("good"));
    const { text } = clientOf(bundleTo({ ports: [bad.port, good.port] }));
    for (let asked = 0; asked < 6; asked++) expect(await text({}, retrying({ attempts: 1 }))).toBe("good");
    expect(bad.requests.length).toBe(3);
  });
});

describe("a failure", () => {
  const cutting = (times: number) => {
    let seen = 0;
    return (request: IncomingMessage, response: ServerResponse): void => {
      if (seen++ < times) request.socket.destroy();
      else response.end("ok");
    };
  };

  test("of the connection is followed by another attempt", async () => {
    const server = await plain(cutting(2));
    const { text } = clientOf(bundleTo({ ports: [server.port], backend: PLAINTEXT }));
    expect(await text({}, retrying())).toBe("ok");
  });

  test("of the connection is final after a POST that may have arrived", async () => {
    const server = await plain(cutting(1));
    const { ask } = clientOf(bundleTo({ ports: [server.port], backend: PLAINTEXT }));
    expect(await ask({ method: "POST", body: bodyOf("once") }, retrying())).toMatchObject(
      failedWith("connection-terminated"),
    );
    expect(server.requests).toHaveLength(1);
  });

  test("before anything was sent is followed by another attempt, of a POST too", async () => {
    const server = await plain((request, response) => void request.pipe(response));
    await server.close();
    const { ask, events } = clientOf(bundleTo({ ports: [server.port], backend: PLAINTEXT }));
    const body = bodyOf("unread");
    expect(await ask({ method: "POST", body }, retrying())).toMatchObject(failedWith("connection-refused"));
    expect(events.filter(({ kind }) => kind === "retried")).toHaveLength(2);
    expect(body.locked).toBe(false);
  });

  test("of one attempt's time is followed by another attempt", async () => {
    let seen = 0;
    const server = await secure((_, response) => {
      if (seen++ > 0) response.end("ok");
    });
    const { text, ask } = clientOf(bundleTo({ ports: [server.port] }));
    expect(await text({}, retrying({}, 200))).toBe("ok");
    seen = Number.NEGATIVE_INFINITY;
    expect(await ask({}, retrying({ attempts: 1 }, 100))).toMatchObject(failedWith("response-timeout"));
    expect(server.requests).toHaveLength(4);
  });

  test("is not waited for by a client that has left", async () => {
    const server = await secure(failing(Infinity));
    const { ask } = clientOf(bundleTo({ ports: [server.port] }));
    const client = new AbortController();
    const asked = ask({ signal: client.signal }, retrying({ attempts: 1_000, backoffMs: 60_000 }));
    await expect.poll(() => server.requests.length).toBeGreaterThan(0);
    client.abort();
    await asked;
    expect(server.requests.length).toBeLessThan(10);
  });

  test("of the chain is final, but for a route that retries where there is another endpoint", async () => {
    const other = await mintLeaf({ issuer: await mintCa({ name: "another" }), dns: [SNI] });
    const untrusted = await tlsBackend({ leaf: other });
    onTestFinished(() => untrusted.close());
    const good = await secure((_, response) => response.end("good"));
    const { ask } = clientOf(bundleTo({ ports: [untrusted.port, good.port] }));
    const kinds = [await ask(), await ask()].map(({ kind }) => kind);
    expect(kinds.sort()).toEqual(["failed", "response"]);
    for (let asked = 0; asked < 4; asked++) expect(await ask({}, retrying())).toMatchObject({ kind: "response" });
    const alone = clientOf(bundleTo({ ports: [untrusted.port] }));
    expect(await alone.ask({}, retrying())).toMatchObject({ failure: { kind: "chain-refused" } });
    expect(alone.events.filter(({ kind }) => kind === "retried")).toEqual([]);
    expect(untrusted.seen.requests).toEqual([]);
  });
});

describe("a request that an HTTP/2 backend has not processed", () => {
  /** Sends GOAWAY on the first `connections` of a server, before it takes any of their requests. */
  const goingAway = (server: Handled, connections: number): void => {
    let seen = 0;
    server.server.on("session", (session: ServerHttp2Session) => {
      if (seen++ < connections) session.goaway(constants.NGHTTP2_NO_ERROR);
    });
  };
  const echo = (request: IncomingMessage, response: ServerResponse): void => void request.pipe(response);
  const requests: readonly (readonly [string, () => Partial<ExchangeRequest>])[] = [
    ["a GET", () => ({})],
    ["a POST with a body", () => ({ method: "POST", body: bodyOf("o", "nce") })],
  ];

  test.each(requests)("goes to another connection, without a retry of the route: %s", async (_, make) => {
    const server = await secure(echo);
    goingAway(server, 2);
    const { text, events } = clientOf(bundleTo({ ports: [server.port] }));
    const request = make();
    expect(await text(request)).toBe(request.method === "POST" ? "once" : "");
    expect(server.requests).toHaveLength(1);
    expect(server.connections).toBe(3);
    const again = { kind: "retried", code: "connection-terminated" };
    expect(events.filter(({ kind }) => kind === "retried")).toMatchObject([again, again]);
  });

  test("goes to another endpoint", async () => {
    const leaving = await secure(echo);
    goingAway(leaving, Infinity);
    const good = await secure(echo);
    const { text } = clientOf(bundleTo({ ports: [leaving.port, good.port] }));
    for (let asked = 0; asked < 4; asked++) expect(await text({ method: "POST", body: bodyOf("once") })).toBe("once");
    expect(leaving.connections).toBe(2);
  });

  test.each(requests)("fails when every connection goes away: %s", async (_, make) => {
    const server = await secure(echo);
    goingAway(server, Infinity);
    const { ask, backends } = clientOf(bundleTo({ ports: [server.port] }));
    expect(await ask(make())).toMatchObject(failedWith("connection-terminated"));
    expect(server.requests).toEqual([]);
    expect(server.connections).toBe(3);
    await expect.poll(() => backends.stats()).toMatchObject({ open: 0, inFlight: 0 });
  });

  test("is refused as a stream, and taken at another time", async () => {
    let seen = 0;
    const server = await secure(echo);
    const refusing = (stream: ServerHttp2Stream): void => {
      if (seen++ < 2) stream.close(constants.NGHTTP2_REFUSED_STREAM);
    };
    server.server.prependListener("stream", refusing);
    const { text } = clientOf(bundleTo({ ports: [server.port] }));
    expect(await text({ method: "POST", body: bodyOf("once") })).toBe("once");
    expect(seen).toBe(3);
  });

  test("is not sent again when its body is too long to keep", async () => {
    const server = await secure(() => undefined);
    server.server.on("stream", (stream: ServerHttp2Stream) => {
      // The stream is refused once more bytes have come than are kept.
      let bytes = 0;
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > 65_000) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      });
    });
    const { ask } = clientOf(bundleTo({ ports: [server.port] }));
    const body = bodyOf(...Array.from({ length: 20 }, () => new Uint8Array(10_000)));
    expect(await ask({ method: "POST", body })).toMatchObject(failedWith("connection-terminated"));
    expect(server.requests).toHaveLength(1);
  });
});

describe("a route's limit", () => {
  test("covers the whole response", async () => {
    const server = await secure((_, response) => void response.write("some of it"));
    const { text } = clientOf(bundleTo({ ports: [server.port] }));
    await expect(text({}, { backendRequestMs: 200, retry: null })).rejects.toThrow("no whole response within 200 ms");
  });

  test("of 0 lifts our own", async () => {
    const waiting: ServerResponse[] = [];
    const server = await secure((_, response) => void waiting.push(response));
    const { ask, text } = clientOf(bundleTo({ ports: [server.port] }), { timeouts: { responseMs: 100 } });
    const late = text({}, { backendRequestMs: 0, retry: null });
    await expect.poll(() => waiting).toHaveLength(1);
    expect(await ask()).toMatchObject(failedWith("response-timeout"));
    waiting[0]?.end("late");
    expect(await late).toBe("late");
  });
});

/** A server in a thread of its own, which closes connections that are idle for 50 ms. This thread notices nothing while it is busy. */
async function elsewhere(): Promise<Pick<Handled, "port">> {
  const thread = new Worker(
    `const { createServer } = require("node:https");
     const { workerData, parentPort } = require("node:worker_threads");
     const server = createServer(workerData, (request, response) => request.pipe(response));
     Object.assign(server, { keepAliveTimeout: 1, keepAliveTimeoutBuffer: 49 });
     server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`,
    { eval: true, workerData: { cert: leaf.chainPem, key: leaf.keyPem } },
  );
  onTestFinished(async () => void (await thread.terminate()));
  return { port: await new Promise<number>((resolve) => void thread.once("message", resolve)) };
}

test("a POST on a connection that was closed while it lay idle is answered", async () => {
  const { port } = await elsewhere();
  let pausedMs = 0;
  const { text, events } = clientOf(bundleTo({ ports: [port] }), {
    runtime: { monotonicMs: () => performance.now() + pausedMs },
  });
  for (let asked = 0; asked < 5; asked++) {
    expect(await text({ method: "POST", body: bodyOf("first") })).toBe("first");
    // The peer closes the connection now, and this thread cannot notice.
    const end = performance.now() + 150;
    while (performance.now() < end);
    pausedMs += 2_000;
    expect(await text({ method: "POST", body: bodyOf("sec", "ond") })).toBe("second");
  }
  expect(events.filter(({ kind }) => kind === "connected").length).toBeGreaterThan(5);
});
