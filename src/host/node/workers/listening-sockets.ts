/**
 * The sockets of one port, one for each worker, held by the supervisor. The kernel spreads new connections over them
 * (SO_REUSEPORT). Connections wait in the queue of their socket, which the kernel would reset if the socket were closed: so
 * the supervisor keeps each socket open while the worker that accepts from it ends and another takes its place.
 */
import { createServer } from "node:net";
import { bindHere, type ListenAt } from "../listen.ts";
import { bindTcp, type TcpHandle } from "./tcp-handle.ts";

/** The sockets of one port. */
export interface ListeningSockets {
  /** The bound port. */
  readonly bound: number;
  /** One socket for each worker. None of them accepts in this process. */
  readonly handles: readonly TcpHandle[];
  close(): void;
}

/** Binds `count` sockets to a port. Rejects with the error of `listen` when another process has the port. */
export async function openListeningSockets(at: ListenAt, count: number): Promise<ListeningSockets> {
  // SO_REUSEPORT would share the port with another lasthop of the same user, so a socket without it asks first.
  const probe = createServer();
  await bindHere(probe, at);
  const found = probe.address();
  await new Promise<void>((resolve) => void probe.close(() => resolve()));
  if (found === null || typeof found === "string") throw new TypeError(`${at.address} is no address of TCP`);
  const family = found.family === "IPv6" ? 6 : 4;
  const handles: TcpHandle[] = [];
  try {
    while (handles.length < count) handles.push(bindTcp(found.address, found.port, family));
  } catch (error) {
    for (const handle of handles) handle.close();
    throw error;
  }
  return {
    bound: found.port,
    handles,
    close() {
      for (const handle of handles) handle.close();
    },
  };
}
