/** HTTP of a backend above TLS: HTTP/1.1 as text, HTTP/2 as frames. */
import type { Socket } from "node:net";
import type { Speak } from "./backend.ts";
import { FRAME, frame, frames } from "./records.ts";

/** A good answer of HTTP/1.1. */
export const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** Calls `answer` at the end of each request's head, counted from 1. */
export const http1 =
  (answer: (socket: Socket, request: number) => void): Speak =>
  (socket) => {
    let seen = "";
    let requests = 0;
    socket.on("data", (chunk: Buffer) => {
      seen += chunk.toString("latin1");
      for (let end = seen.indexOf("\r\n\r\n"); end >= 0; end = seen.indexOf("\r\n\r\n")) {
        seen = seen.slice(end + 4);
        answer(socket, ++requests);
      }
    });
  };

/** Answers each request with these texts. */
export const saying = (...texts: readonly string[]): Speak =>
  http1((socket) => {
    for (const text of texts) socket.write(text, "latin1");
  });

/** A flag of DATA and HEADERS frames. */
export const END_STREAM = 1;
/** A flag of SETTINGS and PING frames. */
export const ACK = 1;
/** A flag of HEADERS and CONTINUATION frames. */
export const END_HEADERS = 4;
/** The header block of status 200: HPACK's indexed field 8 (RFC 7541 appendix A). */
export const STATUS_200 = Buffer.from([0x88]);

/** A field as an HPACK literal without indexing; name and value are shorter than 127 bytes. */
export const field = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);

/** A HEADERS frame with status 200. */
export const head = (stream: number, ...fields: readonly Buffer[]): Buffer =>
  frame(FRAME.headers, END_HEADERS, stream, Buffer.concat([STATUS_200, ...fields]));

/** A good answer of HTTP/2. */
export const okFrames = (stream: number): Buffer =>
  Buffer.concat([head(stream), frame(FRAME.data, END_STREAM, stream, "ok")]);

/** Calls `answer` with the stream of each request. `settings` is the payload of the first frame. */
export const http2 =
  (answer: (socket: Socket, stream: number) => void, settings: Buffer | string = ""): Speak =>
  (socket) => {
    socket.write(frame(FRAME.settings, 0, 0, settings));
    const onFrame = (given: Buffer): void => {
      if (given[3] === FRAME.settings && given[4] !== ACK) socket.write(frame(FRAME.settings, ACK, 0));
      if (given[3] === FRAME.headers) answer(socket, given.readUInt32BE(5));
    };
    socket.on("data", frames(onFrame));
  };
