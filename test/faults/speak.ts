/** What a backend says above TLS: HTTP/1.1 as text, HTTP/2 as frames. */
import type { Socket } from "node:net";
import type { Speak } from "./backend.ts";
import { FRAME, frame, frames } from "./records.ts";

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

/** Each request is answered so. */
export const saying = (...texts: readonly string[]): Speak =>
  http1((socket) => {
    for (const text of texts) socket.write(text, "latin1");
  });

export const END_STREAM = 1;
export const ACK = 1;
export const END_HEADERS = 4;
/** HPACK's indexed field 8 (RFC 7541 appendix A). */
export const STATUS_200 = Buffer.from([0x88]);

/** HPACK's literal field without indexing; both shorter than 127 bytes. */
export const field = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);

export const head = (stream: number, ...fields: readonly Buffer[]): Buffer =>
  frame(FRAME.headers, END_HEADERS, stream, Buffer.concat([STATUS_200, ...fields]));

export const okFrames = (stream: number): Buffer =>
  Buffer.concat([head(stream), frame(FRAME.data, END_STREAM, stream, "ok")]);

/** Calls `answer` with each request's stream. `settings`: the payload of the first frame. */
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
