/**
 * The client connections of one worker: it accepts them from the sockets that the supervisor lends it, asks the supervisor
 * who is to serve some of them (ask-budget.ts), and takes those that other workers have accepted.
 */
import type { Server } from "node:net";
import { BACKLOG, type Listen, warnOfClient } from "../listen.ts";
import type { AskBudget } from "./ask-budget.ts";
import type { FromWorker, PortName } from "./messages.ts";
import { socketOf, type TcpHandle } from "./tcp-handle.ts";

/** The channel to the supervisor. */
export type ToSupervisor = (message: FromWorker, handle?: TcpHandle) => void;

/** The period of messages about the number of connections. */
const REPORT_MS = 100;

/** The connections of a worker. */
export class ClientConnections {
  readonly #send: ToSupervisor;
  readonly #budget: AskBudget | null;
  /** The server of each port (`keyOf`). */
  readonly #servers = new Map<string, Server>();
  /** The sockets that this worker accepts from. */
  readonly #listening = new Set<{ readonly key: string; readonly slot: number; readonly handle: TcpHandle }>();
  /** Connections about which the supervisor was asked, by their number. */
  readonly #asked = new Map<number, PortName & { readonly client: TcpHandle }>();
  #lastAsked = 0;
  #open = 0;
  #placed = 0;
  #isReportDue = false;
  #isDraining = false;

  /** `budget`: null when there is no other worker. */
  constructor(send: ToSupervisor, budget: AskBudget | null) {
    this.#send = send;
    this.#budget = budget;
  }

  /** The source of the connections of a serving's ports. */
  source(serving: number): Listen {
    return (server, { port }) => {
      const key = keyOf({ serving, port });
      this.#servers.set(key, server);
      server.once("close", () => {
        this.#servers.delete(key);
        this.#stopListening((each) => each.key === key);
      });
      return Promise.resolve();
    };
  }

  /** Accepts connections from a socket of the port. */
  listen(name: PortName, slot: number, handle: TcpHandle): void {
    const key = keyOf(name);
    // The port may have been closed, or the worker told to end, while the socket was on its way.
    if (!this.#servers.has(key) || this.#isDraining) return handle.close();
    handle.onconnection = (error, client) => {
      if (error === 0) this.#accepted(name, client);
      else warnOfClient(name.port, `error ${-error}`);
    };
    const error = handle.listen(BACKLOG);
    if (error !== 0) warnOfClient(name.port, `cannot listen: error ${-error}`);
    this.#listening.add({ key, slot, handle });
  }

  /** Accepts no more connections from the sockets of a slot. */
  unlisten(slot: number): void {
    this.#stopListening((each) => each.slot === slot);
  }

  /** Serves a connection that another worker has accepted. */
  take(name: PortName, client: TcpHandle): void {
    this.#placed++;
    if (this.#isDraining) this.#giveAway(name, client);
    else this.#serve(name, client);
  }

  /** Does with a connection what the supervisor has answered. */
  placed(connection: number, isKept: boolean): void {
    const asked = this.#asked.get(connection);
    if (asked === undefined) return;
    this.#asked.delete(connection);
    if (isKept) this.#placed++;
    if (isKept) this.#serve(asked, asked.client);
    else this.#giveAway(asked, asked.client);
  }

  /** Accepts no more connections, and gives those away that are still to be placed. */
  drain(): void {
    this.#isDraining = true;
    this.#stopListening(() => true);
  }

  /** Serves the connections about which the supervisor will not answer, for it has gone. */
  supervisorGone(): void {
    for (const connection of this.#asked.keys()) this.placed(connection, true);
  }

  #accepted(name: PortName, client: TcpHandle): void {
    if (this.#budget?.take() !== true) return this.#serve(name, client);
    const connection = ++this.#lastAsked;
    this.#asked.set(connection, { ...name, client });
    this.#send({ kind: "ask", connection });
  }

  #giveAway({ serving, port }: PortName, client: TcpHandle): void {
    this.#send({ kind: "give", serving, port }, client);
  }

  #serve(name: PortName, client: TcpHandle): void {
    const server = this.#servers.get(keyOf(name));
    if (server === undefined) return client.close();
    const socket = socketOf(client);
    this.#count(1);
    socket.once("close", () => this.#count(-1));
    server.emit("connection", socket);
  }

  #count(change: 1 | -1): void {
    this.#open += change;
    if (this.#budget === null || this.#isReportDue) return;
    this.#isReportDue = true;
    setTimeout(() => {
      this.#isReportDue = false;
      this.#send({ kind: "connections", count: this.#open, placed: this.#placed });
    }, REPORT_MS).unref();
  }

  #stopListening(isMeant: (each: { readonly key: string; readonly slot: number }) => boolean): void {
    for (const each of this.#listening) {
      if (!isMeant(each)) continue;
      this.#listening.delete(each);
      each.handle.close();
    }
  }
}

const keyOf = ({ serving, port }: PortName): string => `${serving} ${port}`;
