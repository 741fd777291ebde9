/** The suite's backends: HTTP/1.1 and HTTP/2, with TLS and without. They run in its process, so that checks can read their counts. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createSecureServer, createServer as createHttp2 } from "node:http2";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { SNI } from "../last-hop/suite.ts";
import { serveWebSockets } from "../last-hop/websockets.ts";
import { type Minted, mintCa, mintLeaf } from "../support/pki.ts";

/** The name of a backend, which is also the first label of its host. */
export type BackendName = "h1" | "h2" | "h2c" | "plain" | "mutual";

/** The counts of the requests with one `id` in their query. */
interface Seen {
  /** The number of requests. */
  times: number;
  /** The bytes read of the request's body. */
  readBytes: number;
  /** The bytes written of the response's body. */
  writtenBytes: number;
  /** Whether the response has ended or its connection is closed. */
  closed: boolean;
}

/** The running backends. */
export interface Backends {
  /** The CA of the backends' certificates. */
  readonly root: Minted;
  readonly ports: Readonly<Record<BackendName, number>>;
  seen(id: string): Seen;
  /** Lets the request to `/sink`, `/head` or `/hold` with this id go on. */
  release(id: string): void;
  /** The open connections of a backend, below TLS. */
  sockets(name: BackendName): readonly Socket[];
  close(): Promise<void>;
}

/** The size of the pieces in which `/flood` writes its body. */
export const CHUNK_BYTES = 16 << 10;
const CHUNK = Buffer.alloc(CHUNK_BYTES, 0x61);

/** Starts the backends on free ports. */
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
    const counts = seen(id);
    counts.times++;
    response.on("close", () => (counts.closed = true));
    for (const half of [request, response]) half.on("error", () => undefined);
    const released = (): Promise<void> => new Promise((resolve) => void waiting.set(id, resolve));
    const behave = PATHS[pathname] ?? echo;
    void behave({ request, response, query: searchParams, counts, released }).catch(() => response.destroy());
  };
  const h1 = createHttps({ ...secure, ALPNProtocols: ["http/1.1"] });
  const plain = createHttp();
  // Idle connections are closed by the gateway, not by the backend.
  h1.keepAliveTimeout = 0;
  for (const server of [h1, plain]) serveWebSockets(server);
  const h2 = createSecureServer(secure);
  const h2c = createHttp2();
  const asksClients = { ca: root.certPem, requestCert: true, rejectUnauthorized: true };
  // Follows the gateway's order of ciphers.
  const mutual = createHttps({ ...secure, ...asksClients, honorCipherOrder: false });
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

interface Exchange {
  readonly request: IncomingMessage;
  /** The response. Node's HTTP/2 response has the same methods. */
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly counts: Seen;
  readonly released: () => Promise<void>;
}

const PATHS: Readonly<Record<string, (exchange: Exchange) => Promise<void>>> = {
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
  async "/flaky"({ response, counts }) {
    response.statusCode = counts.times === 1 ? 503 : 200;
    response.end(`attempt ${counts.times}`);
  },
  async "/silent"({ request }) {
    request.resume();
  },
  /** Reads nothing of the body until it is released. */
  async "/sink"(exchange) {
    await exchange.released();
    await echo(exchange);
  },
  async "/flood"({ response, query, counts }) {
    response.writeHead(200);
    for (let left = Number(query.get("bytes")); left > 0 && !counts.closed; left -= CHUNK_BYTES) {
      await new Promise<void>((resolve) => {
        response.once("close", resolve);
        response.write(CHUNK, () => {
          response.off("close", resolve);
          resolve();
        });
      });
      counts.writtenBytes += CHUNK_BYTES;
    }
    response.end();
  },
  /** Answers with a head, and with the body when it is released. */
  async "/head"({ response, released }) {
    response.flushHeaders();
    await released();
    response.end("body");
  },
  /** Answers with half of the body, and with the other half when it is released. */
  async "/hold"({ response, released }) {
    response.write("first ");
    await released();
    response.end("last");
  },
};

async function echo({ request, response, counts }: Exchange): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    counts.readBytes += chunk.length;
  }
  const { method, headers, httpVersion, trailers, socket } = request;
  const client = (socket as Partial<TLSSocket>).getPeerCertificate?.()?.subjectaltname ?? null;
  const resumed = (socket as Partial<TLSSocket>).isSessionReused?.() ?? null;
  const cipher = (socket as Partial<TLSSocket>).getCipher?.()?.standardName ?? null;
  const sha256 = hash.digest("hex");
  response.end(JSON.stringify({ method, headers, httpVersion, trailers, bytes, sha256, client, resumed, cipher }));
}
