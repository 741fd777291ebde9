/** Backends of the suite that live in its own process, so that a check sees what they saw: HTTP/1.1 and HTTP/2, with TLS and without. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createSecureServer, createServer as createHttp2 } from "node:http2";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { SNI } from "../last-hop/suite.ts";
import { serveWebSockets } from "../last-hop/websockets.ts";
import { type Minted, mintCa, mintLeaf } from "../pki.ts";

export type BackendName = "h1" | "h2" | "h2c" | "plain" | "mutual";

/** What one request did, by the `id` of its query. */
export interface Seen {
  times: number;
  /** Of the request's body. */
  readBytes: number;
  /** Of the response's body. */
  writtenBytes: number;
  closed: boolean;
}

export interface Backends {
  /** Signs the backends' certificates. */
  readonly root: Minted;
  readonly ports: Readonly<Record<BackendName, number>>;
  seen(id: string): Seen;
  /** Lets `/sink` and `/hold` go on. */
  release(id: string): void;
  /** Open ones, below TLS. */
  sockets(name: BackendName): readonly Socket[];
  close(): Promise<void>;
}

export const CHUNK_BYTES = 16 << 10;
const CHUNK = Buffer.alloc(CHUNK_BYTES, 0x61);

export async function startBackends(): Promise<Backends> {
  const root = await mintCa({ name: "runtimes root" });
  const leaf = await mintLeaf({ issuer: root, dns: [SNI] });
  const secure = { key: leaf.keyPem, cert: leaf.chainPem };
  const requests = new Map<string, Seen>();
  const waiting = new Map<string, () => void>();
  const seen = (id: string): Seen => {
    const known = requests.get(id) ?? { times: 0, readBytes: 0, writtenBytes: 0, closed: false };
    requests.set(id, known);
    return known;
  };
  const handle: RequestListener = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://backend");
    const id = searchParams.get("id") ?? "";
    const its = seen(id);
    its.times++;
    response.on("close", () => (its.closed = true));
    for (const half of [request, response]) half.on("error", () => undefined);
    const released = (): Promise<void> => new Promise((resolve) => void waiting.set(id, resolve));
    const behave = PATHS[pathname] ?? echo;
    void behave({ request, response, query: searchParams, its, released }).catch(() => response.destroy());
  };
  const h1 = createHttps({ ...secure, ALPNProtocols: ["http/1.1"] });
  const plain = createHttp();
  // Who closes an idle connection is the gateway.
  h1.keepAliveTimeout = 0;
  for (const server of [h1, plain]) serveWebSockets(server);
  const h2 = createSecureServer(secure);
  const h2c = createHttp2();
  const mutual = createHttps({ ...secure, ca: root.certPem, requestCert: true, rejectUnauthorized: true });
  const servers: Record<BackendName, Server> = { h1, h2, h2c, plain, mutual };
  const sockets = new Map<Socket, string>();
  for (const [name, server] of Object.entries(servers)) {
    server.on("request", handle);
    server.on("connection", (socket: Socket) => {
      sockets.set(socket, name);
      socket.once("close", () => sockets.delete(socket));
    });
    for (const fault of ["sessionError", "tlsClientError", "clientError"]) server.on(fault, () => undefined);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  const portOf = (name: BackendName): number => (servers[name].address() as AddressInfo).port;
  return {
    root,
    ports: { h1: portOf("h1"), h2: portOf("h2"), h2c: portOf("h2c"), plain: portOf("plain"), mutual: portOf("mutual") },
    seen,
    release: (id) => waiting.get(id)?.(),
    sockets: (wanted) => [...sockets].flatMap(([socket, name]) => (name === wanted ? [socket] : [])),
    async close() {
      for (const socket of sockets.keys()) socket.destroy();
      for (const server of Object.values(servers)) await new Promise((resolve) => void server.close(resolve));
    },
  };
}

interface Asked {
  readonly request: IncomingMessage;
  /** Node's HTTP/2 has the same. */
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly its: Seen;
  readonly released: () => Promise<void>;
}

const PATHS: Readonly<Record<string, (asked: Asked) => Promise<void>>> = {
  async "/trailers"({ response }) {
    response.setHeader("trailer", "x-checksum");
    response.write("a body");
    response.addTrailers({ "x-checksum": "abc" });
    response.end();
  },
  async "/hints"({ response }) {
    response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" });
    response.end("hinted");
  },
  async "/flaky"({ response, its }) {
    response.statusCode = its.times === 1 ? 503 : 200;
    response.end(`attempt ${its.times}`);
  },
  async "/silent"({ request }) {
    request.resume();
  },
  /** Reads nothing of the body until it is told to. */
  async "/sink"(asked) {
    await asked.released();
    await echo(asked);
  },
  async "/flood"({ response, query, its }) {
    response.writeHead(200);
    for (let left = Number(query.get("bytes")); left > 0 && !its.closed; left -= CHUNK_BYTES) {
      await new Promise<void>((resolve) => {
        response.once("close", resolve);
        response.write(CHUNK, () => {
          response.off("close", resolve);
          resolve();
        });
      });
      its.writtenBytes += CHUNK_BYTES;
    }
    response.end();
  },
  /** A head; the body when it is told to. */
  async "/head"({ response, released }) {
    response.flushHeaders();
    await released();
    response.end("body");
  },
  /** Half an answer; the rest when it is told to. */
  async "/hold"({ response, released }) {
    response.write("first ");
    await released();
    response.end("last");
  },
};

async function echo({ request, response, its }: Asked): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    its.readBytes += chunk.length;
  }
  const { method, headers, httpVersion, trailers, socket } = request;
  const client = (socket as Partial<TLSSocket>).getPeerCertificate?.()?.subjectaltname ?? null;
  const resumed = (socket as Partial<TLSSocket>).isSessionReused?.() ?? null;
  response.end(
    JSON.stringify({ method, headers, httpVersion, trailers, bytes, sha256: hash.digest("hex"), client, resumed }),
  );
}
