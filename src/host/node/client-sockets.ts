/**
 * The sockets of a port's clients, in the order in which they are closed for a new client when the port is full: first
 * those on which no request has begun yet, then those without a request in flight, the idlest first. A socket with a
 * request in flight stays.
 */
import type { Socket } from "node:net";

export class ClientSockets {
  readonly #max: number;
  /** Sockets without a request yet, with the time they were accepted, monotonic; a Map keeps the order of its keys. */
  readonly #arriving = new Map<Socket, number>();
  readonly #idle = new Map<Socket, number>();
  readonly #busy = new Set<Socket>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#arriving.size + this.#idle.size + this.#busy.size;
  }

  /** Makes room for a new socket. False when every other one has a request in flight, so that there is none. */
  admit(socket: Socket): boolean {
    if (this.size >= this.#max) {
      const [idlest] = [...first(this.#arriving), ...first(this.#idle)];
      if (idlest === undefined) return false;
      this.#forget(idlest);
      idlest.destroy();
    }
    this.#arriving.set(socket, performance.now());
    socket.once("close", () => this.#forget(socket));
    return true;
  }

  /** The socket has a request in flight from now on, or none any more. */
  set(socket: Socket, isBusy: boolean): void {
    if (!this.#forget(socket)) return;
    if (isBusy) this.#busy.add(socket);
    else this.#idle.set(socket, performance.now());
  }

  /** Closes sockets without a request for so long: a client of HTTP/2 may keep its connection awake without one. */
  sweep(idleMs: number): void {
    const since = performance.now() - idleMs;
    for (const waiting of [this.#arriving, this.#idle]) {
      for (const [socket, waitingSince] of waiting) {
        if (waitingSince > since) break;
        socket.destroy();
      }
    }
  }

  destroy(): void {
    for (const socket of [...this.#arriving.keys(), ...this.#idle.keys(), ...this.#busy]) socket.destroy();
  }

  /** Whether the socket was known. */
  #forget(socket: Socket): boolean {
    return this.#arriving.delete(socket) || this.#idle.delete(socket) || this.#busy.delete(socket);
  }
}

function first(sockets: ReadonlyMap<Socket, number>): readonly Socket[] {
  const { value } = sockets.keys().next();
  return value === undefined ? [] : [value];
}
