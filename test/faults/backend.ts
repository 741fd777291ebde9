/** A TLS backend that misbehaves on its first connections and is good afterwards; below TLS, on its bytes, or above. */
import { connect, createServer as createTcp, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTls, type TLSSocket, type TlsOptions } from "node:tls";
import { type Minted } from "../pki.ts";
import { records } from "./records.ts";

/** What a fault does to the records of the backend's side, from 1; `send` reaches the gateway. */
export type Wire = (record: Buffer, number: number, client: Socket, send: (bytes: Buffer) => void) => void;
/** Speaks on a connection whose handshake is done. */
export type Speak = (socket: TLSSocket) => void;

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
  /** Decrypted bytes of each connection. */
  readonly received: readonly number[];
  /** Connections of the gateway that are open now. */
  readonly open: number;
  close(): Promise<void>;
}

export async function faultyBackend(leaf: Minted, behaviour: Behaviour): Promise<FaultyBackend> {
  const { wire, tcp, speak, good, tls } = behaviour;
  const received: number[] = [];
  const clients = new Set<Socket>();
  let accepted = 0;
  const secure = createTls({ key: leaf.keyPem, cert: leaf.chainPem, ...tls }, (socket) => {
    const number = received.push(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => (received[number - 1] = (received[number - 1] ?? 0) + chunk.length));
    // A first connection that never shook hands leaves the first number to a good one.
    (speak !== undefined && number === 1 ? speak : good)(socket);
  });
  secure.on("tlsClientError", () => undefined);
  const securePort = await listening(secure);
  const front = createTcp((client) => {
    accepted++;
    clients.add(client);
    client.setNoDelay(true);
    client.on("error", () => client.destroy());
    client.on("close", () => clients.delete(client));
    if (tcp !== undefined && accepted === 1) return tcp(client);
    const inner = connect(securePort, "127.0.0.1").setNoDelay(true);
    client.on("close", () => inner.destroy());
    inner.on("error", () => client.destroy());
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
  const port = await listening(front);
  return {
    port,
    received,
    get open() {
      return clients.size;
    },
    async close() {
      for (const client of clients) client.destroy();
      await Promise.all([front, secure].map((server) => new Promise((resolve) => void server.close(resolve))));
    },
  };
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}
