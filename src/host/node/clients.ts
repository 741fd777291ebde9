/** The clients connected to a port: which have a request in flight, and how each connection is closed in good order. */
import type { Front, Gateway } from "../../gateway/index.ts";

/** What answers a port's clients. */
export interface Answering {
  /** The gateway of the bundle that is served. It is read for each request, because a reload replaces it. */
  readonly gateway: Pick<Gateway, "handle" | "refuse">;
}

/** The client of one connection. */
export interface Client {
  readonly front: Front;
  /** Counts a request in flight; `requestEnded` follows for each. */
  requestBegan(): void;
  requestEnded(): void;
  /** Whether a request is in flight. */
  readonly isBusy: boolean;
  /** Whether the connection closes after the responses under way. */
  readonly isClosing: boolean;
  /** Says that the connection is closed. */
  closed(): void;
}

/** What a client is made of. */
interface ClientOptions {
  readonly front: Front;
  /** When `close` is called: once the connection is idle (HTTP/1.1), or at once, since HTTP/2 finishes its streams itself. */
  readonly closesWhen: "idle" | "at-once";
  readonly close: () => void;
  /** A callback for the first request that begins, and for the last that ends. */
  readonly busyChanged: (isBusy: boolean) => void;
}

/** A function that registers the client of a new connection; the protocol says how the connection is closed. */
export type AddClient = (closing: Pick<ClientOptions, "closesWhen" | "close">) => Client;

/** The clients of one port that were admitted under the same rules. */
export class Clients {
  readonly #clients = new Set<ConnectedClient>();
  #isDraining = false;

  add(options: ClientOptions): Client {
    const client = new ConnectedClient(options, () => this.#clients.delete(client));
    this.#clients.add(client);
    // The client's handshake was under way when drain() was called.
    if (this.#isDraining) client.drain();
    return client;
  }

  /** Closes every connection once its requests are answered, also connections that are added later. */
  drain(): void {
    this.#isDraining = true;
    for (const client of this.#clients) client.drain();
  }
}

class ConnectedClient implements Client {
  readonly #options: ClientOptions;
  readonly closed: () => void;
  #inFlight = 0;
  #isClosing = false;

  constructor(options: ClientOptions, closed: () => void) {
    this.#options = options;
    this.closed = closed;
  }

  get front(): Front {
    return this.#options.front;
  }

  get isBusy(): boolean {
    return this.#inFlight > 0;
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  requestBegan(): void {
    if (this.#inFlight++ === 0) this.#options.busyChanged(true);
  }

  requestEnded(): void {
    if (--this.#inFlight > 0) return;
    this.#options.busyChanged(false);
    if (this.#isClosing && this.#options.closesWhen === "idle") this.#options.close();
  }

  drain(): void {
    this.#isClosing = true;
    if (this.#inFlight === 0 || this.#options.closesWhen === "at-once") this.#options.close();
  }
}
