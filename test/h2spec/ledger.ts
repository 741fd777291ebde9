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

const BOTH = ["tls", "h2c"] as const;
/** What h2spec sees where nothing comes but what the connection sends anyway. */
const NOTHING = ["Timeout", "WINDOW_UPDATE Frame"] as const;

const CLOSED =
  "RFC 9113 §5.1 made a connection error for frames on a closed stream a MAY. Node's HTTP/2 (nghttp2) drops them: no " +
  "request begins, and nothing reaches a backend.";

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
  ...[
    "closed: Sends a DATA frame after sending RST_STREAM frame",
    "closed: Sends a HEADERS frame after sending RST_STREAM frame",
    "closed: Sends a DATA frame",
    "closed: Sends a HEADERS frame",
  ].map((name) => ({ name: `http2/5.1 ${name}`, transports: BOTH, actual: NOTHING, reason: CLOSED })),
  {
    name: "http2/5.1.1 Sends stream identifier that is numerically smaller than previous",
    transports: BOTH,
    actual: ["DATA Frame"],
    reason:
      "RFC 9113 §5.1.1 asks for a connection error. Node's HTTP/2 takes the smaller stream for one that was closed " +
      "unused, and drops its frames: the request is never seen. The frame that h2spec sees answers the first stream.",
  },
  {
    name: "http2/5.3.1 Sends PRIORITY frame that depend on itself",
    transports: BOTH,
    actual: NOTHING,
    reason: "RFC 9113 §5.3.2 deprecates stream priorities and has no such rule; Node's HTTP/2 ignores the frame.",
  },
  {
    name: "http2/6.3 Sends a PRIORITY frame with 0x0 stream identifier",
    transports: BOTH,
    actual: NOTHING,
    reason:
      "RFC 9113 §6.3 still asks for a connection error. Node's HTTP/2 ignores PRIORITY frames, which carry nothing that " +
      "is used (§5.3.2), before it looks at their stream.",
  },
  {
    name: "http2/6.7 Sends a PING frame with ACK",
    transports: BOTH,
    actual: ["Connection closed"],
    reason:
      "RFC 9113 §6.7: an endpoint MUST NOT respond to it, and none does. Node's HTTP/2 takes an acknowledgement of no " +
      "PING for an error and ends the connection, where h2spec sends another PING and waits for its answer.",
  },
  {
    name: "http2/6.9.1 Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream",
    transports: BOTH,
    actual: ["Connection closed"],
    reason:
      "RFC 9113 §6.9.1: a sender MUST terminate either the stream or the connection. Node's HTTP/2 ends the connection " +
      "where h2spec wants RST_STREAM.",
  },
];
