/** Clients that keep backends' connections: they take nothing of what they asked for, or send their bodies byte by byte. */
import { connect, type Socket } from "node:net";
import { frame, PREFACE, requestBlock } from "./http2.ts";
import type { Target } from "./target.ts";

/** The ways in which a client keeps a connection of a backend. */
export const HOLDS = ["HTTP/2 windows of 0", "HTTP/2 uploads by the byte", "HTTP/1.1 uploads by the byte"] as const;
/** A way in which a client keeps a connection of a backend. */
export type Hold = (typeof HOLDS)[number];

/** Clients that hold connections. */
export interface Holding {
  close(): void;
}

const STREAMS = 128;
const BYTE_MS = 1_500;

/** Sends `requests` requests at once, on as few connections as the protocol allows. */
export function hold(target: Target, { kind, requests }: { readonly kind: Hold; readonly requests: number }): Holding {
  const sockets: Socket[] = [];
  const port = kind === "HTTP/1.1 uploads by the byte" ? target.port : target.http2Port;
  const dial = (first: Buffer): Socket => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true }).on("error", () => undefined);
    socket.write(first);
    sockets.push(socket);
    return socket;
  };
  const sending: (() => void)[] = [];
  if (kind === "HTTP/1.1 uploads by the byte") {
    const head = `POST / HTTP/1.1\r\nHost: ${target.host}\r\nContent-Length: 100000\r\n\r\n`;
    for (let count = 0; count < requests; count++) {
      const socket = dial(Buffer.from(head));
      sending.push(() => void socket.write("a"));
    }
  } else {
    for (let left = requests; left > 0; left -= STREAMS) {
      const streams = Array.from({ length: Math.min(left, STREAMS) }, (_, at) => 2 * at + 1);
      // The setting SETTINGS_INITIAL_WINDOW_SIZE is 0 (RFC 9113 §6.5.2).
      const settings = frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));
      const isUpload = kind === "HTTP/2 uploads by the byte";
      const block = isUpload ? requestBlock(target.host, "/", "POST") : requestBlock(target.host, "/hold?bytes=20000");
      const asked = streams.map((stream) => frame(1, isUpload ? 4 : 5, stream, block));
      const socket = dial(Buffer.concat([Buffer.from(PREFACE), settings, ...asked])).resume();
      if (isUpload)
        sending.push(
          () => void socket.write(Buffer.concat(streams.map((stream) => frame(0, 0, stream, Buffer.from("a"))))),
        );
    }
  }
  const timer = setInterval(() => {
    for (const send of sending) send();
  }, BYTE_MS);
  return {
    close() {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
    },
  };
}
