/** How tables of HTTP/1.1 faults are written, and run over TLS and in plaintext. */
import type { Socket } from "node:net";
import type { Speak } from "./backend.ts";
import { type Answer, type Fault, faultSuite } from "./fault.ts";
import { http1, OK, saying } from "./speak.ts";

export type Faults = Readonly<Record<string, () => Fault>>;

/** Ends after the answer, in good order (TLS: close_notify). */
export const ending = (text: string): Speak => http1((socket) => void socket.end(text, "latin1"));
/** Breaks off after the answer: without close_notify, or by a reset. */
export const breaking = (text: string): Speak =>
  http1((socket) => void socket.write(text, "latin1", () => cutOff(socket)));
export const cutOff = (socket: Socket): void => {
  if ("encrypted" in socket) socket.destroy();
  else socket.resetAndDestroy();
};
/** The first answer, and what follows on the same connection. */
export const later = (first: string, then: (socket: Socket) => void = (socket) => void socket.write(OK)): Speak =>
  http1((socket, request) => (request === 1 ? void socket.write(first) : then(socket)));

export const HEAD = "HTTP/1.1 200 OK\r\n";
export const CHUNKED = `${HEAD}transfer-encoding: chunked\r\n\r\n`;
export const EVIL = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
export const withFields = (...fields: readonly string[]): string =>
  `${HEAD}${fields.map((field) => `${field}\r\n`).join("")}content-length: 2\r\n\r\nok`;
export const framed = (...fields: readonly string[]): string =>
  `${HEAD}${fields.map((field) => `${field}\r\n`).join("")}\r\nok`;
export const coded = (coding: string): string => `${HEAD}transfer-encoding: ${coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n`;

export const MALFORMED = "502 http-protocol-error";
/** The same answer each time, and what the client gets instead. */
export const said = (answer: string, expect: Fault["expect"] = MALFORMED, more: Partial<Fault> = {}): (() => Fault) => {
  return () => ({ speak: saying(answer), expect, ...more });
};
export const table = (rows: Readonly<Record<string, string>>, expect: Answer): Faults =>
  Object.fromEntries(Object.entries(rows).map(([name, answer]) => [name, said(answer, expect)]));

/** Each table by its title. */
export function http1Suites(suites: Readonly<Record<string, Faults>>): void {
  for (const [transport, policy] of [
    ["TLS", {}],
    ["plaintext", null],
  ] as const) {
    const terms = { good: saying(OK), policy };
    for (const [title, faults] of Object.entries(suites)) faultSuite(`${title}, ${transport}`, terms, faults);
  }
}
