/** What Deno's node:http does differently on a connection that is handed to a server (measured: Deno 2.9.6). */
import type { Server } from "node:http";
import type { Duplex } from "node:stream";

/** Whether this process is Deno. */
export const isDeno: boolean = "deno" in process.versions;

/** Makes Deno take `server` for one that listens: it ends the connections of any other after one response each. */
export function pretendToListen(server: Server): void {
  if (isDeno) Object.defineProperty(server, "listening", { value: true });
}

/**
 * Keeps node:http's parser from reading `socket` itself. Node's parser reads the socket unless its `data` events have a
 * listener; Deno's reads it all the same.
 */
export function keepFromParser(socket: Duplex): void {
  if (!isDeno) return;
  const handle: unknown = Reflect.get(socket, "_handle");
  if (typeof handle === "object" && handle !== null) Reflect.set(handle, "_consumed", true);
}
