/**
 * Node's handles of TCP sockets, which node:cluster is made of. A net.Server accepts connections as soon as it listens; a
 * handle can also be held without accepting, and be sent to another process. Deno and Bun have no such handles.
 */
import * as net from "node:net";

/** A TCP socket of this process. */
export interface TcpHandle {
  /** The callback for each connection of a listening socket; `error` is a negative errno, or 0. */
  onconnection: ((error: number, client: TcpHandle) => void) | null;
  /** Begins to listen and to accept; returns a negative errno, or 0. */
  listen(backlog: number): number;
  /** Closes this process's reference to the socket. */
  close(): void;
}

/** The flag of libuv's `uv_tcp_bind` for SO_REUSEPORT (uv.h). */
const UV_TCP_REUSEPORT = 2;

type CreateServerHandle = (
  address: string,
  port: number,
  addressType: 4 | 6,
  fd: undefined,
  flags: number,
) => TcpHandle | number;

const createServerHandle: unknown = Reflect.get(net, "_createServerHandle");

/** Whether this runtime has the handles. */
export const hasTcpHandles: boolean = typeof createServerHandle === "function";

/** A socket that is bound with SO_REUSEPORT and does not listen yet. Throws an Error when the address cannot be bound. */
export function bindTcp(address: string, port: number, family: 4 | 6): TcpHandle {
  const handle = (createServerHandle as CreateServerHandle)(address, port, family, undefined, UV_TCP_REUSEPORT);
  if (typeof handle === "number") throw new Error(`bind ${address}:${port}: error ${-handle}`);
  return handle;
}

/** A connection as net.Server would make it. The client may end its direction first. */
export function socketOf(handle: TcpHandle): net.Socket {
  // The types of `handle` know only the bound sockets of Node 24.19.
  const options: object = { handle, allowHalfOpen: true, readable: true, writable: true };
  return (Reflect.construct(net.Socket, [options]) as net.Socket).setNoDelay(true);
}
