/** The clients connected to a port: who has a request in flight, and how each is asked to leave. */
import type { RequestClient } from "../../backend/index.ts";
import type { Front, Gateway } from "../../gateway/index.ts";
import type { Pace } from "./pace.ts";

/** Answers a request; never rejects. */
export type Handle = Gateway["handle"];

/** What answers a port's clients. */
export interface Answering {
  readonly handle: Handle;
  readonly refuse: Gateway["refuse"];
}

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

/** As the pool knows it: whose a request is, and how it gets on. */
export function requestClient(client: Client, pace: Pace): RequestClient {
  return {
    connection: client,
    address: client.front.clientAddress,
    get stalledSinceMs() {
      return pace.stalledSinceMs;
    },
    cut: () => pace.cut(),
  };
}

export interface Joining {
  readonly front: Front;
  /** `leave` tells the client at once that no more is served (HTTP/2), or is called when it is idle (HTTP/1.1). */
  readonly when: "idle" | "at-once";
  readonly leave: () => void;
  /** Called when the first request begins, and when the last ends. */
  readonly moved: (isBusy: boolean) => void;
}

/** How a protocol lets a connection in: with what is its own of {@link Joining}. */
export type Join = (joining: Pick<Joining, "when" | "leave">) => Client;

export class Clients {
  readonly #clients = new Set<Connected>();
  #leaving = false;

  add({ front, when, leave, moved }: Joining): Client {
    const client = new Connected({ front, when, leave, moved }, () => this.#clients.delete(client));
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
  readonly #joining: Joining;
  readonly gone: () => void;
  #inFlight = 0;
  #leaving = false;

  constructor(joining: Joining, gone: () => void) {
    this.#joining = joining;
    this.gone = gone;
  }

  get front(): Front {
    return this.#joining.front;
  }

  get busy(): boolean {
    return this.#inFlight > 0;
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  begin(): void {
    if (this.#inFlight++ === 0) this.#joining.moved(true);
  }

  end(): void {
    if (--this.#inFlight > 0) return;
    this.#joining.moved(false);
    if (this.#leaving && this.#joining.when === "idle") this.#joining.leave();
  }

  leave(): void {
    this.#leaving = true;
    if (this.#inFlight === 0 || this.#joining.when === "at-once") this.#joining.leave();
  }
}
