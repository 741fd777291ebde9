/**
 * One bound port: accepts connections, secures them where its listeners are HTTPS, finds out which HTTP a client speaks,
 * and closes the connections of its clients in good order.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import { failureResponse, type Front } from "../../gateway/index.ts";
import { type AddClient, type Answering, type Client, Clients } from "./clients.ts";
import { ClientSockets } from "./client-sockets.ts";
import { Handshakes } from "./handshakes.ts";
import { createHttpClients, type HttpClients } from "./http-clients.ts";
import type { ServeClient } from "./http1-client.ts";
import type { FrontLimits } from "./limits.ts";
import { bindHere, type Listen, type ListenAt } from "./listen.ts";
import { Paces } from "./pace.ts";
import { onPreface } from "./preface.ts";
import { lastMessage, LATE } from "./refusals.ts";
import { createTlsServer, type PortTls, sniOf } from "./tls.ts";

interface PortOptions extends ListenAt {
  readonly answering: Answering;
  /** Where connections come from; by default from a socket of this process. */
  readonly listen?: Listen | undefined;
  /** Null for HTTP listeners. */
  readonly tls: PortTls | null;
  readonly limits: FrontLimits;
  /** Whether clients may speak HTTP/2; by default they may. */
  readonly http2?: boolean;
  readonly serveClient: ServeClient;
}

/** Binds a port and serves its clients. Rejects with the error of `listen`. */
export async function bindPort({ listen = bindHere, ...options }: PortOptions): Promise<BoundPort> {
  const boundPort = new BoundPort(options);
  await listen(boundPort.server, options);
  return boundPort;
}

/** A port that listens, with the connections of its clients. */
export class BoundPort {
  readonly server: Server;
  readonly port: number;
  readonly #limits: FrontLimits;
  readonly #answering: Answering;
  readonly #httpClients: HttpClients;
  /** Whether clients may speak HTTP/2. */
  readonly #offersHttp2: boolean;
  readonly #sockets: ClientSockets;
  readonly #paces: Paces;
  readonly #handshakes: Handshakes;
  readonly #sweeping: ReturnType<typeof setInterval>;
  #clients = new Clients();
  /** A callback for each connection that has closed. */
  #connectionClosed = (): void => undefined;
  #tls: { readonly presented: PortTls; readonly server: TlsServer } | null = null;

  constructor({ port, tls, limits, http2 = true, answering, serveClient }: PortOptions) {
    this.port = port;
    this.#answering = answering;
    this.#limits = limits;
    this.#paces = new Paces(limits);
    this.#httpClients = createHttpClients({ serveClient, answering, limits, paces: this.#paces });
    this.#offersHttp2 = http2;
    this.#paces.startSweeping();
    this.#handshakes = new Handshakes(limits.handshakeMs);
    // allowHalfOpen: a client whose connection was upgraded may end its direction and still read the other one.
    this.server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#sockets = new ClientSockets(limits.maxConnections);
    this.#sweeping = setInterval(() => this.#sockets.sweep(limits.idleMs + GRACE_MS), GRACE_MS).unref();
    this.present(tls);
  }

