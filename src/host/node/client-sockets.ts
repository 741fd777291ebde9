/**
 * The sockets of a port's clients, in the order in which they are closed for a new client when the port is full: first
 * the sockets on which no request has begun yet, then the sockets without a request in flight, the longest idle first. A
 * socket with a request in flight is never closed for a new client.
 */
import type { Socket } from "node:net";

/** The sockets of one port, `max` at most. */
export class ClientSockets {
  readonly #max: number;
  /** Sockets without a request yet, each with the monotonic time of its accept. A Map keeps the order of its keys. */
  readonly #arriving = new Map<Socket, number>();
  readonly #idle = new Map<Socket, number>();
  readonly #busy = new Set<Socket>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#arriving.size + this.#idle.size + this.#busy.size;
  }

  /** Makes room for a new socket; false when the port is full and all its sockets have a request in flight. */
  admit(socket: Socket): boolean {
    if (this.size >= this.#max) {
      const [longestIdle] = [...first(this.#arriving), ...first(this.#idle)];
      if (longestIdle === undefined) return false;
      this.#forget(longestIdle);
      longestIdle.destroy();
    }
    this.#arriving.set(socket, performance.now());
    socket.once("close", () => this.#forget(socket));
    return true;
  }

  /** Notes that the socket has a request in flight from now on, or none any more. */
  set(socket: Socket, isBusy: boolean): void {
    if (!this.#forget(socket)) return;
    if (isBusy) this.#busy.add(socket);
    else this.#idle.set(socket, performance.now());
  }

  /** Destroys sockets that have been without a request for `idleMs`, even when a client of HTTP/2 sends pings on them. */
  sweep(idleMs: number): void {
    const since = performance.now() - idleMs;
    for (const waiting of [this.#arriving, this.#idle]) {
      for (const [socket, waitingSince] of waiting) {
        if (waitingSince > since) break;
        socket.destroy();
      }
    }
  }

  /** Destroys all sockets. */
  destroy(): void {
    for (const socket of [...this.#arriving.keys(), ...this.#idle.keys(), ...this.#busy]) socket.destroy();
  }

  /** Removes the socket; false when it is not one of the port's. */
  #forget(socket: Socket): boolean {
    return this.#arriving.delete(socket) || this.#idle.delete(socket) || this.#busy.delete(socket);
  }
}

function first(sockets: ReadonlyMap<Socket, number>): readonly Socket[] {
  const { value } = sockets.keys().next();
  return value === undefined ? [] : [value];
}
