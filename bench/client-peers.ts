/** The compared clients: lasthop's, and those of Node.js with native TLS and the same CA, SNI and flow control windows. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { type AgentOptions, Agent, get } from "node:https";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Pool } from "undici";
import { createBackends } from "../src/backend/backends.ts";
import { NO_REUSE } from "../src/backend/limits.ts";
import { compile } from "../src/compile/index.ts";
import { decodeBundle } from "../src/bundle/codec.ts";
import { nodeRuntime } from "../src/host/node/runtime.ts";
import { clusterYaml, SNI } from "./cluster.ts";

/** A function that makes one request, and resolves when its response has been read to the end. */
export type Client = (path: string) => Promise<void>;

interface Server {
  readonly port: number;
  readonly caPem: string;
}

/** The servers of the backend: without and with TLS resumption, with AES-128 only, with HTTP/2. */
export interface Servers {
  readonly at: (name: "full" | "resuming" | "aes128" | "http2") => Server;
  readonly stop: () => void;
}

/** Starts client-server.ts in a process of its own. */
export async function startServer(): Promise<Servers> {
  const server = fork(join(import.meta.dirname, "client-server.ts"), { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  const line = await new Promise<Buffer>((resolve) => server.stdout?.once("data", resolve));
  const { caPem, ...ports } = JSON.parse(line.toString()) as { caPem: string } & Record<string, number>;
  return { at: (name) => ({ port: ports[name] ?? 0, caPem }), stop: () => server.disconnect() };
}

/** Calls `client` `count` times, `atOnce` calls at a time. */
export async function many(count: number, atOnce: number, client: () => Promise<void>): Promise<void> {
  let remaining = count;
  const work = async (): Promise<void> => {
    while (remaining-- > 0) await client();
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

const CHUNK_BYTES = 64 * 1024;
const CHUNK = new Uint8Array(CHUNK_BYTES);
/** The flow control windows of lasthop's HTTP/2 (wasm/src/limits.rs), in bytes. */
const WINDOWS = { connection: 1024 * 1024, stream: 512 * 1024 };

const runtime = nodeRuntime();

/**
 * lasthop's client. When not `pooled`, each request has a connection of its own; with `uploadBytes` it is a POST.
 * `ciphers`: the policy's option, or null for none.
 */
export function lasthop(
  { port, caPem }: Server,
  alpn: "h1" | "h2",
  pooled: boolean,
  uploadBytes = 0,
  ciphers: string | null = null,
): Client {
  const yaml = clusterYaml(caPem, { [alpn]: port }, ciphers);
  const { text } = compile([{ file: "bench.yaml", text: yaml }], { allowLoopback: true });
  const bundle = decodeBundle(text ?? "", runtime.sha256);
  const backends = createBackends({ bundle, runtime, ...(pooled ? {} : { poolLimits: NO_REUSE }) });
  const upload = uploadBytes > 0;
  return async (target) => {
    const sent = await backends.send(`bench/${alpn}:443`, {
      method: upload ? "POST" : "GET",
      scheme: "http",
      authority: SNI,
      target,
      headers: upload ? [["content-length", String(uploadBytes)]] : [],
      body: upload ? webBody(uploadBytes) : null,
      trailers: null,
      upgrade: null,
      informational: null,
      signal: new AbortController().signal,
    });
    if (sent.kind === "failed") throw new Error(JSON.stringify(sent.failure));
    const { body } = sent.response;
    const reader = body instanceof ReadableStream ? body.getReader() : null;
    for (let done = reader === null; !done;) done = (await reader?.read())?.done ?? true;
  };
}

/** The client of undici, with a pool of `connections`. */
export function undici({ port, caPem }: Server, connections: number, uploadBytes = 0): Client {
  const pool = new Pool(`https://127.0.0.1:${port}`, { connections, connect: { ca: caPem, servername: SNI } });
  const headers = { host: SNI, ...(uploadBytes > 0 ? { "content-length": String(uploadBytes) } : {}) };
  return async (path) => {
    const { body } =
      uploadBytes > 0
        ? await pool.request({ path, method: "POST", headers, body: Readable.from(chunks(uploadBytes)) })
        : await pool.request({ path, method: "GET", headers });
    body.on("data", () => undefined);
    await once(body, "end");
  };
}

/** The client of node:https, with one connection per request. `resume` makes it resume TLS sessions. */
export function nodeHttps({ port, caPem }: Server, resume: boolean): Client {
  let session: Buffer | undefined;
  return (path) =>
    new Promise((resolve, reject) => {
      const options: AgentOptions = { ca: caPem, servername: SNI, keepAlive: false, maxCachedSessions: 0 };
      const agent = new Agent(options);
      const ticket = resume && session !== undefined ? { session } : {};
      const request = get({ host: "127.0.0.1", port, path, agent, headers: { host: SNI }, ...ticket }, (response) => {
        response
          .on("data", () => undefined)
          .on("end", resolve)
          .on("error", reject);
      });
      if (resume) request.on("socket", (socket) => socket.on("session", (issued: Buffer) => (session = issued)));
      request.on("error", reject);
    });
}

/** The client of node:http2. When `pooled`, all requests share one session. */
export function nodeHttp2({ port, caPem }: Server, pooled: boolean, uploadBytes = 0): Client {
  const open = (): ClientHttp2Session => {
    const settings = { initialWindowSize: WINDOWS.stream };
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: caPem, servername: SNI, settings });
    return session.on("connect", () => session.setLocalWindowSize(WINDOWS.connection));
  };
  let shared: ClientHttp2Session | null = null;
  return async (path) => {
    const session = pooled ? (shared ??= open()) : open();
    const method = uploadBytes > 0 ? "POST" : "GET";
    const request = session.request({ ":path": path, ":authority": SNI, ":method": method });
    request.on("data", () => undefined);
    const ended = once(request, "end");
    if (uploadBytes > 0) Readable.from(chunks(uploadBytes)).pipe(request);
    await ended;
    if (!pooled) await new Promise<void>((resolve) => session.close(resolve));
  };
}

function* chunks(bytes: number): Generator<Uint8Array> {
  for (let remaining = bytes; remaining > 0; remaining -= CHUNK_BYTES)
    yield remaining < CHUNK_BYTES ? CHUNK.subarray(0, remaining) : CHUNK;
}

function webBody(bytes: number): ReadableStream<Uint8Array> {
  const source = chunks(bytes);
  return new ReadableStream({
    pull(controller) {
      const { done, value } = source.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
  });
}
