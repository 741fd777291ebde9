/** One bound port: accepts connections, makes the TLS handshake where its listeners are HTTPS, and knows its clients. */
import { createServer, type Server, type Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import { isBun } from "./bun.ts";
import { failureResponse, type Front } from "../../gateway/index.ts";
import { Admission } from "./admission.ts";
import { onClientHello } from "./client-hello.ts";
import { type Answering, type Client, Clients, type Join } from "./clients.ts";
import { ClientSockets } from "./client-sockets.ts";
import { createHttp1, type Http1 } from "./http1.ts";
import { createHttp2, type Http2 } from "./http2.ts";
import type { FrontLimits } from "./limits.ts";
import { Paces } from "./pace.ts";
import { onPreface } from "./preface.ts";
import { lastMessage, LATE } from "./refusals.ts";
import { createTlsServer, type PortTls, sniOf } from "./tls.ts";

export interface PortOptions extends Answering {
  readonly address: string;
  /** To bind; 0: any. */
  readonly bind: number;
  /** The listeners', as matching sees it. */
  readonly port: number;
  readonly tls: PortTls | null;
  readonly limits: FrontLimits;
  /** Whether clients may speak HTTP/2; by default they may. */
  readonly http2?: boolean;
}

/** Binds the port and serves its clients. Rejects with the error of `listen`. */
export function bindPort(options: PortOptions): Promise<BoundPort> {
  const boundPort = new BoundPort(options);
  return new Promise((resolve, reject) => {
    boundPort.server.once("error", reject);
    boundPort.server.listen({ port: options.bind, host: options.address, backlog: BACKLOG }, () => {
      boundPort.server.off("error", reject);
      // An error after that is of one connection that could not be accepted (no memory, say): the port stays open.
      boundPort.server.on("error", ({ message }) =>
        process.emitWarning(`port ${options.port}: a client's connection failed before it began: ${message}`),
      );
      resolve(boundPort);
    });
  });
}

export class BoundPort {
  readonly server: Server;
  readonly port: number;
  readonly #limits: FrontLimits;
  readonly #refuse: Answering["refuse"];
  readonly #http1: Http1;
  /** Null when clients may not speak HTTP/2. */
  readonly #http2: Http2 | null;
  readonly #sockets: ClientSockets;
  readonly #admission = new Admission();
  readonly #paces: Paces;
  readonly #sweeping: ReturnType<typeof setInterval>;
  /** Handshakes under way, by the address and port of the client. */
  readonly #handshakesByPeer = new Map<string, Handshake>();
  #clients = new Clients();
  /** Called after each client that leaves. */
  #clientLeft = (): void => undefined;
  #tls: { readonly of: PortTls; readonly server: TlsServer } | null = null;

  constructor({ port, tls, limits, http2 = true, handle, refuse }: PortOptions) {
    this.port = port;
    this.#refuse = refuse;
    this.#limits = limits;
    this.#paces = new Paces(limits);
    this.#http1 = createHttp1({ handle, refuse }, limits, this.#paces);
    this.#http2 = http2 ? createHttp2(handle, limits, this.#paces) : null;
    this.#paces.watch();
    // A client whose connection was upgraded may close its half and still read.
    this.server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#sockets = new ClientSockets(limits.maxConnections);
    this.#sweeping = setInterval(() => this.#sockets.sweep(limits.idleMs + GRACE_MS), GRACE_MS).unref();
    this.present(tls);
  }

  get bound(): number {
    const address = this.server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /**
   * Presents other certificates, from the next handshake on. Connections stay, unless other clients are admitted now:
   * then they are closed once their requests are answered.
   */
  present(tls: PortTls | null): void {
    const before = this.#tls;
    if (before?.of.fingerprint === tls?.fingerprint) return;
    if (before?.of.admission !== tls?.admission) {
      this.#clients.askToLeave();
      this.#clients = new Clients();
    }
    this.#tls = tls === null ? null : { of: tls, server: this.#tlsServer(tls, this.#clients) };
  }

  /** Takes no more connections; resolves when the last client has left. */
  close(): Promise<void> {
    this.#clients.askToLeave();
    this.server.close();
    // Cuts clients in the middle of a handshake, and clients that keep a connection that they were asked to close.
    const cutting = setInterval(() => this.#sockets.sweep(GRACE_MS), GRACE_MS);
    return new Promise((resolve) => {
      // Counted here: Bun's server waits for ever for a client that was reset.
      this.#clientLeft = () => {
        if (this.#sockets.size > 0) return;
        clearInterval(cutting);
        clearInterval(this.#sweeping);
        this.#paces.close();
        this.#http1.close();
        resolve();
      };
      this.#clientLeft();
    });
  }

  /** Cuts all connections. */
  destroy(): void {
    this.#sockets.destroy();
  }

  #accept(socket: Socket): void {
    if (!this.#sockets.admit(socket)) return void socket.destroy();
    socket.once("close", () => this.#clientLeft());
    // Other listeners on the socket come and go; a reset between two of them must not be an uncaught error.
    socket.on("error", () => socket.destroy());
    if (this.#tls !== null) {
      socket.allowHalfOpen = false;
      this.#beginHandshake(socket);
      return;
    }
    const front = { clientAddress: socket.remoteAddress ?? null, scheme: "http", port: this.port, sni: null } as const;
    const join = this.#clientOf(socket, front, this.#clients);
    const client = joined(socket, join);
    const late = (hasBegun: boolean): Buffer => lastMessage(hasBegun ? this.#refuse({}, LATE) : failureResponse(LATE));
    onPreface(socket, this.#limits.headersMs, late, (protocol, first) => {
      // HTTP/1.1, and Bun's HTTP/2, listen to the socket from now on, so that the first bytes are emitted again for them.
      // Where those are put back instead, Deno emits them after the bytes that follow now and then.
      // Where clients may not speak HTTP/2, the parser of HTTP/1.1 refuses its preface.
      if (protocol === "http/1.1" || this.#http2 === null) {
        this.#http1.serve(socket, client);
        socket.emit("data", first);
        return;
      }
      client.gone();
      socket.allowHalfOpen = false;
      // Node's HTTP/2 reads the bytes that were put back, and then takes the handle itself.
      if (!isBun) socket.pause().unshift(first);
      this.#http2.serve(socket, join);
      if (isBun) socket.emit("data", first);
    });
  }

  #clientOf(socket: Socket, front: Front, clients: Clients): Join {
    return (its) => clients.add({ ...its, front, moved: (isBusy) => this.#sockets.set(socket, isBusy) });
  }

  /** Node's own time limit begins anew with every byte, and is not kept on connections that are handed over. */
  #beginHandshake(socket: Socket): void {
    const key = peerOf(socket);
    const timer = setTimeout(() => socket.destroy(), this.#limits.handshakeMs);
    this.#handshakesByPeer.set(key, { socket, timer });
    socket.once("close", () => {
      clearTimeout(timer);
      if (this.#handshakesByPeer.get(key)?.socket === socket) this.#handshakesByPeer.delete(key);
    });
    onClientHello(socket, () =>
      this.#admission.add(socket.remoteAddress ?? "", () => {
        // The certificates of now: the port's may have changed while the client had not sent its hello.
        if (this.#tls === null) socket.destroy();
        else if (!socket.destroyed) this.#tls.server.emit("connection", socket);
      }),
    );
  }

  /** `clients` takes the connections that this server admits, however long their handshakes take. */
  #tlsServer(tls: PortTls, clients: Clients): TlsServer {
    return createTlsServer(tls, this.#http2 !== null, (socket) => {
      socket.on("error", () => socket.destroy());
      const handshake = this.#handshakesByPeer.get(peerOf(socket));
      // The connection below TLS has closed meanwhile.
      if (handshake === undefined) return void socket.destroy();
      clearTimeout(handshake.timer);
      const sni = sniOf(socket.servername);
      const front = { clientAddress: socket.remoteAddress ?? null, scheme: "https", port: this.port, sni } as const;
      const join = this.#clientOf(handshake.socket, front, clients);
      if (socket.alpnProtocol === "h2") this.#http2?.serve(socket, join);
      else this.#http1.serve(socket, joined(socket, join));
    });
  }
}

interface Handshake {
  readonly socket: Socket;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * Connections that the kernel holds until they are accepted; it takes no more than its own limit (`net.core.somaxconn`).
 * Node's 511 are fewer than a burst of new clients, and a client beyond them waits for its retransmissions.
 */
const BACKLOG = 4_096;

/** How long a client may take to close a connection when it was asked to; and how late one may be seen to be idle. */
const GRACE_MS = 1_000;

/** The same for a connection and for the TLS on it; no two open connections of a port share it. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/** A client that is asked to leave when it is idle, and that has left when its socket is closed. */
function joined(socket: Socket, join: Join): Client {
  const client = join({ when: "idle", leave: () => endBothWays(socket) });
  socket.once("close", () => client.gone());
  return client;
}

/** Ends both directions once the bytes that were written have left, even when the peer keeps its own direction open. */
const endBothWays = (socket: Socket): void => void socket.end(() => socket.destroy());
