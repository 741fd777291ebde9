/** A backend that misbehaves on its first connection and is good afterwards; below TLS, on its bytes, above, or without. */
import { connect, createServer as createTcp, type Socket } from "node:net";
import { createServer as createTls, type TlsOptions } from "node:tls";
import { listen } from "../support/listen.ts";
import { type Minted } from "../support/pki.ts";
import { records } from "./records.ts";

/** What a fault does to the records of the backend's side, from 1; `send` reaches the gateway. */
export type Wire = (record: Buffer, number: number, client: Socket, send: (bytes: Buffer) => void) => void;
/** Speaks on a connection whose handshake is done, or in plaintext. It reads: unread, the gateway's end is not seen. */
export type Speak = (socket: Socket) => void;

export interface Behaviour {
  /** Below TLS, on the first connection. */
  readonly wire?: Wire;
  /** Instead of TLS, on the first connection. */
  readonly tcp?: (client: Socket) => void;
  /** Above TLS, on the first connection. */
  readonly speak?: Speak;
  readonly good: Speak;
  readonly tls?: TlsOptions;
}

export interface FaultyBackend {
  readonly port: number;
  /** Decrypted bytes of each connection that came to speak. */
  readonly received: readonly number[];
  /** Connections that there were. */
  readonly accepted: number;
  /** Connections of the gateway that are open now. */
  readonly open: number;
  close(): Promise<void>;
}

/** `leaf`: null in plaintext. */
export async function faultyBackend(leaf: Minted | null, behaviour: Behaviour): Promise<FaultyBackend> {
  const { wire, tcp, speak, good, tls } = behaviour;
  const received: number[] = [];
  const clients = new Set<Socket>();
  let accepted = 0;
  const speaks = (socket: Socket): void => {
    const number = received.push(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => (received[number - 1] = (received[number - 1] ?? 0) + chunk.length));
    // A first connection that never shook hands leaves the first number to a good one.
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
    // Without its pipe the client would be read no further, and its end not be seen.
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
