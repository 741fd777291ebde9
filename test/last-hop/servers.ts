/** TLS backends for the last-hop suite, on Node, and a control port by which a test in any runtime asks what they saw. */
import { createHash, randomBytes } from "node:crypto";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps, type Server } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { gzipSync } from "node:zlib";
import { listen } from "../support/listen.ts";
import { type Minted, mintCa, mintLeaf } from "../support/pki.ts";
import type { Seen } from "./seen.ts";
import { type Fixtures, SNI } from "./suite.ts";
import { closed, serveWebSockets } from "./websockets.ts";

const DAY_MS = 86_400_000;

interface Running {
  readonly server: Server;
  readonly port: number;
  /** Presents another chain from now on. */
  readonly swap: (chain: string) => void;
  readonly sockets: Set<TLSSocket>;
  /** The open connections below TLS, those without a handshake too. */
  readonly rawSockets: Set<Socket>;
  readonly seen: { readonly sni: string[]; requestBytes: number; connections: number; resumed: number };
}

/** Certificates a backend can present, by name; each but `good` and `rsa` is at fault in one way. */
async function mintAll() {
  const root = await mintCa({ name: "last hop root" });
  const issuing = await mintCa({ name: "last hop issuing", issuer: root, pathLength: 0 });
  const other = await mintCa({ name: "some other root" });
  const leaf = { issuer: issuing, dns: [SNI] };
  const good = await mintLeaf(leaf);
  const evil = await mintLeaf({ issuer: other, dns: [SNI] });
  const chains: Record<string, { leaf: Minted; chainPem?: string }> = {
    good: { leaf: good },
    rsa: { leaf: await mintLeaf({ ...leaf, keyType: "rsa-2048" }) },
    "unknown-ca": { leaf: evil },
    "self-signed": { leaf: await mintLeaf({ dns: [SNI] }) },
    "name-mismatch": { leaf: await mintLeaf({ ...leaf, dns: ["other.internal"] }) },
    expired: {
      leaf: await mintLeaf({
        ...leaf,
        notBefore: new Date(Date.now() - 3 * DAY_MS),
        notAfter: new Date(Date.now() - DAY_MS),
      }),
    },
    "not-yet-valid": {
      leaf: await mintLeaf({
        ...leaf,
        notBefore: new Date(Date.now() + DAY_MS),
        notAfter: new Date(Date.now() + 2 * DAY_MS),
      }),
    },
    "wrong-usage": { leaf: await mintLeaf({ ...leaf, usages: ["client"] }) },
    "not-a-ca": { leaf: await mintLeaf({ issuer: good, dns: [SNI] }) },
    // PKI.js alone validates the last certificate here and calls the peer good (docs/trust.md, first fault).
    substituted: { leaf: evil, chainPem: `${evil.certPem}\n${evil.certPem}\n${issuing.certPem}` },
  };
  return { root, chains };
}

/** The number of requests to `/late` and `/pool-full`, by the query's id. */
const asked = new Map<string, number>();

const MEGABYTE = Buffer.alloc(1 << 20, 0x61);

/** Responses whose form a gateway can get wrong. */
function answerSpecial(request: IncomingMessage, response: ServerResponse): boolean {
  const url = new URL(request.url ?? "/", "http://backend");
  switch (url.pathname) {
    case "/echo-headers":
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      response.setHeader("keep-alive", "timeout=5");
      response.end(JSON.stringify(request.headers));
      return true;
    case "/fields":
      for (const name of ["x-utf8", "x-latin", "content-length"]) {
        const value = url.searchParams.get(name);
        if (value !== null) response.setHeader(name, Buffer.from(value, "base64url").toString("latin1"));
      }
      response.write("ok");
      return true;
    case "/gzip":
      response.setHeader("content-encoding", "gzip").end(gzipSync("compressed once"));
      return true;
    case "/status":
      response
        .writeHead(Number(url.searchParams.get("code")), url.searchParams.has("etag") ? { etag: '"e"' } : {})
        .end();
      return true;
    case "/upload":
      void digestOf(request).then((answer) => response.end(answer));
      return true;
    case "/download": {
      let left = Number(url.searchParams.get("mb"));
      if (url.searchParams.has("length")) response.setHeader("content-length", left * MEGABYTE.length);
      if (request.method === "HEAD") left = 0;
      const more = (): void => {
        while (left > 0) {
          left--;
          if (!response.write(MEGABYTE)) return void response.once("drain", more);
        }
        response.end();
      };
      more();
      return true;
    }
    // The server answers first and reads the body then, because closing a connection with unread bytes resets it.
    case "/early":
      response.writeHead(413).end("too much");
      request.resume();
      return true;
    // The first request with an id gets no answer, a later one the number of requests with it.
    case "/late": {
      const id = url.searchParams.get("id") ?? "";
      const times = (asked.get(id) ?? 0) + 1;
      asked.set(id, times);
      request.resume();
      if (times > 1) response.end(String(times));
      return true;
    }
    // The answer has the field by which the worker's pool object says that it is full.
    case "/pool-full": {
      const id = url.searchParams.get("id") ?? "";
      asked.set(id, (asked.get(id) ?? 0) + 1);
      response.setHeader("lasthop-pool-full", "1");
      response.end("from the backend");
      return true;
    }
    case "/stall":
      response.write("not all of it");
      return true;
    case "/cut":
      response.setHeader("content-length", 1_000);
      response.write("not all of it", () => response.destroy());
      return true;
    default:
      return false;
  }
}

