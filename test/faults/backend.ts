/** A backend that misbehaves on its first connection and is good afterwards: below TLS, in TLS records, above TLS, or without TLS. */
import { connect, createServer as createTcp, type Socket } from "node:net";
import { createServer as createTls, type TlsOptions } from "node:tls";
import { listen } from "../support/listen.ts";
import { type Minted } from "../support/pki.ts";
import { records } from "./records.ts";

/** Called with each TLS record of the backend, which `number` counts from 1. `send` sends bytes to the gateway. */
export type Wire = (record: Buffer, number: number, client: Socket, send: (bytes: Buffer) => void) => void;
/** Speaks on a connection above TLS, or in plaintext. It must read, because the end of an unread socket is not seen. */
export type Speak = (socket: Socket) => void;

/** How the backend behaves. */
export interface Behaviour {
  /** The fault in TLS records of the first connection. */
  readonly wire?: Wire;
  /** What the first connection gets instead of TLS. */
  readonly tcp?: (client: Socket) => void;
  /** What the first connection gets above TLS. */
  readonly speak?: Speak;
  readonly good: Speak;
  readonly tls?: TlsOptions;
}

/** The running backend. */
export interface FaultyBackend {
  readonly port: number;
  /** The number of decrypted bytes of each connection whose handshake was done. */
  readonly received: readonly number[];
  /** The number of connections so far. */
  readonly accepted: number;
  /** The number of open connections. */
  readonly open: number;
  close(): Promise<void>;
}

/** Starts the backend, in plaintext when `leaf` is null. */
export async function faultyBackend(leaf: Minted | null, behaviour: Behaviour): Promise<FaultyBackend> {
  const { wire, tcp, speak, good, tls } = behaviour;
  const received: number[] = [];
  const clients = new Set<Socket>();
  let accepted = 0;
  const speaks = (socket: Socket): void => {
    const number = received.push(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => (received[number - 1] = (received[number - 1] ?? 0) + chunk.length));
    // Only connections whose handshake is done are counted, so a good connection may have the first number.
    (speak !== undefined && number === 1 ? speak : good)(socket);
  };
  const secure = leaf === null ? null : createTls({ key: leaf.keyPem, cert: leaf.chainPem, ...tls }, speaks);
  secure?.on("tlsClientError", () => undefined);
  const securePort = secure === null ? null : await listen(secure);
  const front = createTcp((client) => {
    accepted++;
    clients.add(client);
    client.setNoDelay(true);
    client.on("error", () => client.destroy());
    client.on("close", () => clients.delete(client));
    if (tcp !== undefined && accepted === 1) return tcp(client);
    if (securePort === null) return speaks(client);
    const inner = connect(securePort, "127.0.0.1").setNoDelay(true);
    client.on("close", () => inner.destroy());
    inner.on("error", () => client.destroy());
    // The end of the client is seen only while the client is read, which the pipe no longer does.
    inner.on("close", () => client.resume());
    client.pipe(inner);
    if (wire === undefined || accepted > 1) return void inner.pipe(client);
    let number = 0;
    const send = (bytes: Buffer): void => void (client.writable && client.write(bytes));
    inner.on(
      "data",
      records((record) => wire(record, ++number, client, send)),
    );
    inner.on("end", () => client.end());
  });
  const port = await listen(front);
  return {
    port,
    received,
    get accepted() {
      return accepted;
    },
    get open() {
      return clients.size;
    },
    async close() {
      for (const client of clients) client.destroy();
      await Promise.all(
        [front, secure].map((server) => new Promise((resolve) => void (server?.close(resolve) ?? resolve(null)))),
      );
    },
  };
}
