/** The clients connected to a port: who has a request in flight, and how each is asked to leave. */
import type { Front } from "../../gateway/headers.ts";
import type { Gateway } from "../../gateway/gateway.ts";

/** Answers a request; never rejects. */
export type Handle = Gateway["handle"];

/** One connection. */
export interface Client {
  readonly front: Front;
  /** Requests in flight. */
  begin(): void;
  end(): void;
  readonly busy: boolean;
  /** It was asked to leave: the response under way is the last. */
  readonly leaving: boolean;
  /** The connection is closed. */
  gone(): void;
}

export class Clients {
  readonly #clients = new Set<Connected>();
  #leaving = false;

  /** `leave` tells the client at once that no more is served (HTTP/2), or is called when it is idle (HTTP/1.1). */
  add(front: Front, when: "idle" | "at-once", leave: () => void): Client {
    const client = new Connected(front, when, leave, () => this.#clients.delete(client));
    this.#clients.add(client);
    // A handshake that was under way when the others were asked.
    if (this.#leaving) client.leave();
    return client;
  }

  /** Everybody leaves once their requests are answered, and whoever comes later too. */
  askToLeave(): void {
    this.#leaving = true;
    for (const client of this.#clients) client.leave();
  }
}

class Connected implements Client {
  readonly front: Front;
  readonly #when: "idle" | "at-once";
  readonly #leave: () => void;
  readonly gone: () => void;
  #inFlight = 0;
  #leaving = false;

  constructor(front: Front, when: "idle" | "at-once", leave: () => void, gone: () => void) {
    this.front = front;
    this.#when = when;
    this.#leave = leave;
    this.gone = gone;
  }

  get busy(): boolean {
    return this.#inFlight > 0;
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  begin(): void {
    this.#inFlight++;
  }

  end(): void {
    this.#inFlight--;
    if (this.#leaving && this.#inFlight === 0 && this.#when === "idle") this.#leave();
  }

  leave(): void {
    this.#leaving = true;
    if (this.#inFlight === 0 || this.#when === "at-once") this.#leave();
  }
}
