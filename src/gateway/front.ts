/** The listener's side of a request, as its host tells it. */

export interface Front {
  /** The client's address, or null where the runtime does not tell. */
  readonly clientAddress: string | null;
  readonly scheme: "http" | "https";
  /** The listener's port. */
  readonly port: number;
  /** The server name the client asked for in its TLS handshake, lower case; null without TLS of ours, or without SNI. */
  readonly sni: string | null;
}

/** Keeps the runtime awake for work that outlives its response: mirrored copies. */
export type Background = (work: Promise<void>) => void;
