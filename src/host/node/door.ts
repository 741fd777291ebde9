/** One bound port: takes connections, shakes hands where its listeners are HTTPS, and knows who is connected. */
import { createServer, type Server, type Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import { isBun } from "./bun.ts";
import type { Front } from "../../gateway/headers.ts";
import { type Client, Clients, type Handle } from "./clients.ts";
import { createHttp1, type Http1 } from "./http1.ts";
import { createHttp2, type Http2 } from "./http2.ts";
import type { FrontLimits } from "./limits.ts";
import { onPreface } from "./preface.ts";
import { createTlsServer, type PortTls, sniOf } from "./tls.ts";

export interface DoorOptions {
  readonly address: string;
  /** To bind; 0: any. */
  readonly bind: number;
  /** The listeners', as matching sees it. */
  readonly port: number;
  readonly tls: PortTls | null;
  readonly limits: FrontLimits;
  readonly handle: Handle;
}

/** Rejects with what `listen` fails with. */
export function openDoor(options: DoorOptions): Promise<Door> {
  const door = new Door(options);
  return new Promise((resolve, reject) => {
    door.server.once("error", reject);
    door.server.listen({ port: options.bind, host: options.address }, () => {
      door.server.off("error", reject);
      // A connection that could not be accepted (no memory, say) is its client's loss: the port stays open.
      door.server.on("error", ({ message }) =>
        process.emitWarning(`port ${options.port}: a client's connection failed before it began: ${message}`),
      );
      resolve(door);
    });
  });
}

export class Door {
  readonly server: Server;
  readonly port: number;
  readonly #limits: FrontLimits;
  readonly #http1: Http1;
  readonly #http2: Http2;
  readonly #sockets = new Set<Socket>();
  #clients = new Clients();
  /** Called after each client that leaves. */
  #left = (): void => undefined;
  #tls: { readonly of: PortTls; readonly server: TlsServer } | null = null;

  constructor({ port, tls, limits, handle }: DoorOptions) {
    this.port = port;
    this.#limits = limits;
    this.#http1 = createHttp1(handle, limits);
    this.#http2 = createHttp2(handle, limits);
    // A client whose connection was upgraded may close its half and still read.
    this.server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#welcome(socket));
    this.server.maxConnections = limits.maxConnections;
    this.present(tls);
  }

  get bound(): number {
    const address = this.server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** From the next handshake on. Connections stay, unless other clients are admitted now: those leave when answered. */
  present(tls: PortTls | null): void {
    const before = this.#tls;
    if (before?.of.fingerprint === tls?.fingerprint) return;
    if (before?.of.admission !== tls?.admission) {
      this.#clients.askToLeave();
      this.#clients = new Clients();
    }
    this.#tls = tls === null ? null : { of: tls, server: this.#handshakes(tls, this.#clients) };
  }

  /** Takes no more connections; resolves when the last client has left. */
  close(): Promise<void> {
    this.#clients.askToLeave();
    this.server.close();
    return new Promise((resolve) => {
      // Counted here: Bun's server waits for ever for a client that was reset.
      this.#left = () => {
        if (this.#sockets.size > 0) return;
        this.#http1.close();
        resolve();
      };
      this.#left();
    });
  }

  /** Cuts whoever is still there. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #welcome(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#left();
    });
    // What else listens on it comes and goes; a reset in between must not be an uncaught error.
    socket.on("error", () => socket.destroy());
    if (this.#tls !== null) {
      socket.allowHalfOpen = false;
      this.#tls.server.emit("connection", socket);
      return;
    }
    const front = { clientAddress: socket.remoteAddress ?? null, scheme: "http", port: this.port, sni: null } as const;
    const clients = this.#clients;
    const client = joined(socket, clients, front);
    onPreface(socket, this.#limits.headersMs, (protocol, first) => {
      // HTTP/1.1, and Bun's HTTP/2, hear what the socket says from now on: this comes before it. Put back for them, Deno
      // would now and then say it after what comes next.
      if (protocol === "http/1.1") {
        this.#http1.serve(socket, client);
        socket.emit("data", first);
        return;
      }
      client.gone();
      socket.allowHalfOpen = false;
      // Node's HTTP/2 reads what waits, and then takes the handle itself.
      if (!isBun) socket.pause().unshift(first);
      this.#http2.serve(socket, clients, front);
      if (isBun) socket.emit("data", first);
    });
  }

  /** `clients` are those that this server admits, however long their handshakes take. */
  #handshakes(tls: PortTls, clients: Clients): TlsServer {
    return createTlsServer(tls, this.#limits, (socket) => {
      socket.on("error", () => socket.destroy());
      const sni = sniOf(socket.servername);
      const front = { clientAddress: socket.remoteAddress ?? null, scheme: "https", port: this.port, sni } as const;
      if (socket.alpnProtocol === "h2") this.#http2.serve(socket, clients, front);
      else this.#http1.serve(socket, joined(socket, clients, front));
    });
  }
}

/** One that is asked to leave when it is idle, and gone with its socket. */
function joined(socket: Socket, clients: Clients, front: Front): Client {
  const client = clients.add(front, "idle", () => depart(socket));
  socket.once("close", () => client.gone());
  return client;
}

/** Ends both directions once what was written has left, even when the peer keeps its own open. */
const depart = (socket: Socket): void => void socket.end(() => socket.destroy());
