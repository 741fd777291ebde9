/** The TLS handshakes under way on one port: when each begins, and how long each may take. */
import type { Socket } from "node:net";
import { HandshakeAdmission } from "./handshake-admission.ts";
import { onClientHello } from "./client-hello.ts";

/** One handshake of a client. */
export interface Handshake {
  /** The connection below TLS. */
  readonly socket: Socket;
  readonly timer: ReturnType<typeof setTimeout>;
  /** Lets another client begin: this one has the answer to its first request. */
  answered: () => void;
}

/** The handshakes of one port. */
export class Handshakes {
  readonly #limitMs: number;
  readonly #admission = new HandshakeAdmission();
  /** By the address and port of the client. */
  readonly #byPeer = new Map<string, Handshake>();

  /** `limitMs`: from the connection to the end of its handshake. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /**
   * Calls `begin` once the client's ClientHello is whole and its turn has come. The time limit is kept here, because
   * Node's own begins anew with every byte, and is not kept on connections that are handed to a server.
   */
  add(socket: Socket, begin: () => void): void {
    const peer = peerOf(socket);
    const timer = setTimeout(() => socket.destroy(), this.#limitMs);
    const handshake: Handshake = { socket, timer, answered: () => undefined };
    this.#byPeer.set(peer, handshake);
    socket.once("close", () => {
      clearTimeout(timer);
      if (this.#byPeer.get(peer)?.socket === socket) this.#byPeer.delete(peer);
    });
    onClientHello(socket, () =>
      this.#admission.add(socket.remoteAddress ?? "", (answered) => {
        if (socket.destroyed) return answered();
        handshake.answered = answered;
        socket.once("close", answered);
        begin();
      }),
    );
  }

  /** The handshake that `secured` has finished, whose time limit ends here; null when its connection has closed meanwhile. */
  finish(secured: Socket): Handshake | null {
    const handshake = this.#byPeer.get(peerOf(secured));
    if (handshake === undefined) return null;
    clearTimeout(handshake.timer);
    return handshake;
  }
}

/** The key of a client: equal for a connection and for the TLS on it, and unique among the open connections of a port. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
