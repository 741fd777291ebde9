/** How long a request may wait for its backend. */
export interface Timeouts {
  /** From the first dial to a verified connection, whatever endpoints are tried. */
  readonly connectMs: number;
  /** From the request, or the last its body moved, to the head of the response. */
  readonly responseMs: number;
  /** The longest a client waits for the next bytes of a body; a client that does not read is not waiting. */
  readonly bodyIdleMs: number;
}

export const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 10_000, responseMs: 60_000, bodyIdleMs: 300_000 };
