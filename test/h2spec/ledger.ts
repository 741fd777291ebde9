/** The cases of h2spec 2.2.1 that fail, each with the reason why it stands. h2spec tests RFC 7540; RFC 9113 replaced it. */

/** How the client comes to HTTP/2: by ALPN in TLS, or with prior knowledge in clear. */
export type Transport = "tls" | "h2c";

/** A case that fails, and why it may. */
export interface KnownFailure {
  /** The section and the case of h2spec: `http2/6.7 Sends a PING frame with ACK`. */
  readonly name: string;
  readonly transports: readonly Transport[];
  /** The frames that h2spec saw instead, without their fields. */
  readonly actual: readonly string[];
  readonly reason: string;
}

/** All cases that fail. A failing case that is missing here fails the run, and so does a listed one that passes. */
export const KNOWN_FAILURES: readonly KnownFailure[] = [
  {
    name: "http2/3.5 Sends invalid connection preface",
    transports: ["h2c"],
    actual: ["Error: http2: failed reading the frame payload: unexpected EOF"],
    reason:
      "The port of an HTTP listener speaks HTTP/1.1 too. What is no HTTP/2 preface is read as HTTP/1.1, answered 400 in " +
      "HTTP/1.1, and the connection is closed. RFC 9113 §3.4 allows that no GOAWAY is sent.",
  },
];
