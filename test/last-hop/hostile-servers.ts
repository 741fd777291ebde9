/** Backends that answer by hand: raw bytes over TLS, HTTP/2 sessions that misbehave, and one that never accepts. */
import { createSecureServer, type Http2Session, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, type Server } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { Worker } from "node:worker_threads";
import type { Minted } from "../support/pki.ts";

export interface Hostile {
  readonly port: number;
  /** All decrypted bytes, as latin-1. */
  readonly received: () => string;
  /** One a connection, in order. */
  readonly sockets: readonly TLSSocket[];
  close(): Promise<void>;
}

/** Calls `answer` with each chunk of decrypted bytes; `connection` counts from 1. */
export async function rawBackend(
  leaf: Minted,
  answer: (socket: TLSSocket, chunk: string, connection: number) => void,
): Promise<Hostile> {
  let received = "";
  const sockets: TLSSocket[] = [];
  const server = createServer({ key: leaf.keyPem, cert: leaf.chainPem, ALPNProtocols: ["http/1.1"] }, (socket) => {
    const connection = sockets.push(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      received += text;
      answer(socket, text, connection);
    });
  });
  const port = await listening(server);
  return { port, received: () => received, sockets, close: () => closing(server, sockets) };
}

/** Calls `answer` with each stream and the number, from 1, of its session. */
export async function http2Backend(
  leaf: Minted,
  answer: (stream: ServerHttp2Stream, session: Http2Session, number: number) => void,
): Promise<{ readonly port: number; readonly sessions: readonly Http2Session[]; close(): Promise<void> }> {
  const sessions: Http2Session[] = [];
  const server = createSecureServer({ key: leaf.keyPem, cert: leaf.chainPem });
  server.on("session", (session) => {
    const number = sessions.push(session);
    session.on("error", () => session.destroy());
    session.on("stream", (stream: ServerHttp2Stream) => {
      stream.on("error", () => undefined); // Reset by the gateway.
      answer(stream, session, number);
    });
  });
  const port = await listening(server);
  return { port, sessions, close: () => closing(server, sessions) };
}

/** A port whose SYNs go unanswered: a listener that never accepts, with its backlog full. */
export async function silentPort(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const thread = new Worker(
    `const server = require("node:net").createServer();
     server.listen(0, "127.0.0.1", 1, () => {
       require("node:worker_threads").parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  const port = await new Promise<number>((resolve) => void thread.once("message", resolve));
  const fill = Array.from({ length: 4 }, () => connect(port, "127.0.0.1").on("error", () => undefined));
  await new Promise((resolve) => void setTimeout(resolve, 100));
  return {
    port,
    async close() {
      for (const socket of fill) socket.destroy();
      await thread.terminate();
    },
  };
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

async function closing(server: Server, open: readonly { destroy(): void }[]): Promise<void> {
  for (const each of open) each.destroy();
  await new Promise((resolve) => void server.close(resolve));
}
