/** The connection of a client, as its requests need it. */
import type { StatusExports } from "./abi.ts";
import type { SendingConnection } from "./request-body.ts";

/** A client's connection on which requests come. */
export interface ServingConnection extends SendingConnection {
  /** Whether the client speaks HTTP/2, where a request can end without its connection. */
  readonly isHttp2: boolean;
  /** Calls the module about the connection and acts on its status. */
  call(run: (wasm: StatusExports) => number): number;
  /** Acts on the status that the last call has left. */
  act(): void;
  /** Calls `written` once all that the module has for the socket was written. */
  whenWritten(written: () => void): void;
  /** Forgets a request that is over. */
  forget(number: number): void;
}
