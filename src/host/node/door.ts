/** One bound port: takes connections, shakes hands where its listeners are HTTPS, and knows who is connected. */
import { createServer, type Server, type Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import { isBun } from "./bun.ts";
import type { Front } from "../../gateway/front.ts";
import { Admission } from "./admission.ts";
import { onClientHello } from "./client-hello.ts";
import { type Answering, type Client, Clients, type Join } from "./clients.ts";
import { Crowd } from "./crowd.ts";
import { createHttp1, type Http1 } from "./http1.ts";
import { createHttp2, type Http2 } from "./http2.ts";
import type { FrontLimits } from "./limits.ts";
import { failureResponse } from "../../gateway/failures.ts";
import { Paces } from "./pace.ts";
import { onPreface } from "./preface.ts";
import { lastMessage, LATE } from "./refusals.ts";
import { createTlsServer, type PortTls, sniOf } from "./tls.ts";

export interface DoorOptions extends Answering {
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

/** Rejects with what `listen` fails with. */
export function openDoor(options: DoorOptions): Promise<Door> {
  const door = new Door(options);
  return new Promise((resolve, reject) => {
    door.server.once("error", reject);
    door.server.listen({ port: options.bind, host: options.address, backlog: BACKLOG }, () => {
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
  readonly #refuse: Answering["refuse"];
  readonly #http1: Http1;
  /** Null: clients may not speak it. */
  readonly #http2: Http2 | null;
  readonly #crowd: Crowd;
  readonly #admission = new Admission();
  readonly #paces: Paces;
  readonly #sweeping: ReturnType<typeof setInterval>;
  /** Handshakes under way, by whom they are with. */
  readonly #shaking = new Map<string, Shaking>();
  #clients = new Clients();
  /** Called after each client that leaves. */
  #left = (): void => undefined;
  #tls: { readonly of: PortTls; readonly server: TlsServer } | null = null;

  constructor({ port, tls, limits, http2 = true, handle, refuse }: DoorOptions) {
    this.port = port;
    this.#refuse = refuse;
    this.#limits = limits;
    this.#paces = new Paces(limits);
    this.#http1 = createHttp1({ handle, refuse }, limits, this.#paces);
    this.#http2 = http2 ? createHttp2(handle, limits, this.#paces) : null;
    this.#paces.watch();
    // A client whose connection was upgraded may close its half and still read.
    this.server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#welcome(socket));
    this.#crowd = new Crowd(limits.maxConnections);
    this.#sweeping = setInterval(() => this.#crowd.sweep(limits.idleMs + GRACE_MS), GRACE_MS).unref();
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
    // Whoever is in the middle of a handshake, or keeps a connection that it was asked to close.
    const cutting = setInterval(() => this.#crowd.sweep(GRACE_MS), GRACE_MS);
    return new Promise((resolve) => {
      // Counted here: Bun's server waits for ever for a client that was reset.
      this.#left = () => {
        if (this.#crowd.size > 0) return;
        clearInterval(cutting);
        clearInterval(this.#sweeping);
        this.#paces.close();
        this.#http1.close();
        resolve();
      };
      this.#left();
    });
  }

  /** Cuts whoever is still there. */
  destroy(): void {
    this.#crowd.destroy();
  }

  #welcome(socket: Socket): void {
    if (!this.#crowd.admit(socket)) return void socket.destroy();
    socket.once("close", () => this.#left());
    // What else listens on it comes and goes; a reset in between must not be an uncaught error.
    socket.on("error", () => socket.destroy());
    if (this.#tls !== null) {
      socket.allowHalfOpen = false;
      this.#shake(socket, this.#tls.server);
      return;
    }
    const front = { clientAddress: socket.remoteAddress ?? null, scheme: "http", port: this.port, sni: null } as const;
    const join = this.#joinAs(socket, front, this.#clients);
    const client = joined(socket, join);
    const late = (hasBegun: boolean): Buffer => lastMessage(hasBegun ? this.#refuse({}, LATE) : failureResponse(LATE));
    onPreface(socket, this.#limits.headersMs, late, (protocol, first) => {
      // HTTP/1.1, and Bun's HTTP/2, hear what the socket says from now on: this comes before it. Put back for them, Deno
      // would now and then say it after what comes next.
      // Where clients may not speak HTTP/2, the parser of HTTP/1.1 refuses its preface.
      if (protocol === "http/1.1" || this.#http2 === null) {
        this.#http1.serve(socket, client);
        socket.emit("data", first);
        return;
      }
      client.gone();
      socket.allowHalfOpen = false;
      // Node's HTTP/2 reads what waits, and then takes the handle itself.
      if (!isBun) socket.pause().unshift(first);
      this.#http2.serve(socket, join);
      if (isBun) socket.emit("data", first);
    });
  }

  #joinAs(socket: Socket, front: Front, clients: Clients): Join {
    return (its) => clients.add({ ...its, front, moved: (isBusy) => this.#crowd.set(socket, isBusy) });
  }

  /** Node's own limit begins anew with every byte, and is not kept on connections that are handed over. */
  #shake(socket: Socket, server: TlsServer): void {
    const key = peerOf(socket);
    const timer = setTimeout(() => socket.destroy(), this.#limits.handshakeMs);
    this.#shaking.set(key, { socket, timer });
    socket.once("close", () => {
      clearTimeout(timer);
      if (this.#shaking.get(key)?.socket === socket) this.#shaking.delete(key);
    });
    onClientHello(socket, () =>
      this.#admission.add(socket.remoteAddress ?? "", () => {
        if (!socket.destroyed) server.emit("connection", socket);
      }),
    );
  }

  /** `clients` are those that this server admits, however long their handshakes take. */
  #handshakes(tls: PortTls, clients: Clients): TlsServer {
    return createTlsServer(tls, this.#http2 !== null, (socket) => {
      socket.on("error", () => socket.destroy());
      const shaking = this.#shaking.get(peerOf(socket));
      // Its connection has closed meanwhile.
      if (shaking === undefined) return void socket.destroy();
      clearTimeout(shaking.timer);
      const sni = sniOf(socket.servername);
      const front = { clientAddress: socket.remoteAddress ?? null, scheme: "https", port: this.port, sni } as const;
      const join = this.#joinAs(shaking.socket, front, clients);
      if (socket.alpnProtocol === "h2") this.#http2?.serve(socket, join);
      else this.#http1.serve(socket, joined(socket, join));
    });
  }
}

interface Shaking {
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

/** Of a connection and of the TLS on it alike; no two open ones of a port have the same. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/** One that is asked to leave when it is idle, and gone with its socket. */
function joined(socket: Socket, join: Join): Client {
  const client = join({ when: "idle", leave: () => depart(socket) });
  socket.once("close", () => client.gone());
  return client;
}

/** Ends both directions once what was written has left, even when the peer keeps its own open. */
const depart = (socket: Socket): void => void socket.end(() => socket.destroy());
