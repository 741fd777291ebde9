/** The counts of a last-hop server, which a test in any runtime reads from the servers' control port. */

/** Counts and names that one server has seen since it started. */
export interface Seen {
  readonly sni: readonly string[];
  /** The number of decrypted bytes. */
  readonly requestBytes: number;
  readonly connections: number;
  readonly resumed: number;
  /** The number of connections above TLS that are open now. */
  readonly open: number;
  /** The number of connections below TLS that are open now. */
  readonly openSockets: number;
}

/** Reads the counts of a server. */
export const seenBy = (controlPort: number, server: string): Promise<Seen> => askControl(controlPort, "/seen", server);

/** Reads the counts of a server, or closes its connections first; `more` is further query. */
export async function askControl(
  controlPort: number,
  path: "/seen" | "/close",
  server: string,
  more = "",
): Promise<Seen> {
  const url = `http://127.0.0.1:${controlPort}${path}?server=${encodeURIComponent(server)}${more}`;
  return (await (await fetch(url)).json()) as Seen;
}
