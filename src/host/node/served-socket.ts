/** The socket of a client whose connection is the module's. */
import type { Socket } from "node:net";
import type { ClientSocket } from "../../backend/index.ts";

/** What the owner of a socket does about the waits for its client. */
export interface SocketOwner {
  /** Called when the client is waited for to take so many bytes. */
  waitBegan(bytes: number): void;
  /** Called when the client has taken all bytes. */
  waitEnded(): void;
}

/** A socket of node:net or node:tls. */
export class ServedSocket implements ClientSocket {
  readonly #socket: Socket;
  readonly #nowMs: () => number;
  readonly #owner: SocketOwner;
  /** The time since which the socket has not taken what was written to it; null when it has. */
  #writingSinceMs: number | null = null;
  #isPaused = false;

  constructor(socket: Socket, nowMs: () => number, owner: SocketOwner) {
    this.#socket = socket;
    this.#nowMs = nowMs;
    this.#owner = owner;
  }

  readonly #onWritten = (): void => {
    // A write that the kernel took at once calls back too.
    if (this.#writingSinceMs === null || this.#socket.writableLength > 0) return;
    this.#writingSinceMs = null;
    this.#owner.waitEnded();
  };

  write(bytes: Uint8Array<ArrayBuffer>): boolean {
    // The event "close" follows. Bytes taken until then would let a body without end go on without a pause.
    if (this.#socket.destroyed) return false;
    this.#socket.write(bytes, this.#onWritten);
    // Bytes that the kernel took at once are not in writableLength any more.
    if (this.#socket.writableLength === 0) return true;
    this.#writingSinceMs = this.#nowMs();
    this.#owner.waitBegan(bytes.length);
    return false;
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end(() => this.#socket.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The time for which the client has taken nothing of what was written, at `nowMs`; 0 when nothing waits for it. */
  waitedMs(nowMs: number): number {
    return this.#writingSinceMs === null ? 0 : nowMs - this.#writingSinceMs;
  }
}