async function digestOf(request: IncomingMessage): Promise<string> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return JSON.stringify({ bytes, sha256: hash.digest("hex"), length: request.headers["content-length"] ?? null });
}

/** Starts all servers. */
export async function startServers(): Promise<{ fixtures: Fixtures; close: () => Promise<void> }> {
  const { root, chains } = await mintAll();
  const running = new Map<string, Running>();
  const secure = (name: string) => {
    const chain = chains[name];
    if (chain === undefined) throw new RangeError(`no chain ${name}`);
    return { key: chain.leaf.keyPem, cert: chain.chainPem ?? chain.leaf.chainPem };
  };
  const start = async (name: string, chain: string, maxVersion: "TLSv1.2" | "TLSv1.3"): Promise<void> => {
    const server = createHttps({ ...secure(chain), maxVersion, ALPNProtocols: ["http/1.1"] }, (request, response) => {
      if (!answerSpecial(request, response)) {
        request
          .resume()
          .on("end", () =>
            response.end(JSON.stringify({ name, resumed: (request.socket as TLSSocket).isSessionReused() })),
          );
      }
    });
    // The ticket keys are new, too, because an old ticket would resume a session with the old certificate.
    const swap = (next: string): void =>
      server.setSecureContext({ ...secure(next), maxVersion, ticketKeys: randomBytes(48) });
    const entry: Running = {
      server,
      port: await listen(server),
      swap,
      sockets: new Set(),
      rawSockets: new Set(),
      seen: { sni: [], requestBytes: 0, connections: 0, resumed: 0 },
    };
    serveWebSockets(server);
    server.on("connection", (socket: Socket) => {
      entry.rawSockets.add(socket);
      socket.on("close", () => entry.rawSockets.delete(socket));
    });
    server.on("secureConnection", (socket) => {
      entry.seen.connections++;
      if (socket.isSessionReused()) entry.seen.resumed++;
      if (typeof socket.servername === "string") entry.seen.sni.push(socket.servername);
      entry.sockets.add(socket);
      socket.on("data", (chunk: Buffer) => (entry.seen.requestBytes += chunk.length));
      socket.on("error", () => socket.destroy());
      socket.on("close", () => entry.sockets.delete(socket));
    });
    running.set(name, entry);
  };
  for (const chain of Object.keys(chains)) {
    await start(chain, chain, "TLSv1.3");
    await start(`${chain} 1.2`, chain, "TLSv1.2");
  }
  // The server `pooled` is for tests that count connections while others use `good`.
  await start("pooled", "good", "TLSv1.3");

  const control = createHttp((request, response) => {
    const url = new URL(request.url ?? "/", "http://control");
    if (url.pathname === "/late") return void response.end(String(asked.get(url.searchParams.get("id") ?? "") ?? 0));
    if (url.pathname === "/closed") return void response.end(JSON.stringify(closed));
    const entry = running.get(url.searchParams.get("server") ?? "");
    if (entry === undefined) return void response.writeHead(404).end();
    switch (url.pathname) {
      case "/seen":
        break;
      // All connections are closed; with a chain, new ones get that chain.
      case "/close":
        if (url.searchParams.has("chain")) entry.swap(url.searchParams.get("chain") ?? "");
        for (const socket of entry.sockets) socket.destroy();
        break;
      default:
        return void response.writeHead(404).end();
    }
    const seen: Seen = { ...entry.seen, open: entry.sockets.size, openSockets: entry.rawSockets.size };
    response.end(JSON.stringify(seen));
  });

  const good = chains["good"]?.leaf;
  if (good === undefined) throw new RangeError("unreachable");
  return {
    fixtures: {
      controlPort: await listen(control),
      ports: Object.fromEntries([...running].map(([name, { port }]) => [name, port])),
      anchor: Buffer.from(root.der).toString("base64"),
      goodNotAfterMs: good.certificate.notAfter.getTime(),
      nowMs: Date.now(),
      anchorPem: root.certPem,
    },
    async close() {
      control.closeAllConnections();
      await new Promise((resolve) => control.close(resolve));
      for (const { server, sockets } of running.values()) {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}
