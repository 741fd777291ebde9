/** Tables of HTTP/2 faults, which run over TLS and in plaintext. */
import type { Speak } from "./backend.ts";
import { type Answer, type Fault, faultSuite } from "./fault.ts";
import type { Faults } from "./http1.ts";
import { FRAME, frame, u32 } from "./records.ts";
import { END_HEADERS, END_STREAM, field, http2, okFrames } from "./speak.ts";

/** Sends `fault` of the stream for the first request of a connection, and good answers to the others. */
export const first = (fault: (stream: number) => Buffer, settings?: Buffer): Speak =>
  http2((socket, stream) => void socket.write(stream === 1 ? fault(stream) : okFrames(stream)), settings);
/** Sends `fault` of the stream for the second request of a connection, and good answers to the others. */
export const second = (fault: (stream: number) => Buffer): Speak =>
  http2((socket, stream) => void socket.write(stream === 3 ? fault(stream) : okFrames(stream)));

/** A HEADERS frame with a header block of any bytes. */
export const block = (stream: number, bytes: Buffer, flags = END_HEADERS): Buffer =>
  frame(FRAME.headers, flags, stream, bytes);
/** A field. */
export type Pair = readonly [name: string, value: string];
/** A header block of these fields. */
export const fields = (...pairs: readonly Pair[]): Buffer =>
  Buffer.concat(pairs.map(([name, value]) => field(name, value)));
/** A DATA frame. */
export const data = (stream: number, text: Buffer | string, flags = END_STREAM): Buffer =>
  frame(FRAME.data, flags, stream, text);

/** The bytes, `times` times. */
export const repeated = (bytes: Buffer, times: number): Buffer =>
  Buffer.concat(Array.from({ length: times }, () => bytes));
/** A setting of a SETTINGS frame. */
export const setting = (id: number, value: number): Buffer => Buffer.concat([Buffer.from([0, id]), u32(value)]);
/** Identifiers of settings (RFC 9113 §6.5.2). */
export const SETTING = { push: 2, streams: 3, window: 4, frame: 5 } as const;

/** A table of first answers, in place of which the client gets `expect`. */
export const framesTable = (
  rows: Readonly<Record<string, (stream: number) => Buffer>>,
  expect: Answer,
  more: Partial<Fault> = {},
): Faults =>
  Object.fromEntries(
    Object.entries(rows).map(([name, fault]) => [name, () => ({ speak: first(fault), expect, ...more })]),
  );

/** Defines two suites for each table, by its title. */
export function http2Suites(suites: Readonly<Record<string, Faults>>): void {
  const good = first(okFrames);
  for (const [title, faults] of Object.entries(suites)) {
    faultSuite(`${title}, h2`, { good, policy: { alpn: ["h2"] } }, faults);
    faultSuite(`${title}, h2c`, { good, policy: null, protocol: "h2c" }, faults);
  }
}
