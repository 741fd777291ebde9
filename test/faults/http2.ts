/** How tables of HTTP/2 faults are written, and run over TLS and in plaintext. */
import type { Speak } from "./backend.ts";
import { type Answer, type Fault, faultSuite } from "./fault.ts";
import type { Faults } from "./http1.ts";
import { FRAME, frame, u32 } from "./records.ts";
import { END_HEADERS, END_STREAM, field, http2, okFrames } from "./speak.ts";

/** To the first request; the others on its connection are answered well. `fault` gets the request's stream. */
export const first = (fault: (stream: number) => Buffer, settings?: Buffer): Speak =>
  http2((socket, stream) => void socket.write(stream === 1 ? fault(stream) : okFrames(stream)), settings);
/** To the second. */
export const second = (fault: (stream: number) => Buffer): Speak =>
  http2((socket, stream) => void socket.write(stream === 3 ? fault(stream) : okFrames(stream)));

/** A header block as it is, with what frame flags there are besides END_HEADERS. */
export const block = (stream: number, bytes: Buffer, flags = END_HEADERS): Buffer =>
  frame(FRAME.headers, flags, stream, bytes);
export type Pair = readonly [name: string, value: string];
export const fields = (...pairs: readonly Pair[]): Buffer =>
  Buffer.concat(pairs.map(([name, value]) => field(name, value)));
export const data = (stream: number, text: Buffer | string, flags = END_STREAM): Buffer =>
  frame(FRAME.data, flags, stream, text);

export const repeated = (bytes: Buffer, times: number): Buffer =>
  Buffer.concat(Array.from({ length: times }, () => bytes));
export const setting = (id: number, value: number): Buffer => Buffer.concat([Buffer.from([0, id]), u32(value)]);
export const SETTING = { push: 2, streams: 3, window: 4, frame: 5 } as const;

/** The first answer, and what the client gets instead. */
export const framesTable = (
  rows: Readonly<Record<string, (stream: number) => Buffer>>,
  expect: Answer,
  more: Partial<Fault> = {},
): Faults =>
  Object.fromEntries(
    Object.entries(rows).map(([name, fault]) => [name, () => ({ speak: first(fault), expect, ...more })]),
  );

/** Each table by its title. */
export function http2Suites(suites: Readonly<Record<string, Faults>>): void {
  const good = first(okFrames);
  for (const [title, faults] of Object.entries(suites)) {
    faultSuite(`${title}, h2`, { good, policy: { alpn: ["h2"] } }, faults);
    faultSuite(`${title}, h2c`, { good, policy: null, protocol: "h2c" }, faults);
  }
}