  /** The port number that the system has bound. */
  get bound(): number {
    const address = this.server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /**
   * Presents the certificates of `tls` from the next handshake on. When `tls` admits other clients than before, open
   * connections are closed once their requests are answered; otherwise they stay.
   */
  present(tls: PortTls | null): void {
    const before = this.#tls;
    if (before?.presented.fingerprint === tls?.fingerprint) return;
    if (before?.presented.admission !== tls?.admission) {
      this.#clients.drain();
      this.#clients = new Clients();
    }
    this.#tls = tls === null ? null : { presented: tls, server: this.#tlsServer(tls, this.#clients) };
  }

  /** Accepts no more connections; resolves when the last connection has closed. */
  close(): Promise<void> {
    this.#clients.drain();
    this.server.close();
    // Destroys connections in the middle of a handshake, and connections that clients keep open although we ended them.
    const cutting = setInterval(() => this.#sockets.sweep(GRACE_MS), GRACE_MS);
    return new Promise((resolve) => {
      // The callback of server.close() does not come on Bun once a connection was reset, so connections are counted.
      this.#connectionClosed = () => {
        if (this.#sockets.size > 0) return;
        clearInterval(cutting);
        clearInterval(this.#sweeping);
        this.#paces.close();
        this.#httpClients.close();
        resolve();
      };
      this.#connectionClosed();
    });
  }

  /** Destroys all connections. */
  destroy(): void {
    this.#sockets.destroy();
  }

  #accept(socket: Socket): void {
    if (!this.#sockets.admit(socket)) return void socket.destroy();
    socket.once("close", () => this.#connectionClosed());
    // Other listeners for errors are added and removed; a reset while there is none must not be an uncaught error.
    socket.on("error", () => socket.destroy());
    if (this.#tls !== null) {
      socket.allowHalfOpen = false;
      this.#handshakes.add(socket, () => {
        // The certificates of this moment: a reload may have changed them since the client connected.
        if (this.#tls === null) socket.destroy();
        else this.#tls.server.emit("connection", socket);
      });
      return;
    }
    const front = { clientAddress: socket.remoteAddress ?? null, scheme: "http", port: this.port, sni: null } as const;
    const addClient = this.#adderOf(socket, front, this.#clients);
    const client = addHttp1Client(socket, addClient);
    const late = (hasBegun: boolean): Buffer =>
      lastMessage(hasBegun ? this.#answering.gateway.refuse({}, LATE) : failureResponse(LATE));
    onPreface(socket, this.#limits.headersMs, late, (protocol, first) => {
      // Where HTTP/2 is off, its preface is refused as a request of HTTP/1.1.
      if (protocol === "http/1.1" || !this.#offersHttp2) {
        this.#httpClients.serveHttp1(socket, client);
      } else {
        client.closed();
        socket.allowHalfOpen = false;
        this.#httpClients.serveHttp2(socket, addClient);
      }
      // The first bytes are emitted once more: put back, they would now and then come after the bytes that follow on Deno.
      socket.emit("data", first);
    });
  }

  /** `answered` is called whenever the client has no request in flight any more. */
  #adderOf(socket: Socket, front: Front, clients: Clients, answered = (): void => undefined): AddClient {
    const busyChanged = (isBusy: boolean): void => {
      this.#sockets.set(socket, isBusy);
      if (!isBusy) answered();
    };
    return (closing) => clients.add({ ...closing, front, busyChanged });
  }

  /** A server of TLS. `clients` gets the connections that it admits, also after `present` has replaced it. */
  #tlsServer(tls: PortTls, clients: Clients): TlsServer {
    return createTlsServer(tls, this.#offersHttp2, (socket) => {
      socket.on("error", () => socket.destroy());
      const handshake = this.#handshakes.finish(socket);
      if (handshake === null) return void socket.destroy();
      const sni = sniOf(socket.servername);
      const front = { clientAddress: socket.remoteAddress ?? null, scheme: "https", port: this.port, sni } as const;
      const addClient = this.#adderOf(handshake.socket, front, clients, handshake.answered);
      if (socket.alpnProtocol === "h2") this.#httpClients.serveHttp2(socket, addClient);
      else this.#httpClients.serveHttp1(socket, addHttp1Client(socket, addClient));
    });
  }
}

/** The time that a client has to close a connection which we have ended, and the period of sweeps for idle ones. */
const GRACE_MS = 1_000;

/** Registers the client of an HTTP/1.1 connection. When the port drains, the connection is closed as soon as it is idle. */
function addHttp1Client(socket: Socket, addClient: AddClient): Client {
  const client = addClient({ closesWhen: "idle", close: () => endBothWays(socket) });
  socket.once("close", () => client.closed());
  return client;
}

/** Ends both directions once the bytes that were written have left, even when the peer keeps its own direction open. */
const endBothWays = (socket: Socket): void => void socket.end(() => socket.destroy());
