/** Clients that do not finish their TLS handshake, and clients that fill a port without asking for anything. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { listen } from "../support/listen.ts";
import type { Target } from "./target.ts";

/** What a client sends of its handshake: nothing, half a ClientHello, or a byte of it now and then. */
export type Unfinished = "silent" | "half" | "dribbled";

/** The connections of an attack. */
export interface Crowd {
  /** The number of connections that are still open. */
  open(): number;
  close(): void;
}

/** Opens connections, which stay until the gateway or `close` ends them. Resolves when all are connected. */
export async function unfinishedHandshakes(
  { securePort }: Pick<Target, "securePort">,
  { kind, count }: { kind: Unfinished; count: number },
): Promise<Crowd> {
  const hello = await clientHello();
  const sockets = new Set<Socket>();
  for (let left = count; left > 0; left -= 100) {
    const some = Array.from({ length: Math.min(left, 100) }, () => connect({ host: "127.0.0.1", port: securePort }));
    await Promise.all(some.map((socket) => joined(socket, sockets)));
  }
  let [at, dribbling]: [number, ReturnType<typeof setInterval> | undefined] = [0, undefined];
  if (kind === "half") for (const socket of sockets) socket.write(hello.subarray(0, hello.length / 2));
  if (kind === "dribbled") {
    dribbling = setInterval(() => {
      for (const socket of sockets) socket.write(hello.subarray(at, at + 1));
      at = Math.min(at + 1, hello.length - 2);
    }, 200);
  }
  return {
    open: () => sockets.size,
    close() {
      clearInterval(dribbling);
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function joined(socket: Socket, sockets: Set<Socket>): Promise<void> {
  socket.on("error", () => undefined);
  socket.once("close", () => sockets.delete(socket));
  await Promise.race([once(socket, "connect"), once(socket, "close")]);
  if (socket.destroyed) return;
  sockets.add(socket);
  socket.resume();
}

/** The ClientHello that Node sends. */
async function clientHello(): Promise<Buffer> {
  const server = createServer();
  const port = await listen(server);
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const client = connectTls({ host: "127.0.0.1", port, servername: "a.example.com" }).on("error", () => undefined);
  const [socket] = await accepted;
  const [hello] = (await once(socket, "data")) as [Buffer];
  for (const each of [client, socket]) each.destroy();
  await new Promise((resolve) => void server.close(resolve));
  return hello;
}
