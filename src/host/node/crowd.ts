/**
 * Who is connected to a port, in the order in which they would go for somebody new when it is full: first those that have
 * not got as far as a request, then those without one in flight, the idlest first. Who has a request in flight stays.
 */
import type { Socket } from "node:net";

export class Crowd {
  readonly #max: number;
  /** Since when, monotonic; a Map keeps the order in which its keys came. */
  readonly #arriving = new Map<Socket, number>();
  readonly #idle = new Map<Socket, number>();
  readonly #busy = new Set<Socket>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#arriving.size + this.#idle.size + this.#busy.size;
  }

  /** False: everybody has a request in flight, and there is no room for this one. */
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

  /** It has a request in flight from now on, or none any more. */
  set(socket: Socket, isBusy: boolean): void {
    if (!this.#forget(socket)) return;
    if (isBusy) this.#busy.add(socket);
    else this.#idle.set(socket, performance.now());
  }

  /** Cuts who has had no request for so long: a client of HTTP/2 may keep its connection awake without one. */
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

  /** Whether it was there. */
  #forget(socket: Socket): boolean {
    return this.#arriving.delete(socket) || this.#idle.delete(socket) || this.#busy.delete(socket);
  }
}

function first(sockets: ReadonlyMap<Socket, number>): readonly Socket[] {
  const { value } = sockets.keys().next();
  return value === undefined ? [] : [value];
}
