/** Where the connections of a port come from: a socket that this process binds, or another process. */
import type { Server } from "node:net";

/** A port of a bundle's listeners, and what to bind for it. */
export interface ListenAt {
  readonly address: string;
  /** The port to bind; 0 lets the system choose one. */
  readonly bind: number;
  /** The port of the listeners (`Listener.port`). */
  readonly port: number;
}

/** A function that makes a server emit `connection` until it is closed. Rejects with the error of `listen`. */
export type Listen = (server: Server, at: ListenAt) => Promise<void>;

/** Binds the port in this process. */
export const bindHere: Listen = (server, { address, bind, port }) =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: bind, host: address, backlog: BACKLOG }, () => {
      server.off("error", reject);
      // A later error is about one connection that could not be accepted (out of memory, say), and the port stays open.
      server.on("error", ({ message }) => warnOfClient(port, message));
      resolve();
    });
  });

/** Says that a connection could not be accepted. */
export function warnOfClient(port: number, reason: string): void {
  process.emitWarning(`port ${port}: a client's connection failed before it began: ${reason}`);
}

/**
 * The number of connections that the kernel holds until they are accepted; its own limit (`net.core.somaxconn`) may be
 * lower. Node's default, 511, is less than a burst of new clients, and clients beyond it have to retransmit their SYN.
 */
export const BACKLOG = 4_096;
