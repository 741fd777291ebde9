/** The backend behind an attacked gateway: plaintext HTTP/1.1, and a count of what reaches it. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { pause } from "../support/pause.ts";

/** A backend that counts what reaches it. */
export interface CountingBackend {
  readonly port: number;
  /** The number of open connections. */
  readonly open: number;
  /** The number of connections since the last reset. */
  readonly dialled: number;
  /** The most connections open at one time since the last reset. */
  readonly peak: number;
  /** The first 10,000 request targets since the last reset. */
  readonly targets: readonly string[];
  /** The number of requests since the last reset. */
  readonly requests: number;
  reset(): void;
  close(): Promise<void>;
}

const MAX_TARGETS = 10_000;

/**
 * Starts a backend. The answer to `/slow?ms=N` comes late, that to `/hold?bytes=N` has so many bytes and no end, and that to
 * any other path is the path, once the body has been read.
 */
export async function startBackend(): Promise<CountingBackend> {
  const sockets = new Set<Socket>();
  const counts = { dialled: 0, peak: 0, requests: 0, targets: [] as string[] };
  const server = createServer((request, response) => {
    counts.requests++;
    if (counts.targets.length < MAX_TARGETS) counts.targets.push(request.url ?? "");
    for (const half of [request, response]) half.on("error", () => undefined);
    void answer(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 0;
  server.on("connection", (socket) => {
    sockets.add(socket);
    counts.dialled++;
    counts.peak = Math.max(counts.peak, sockets.size);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 });
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return sockets.size;
    },
    get dialled() {
      return counts.dialled;
    },
    get peak() {
      return counts.peak;
    },
    get targets() {
      return counts.targets;
    },
    get requests() {
      return counts.requests;
    },
    reset: () => void Object.assign(counts, { dialled: 0, peak: sockets.size, requests: 0, targets: [] }),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://backend");
  if (pathname === "/slow") await pause(Number(searchParams.get("ms")), "The backend is slow.");
  if (pathname === "/hold") {
    response.write(Buffer.alloc(Number(searchParams.get("bytes")), 0x61));
    return;
  }
  for await (const _ of request) continue;
  response.end(request.url);
}
