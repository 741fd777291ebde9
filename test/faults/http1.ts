/** Tables of HTTP/1.1 faults, which run over TLS and in plaintext. */
import type { Socket } from "node:net";
import type { Speak } from "./backend.ts";
import { type Answer, type Fault, faultSuite } from "./fault.ts";
import { http1, OK, saying } from "./speak.ts";

/** A table of faults by name. */
export type Faults = Readonly<Record<string, () => Fault>>;

/** Ends after the answer, in good order (TLS: close_notify). */
export const ending = (text: string): Speak => http1((socket) => void socket.end(text, "latin1"));
/** Breaks off after the answer: without close_notify, or by a reset. */
export const breaking = (text: string): Speak =>
  http1((socket) => void socket.write(text, "latin1", () => cutOff(socket)));
/** Closes a connection without an end in good order. */
export const cutOff = (socket: Socket): void => {
  if ("encrypted" in socket) socket.destroy();
  else socket.resetAndDestroy();
};
/** Answers `first` to the first request of a connection, and calls `then` for each further one. */
export const later = (first: string, then: (socket: Socket) => void = (socket) => void socket.write(OK)): Speak =>
  http1((socket, request) => (request === 1 ? void socket.write(first) : then(socket)));

/** A status line. */
export const HEAD = "HTTP/1.1 200 OK\r\n";
/** The head of a chunked answer. */
export const CHUNKED = `${HEAD}transfer-encoding: chunked\r\n\r\n`;
/** An answer that no request may get. */
export const EVIL = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
/** A good answer with more fields. */
export const withFields = (...fields: readonly string[]): string =>
  `${HEAD}${fields.map((field) => `${field}\r\n`).join("")}content-length: 2\r\n\r\nok`;
/** An answer with these fields alone. */
export const framed = (...fields: readonly string[]): string =>
  `${HEAD}${fields.map((field) => `${field}\r\n`).join("")}\r\nok`;
/** A chunked answer that names this transfer coding. */
export const coded = (coding: string): string => `${HEAD}transfer-encoding: ${coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n`;

/** The answer to a client whose backend broke HTTP. */
export const MALFORMED = "502 http-protocol-error";
/** A fault: the backend gives the same answer each time, and the client gets `expect` instead. */
export const said = (answer: string, expect: Fault["expect"] = MALFORMED, more: Partial<Fault> = {}): (() => Fault) => {
  return () => ({ speak: saying(answer), expect, ...more });
};
/** A table of answers, in place of which the client gets `expect`. */
export const table = (rows: Readonly<Record<string, string>>, expect: Answer): Faults =>
  Object.fromEntries(Object.entries(rows).map(([name, answer]) => [name, said(answer, expect)]));

/** Defines a suite for each table, by its title. */
export function http1Suites(suites: Readonly<Record<string, Faults>>): void {
  for (const [transport, policy] of [
    ["TLS", {}],
    ["plaintext", null],
  ] as const) {
    const terms = { good: saying(OK), policy };
    for (const [title, faults] of Object.entries(suites)) faultSuite(`${title}, ${transport}`, terms, faults);
  }
}
