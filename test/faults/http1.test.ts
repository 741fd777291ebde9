/** Faults of HTTP/1.1 in time and place: no byte of one answer ever becomes part of another. */
import type { Speak } from "./backend.ts";
import { type Answer, type Fault, IMPATIENT } from "./fault.ts";
import {
  type Faults,
  ending,
  breaking,
  cutOff,
  later,
  HEAD,
  CHUNKED,
  EVIL,
  withFields,
  coded,
  MALFORMED,
  said,
  table,
  http1Suites,
} from "./http1.ts";
import { http1, OK, saying } from "./speak.ts";

/** Faults that cut an answer at each stage, by an end in good order and by none. */
function cuts(answer: string, stages: Readonly<Record<string, string>>, expect: Answer): Faults {
  const rows = Object.entries(stages).flatMap(([name, last]): [string, () => Fault][] => {
    const text = answer.slice(0, answer.indexOf(last) + last.length);
    return [
      [`an end after ${name}`, () => ({ speak: ending(text), expect })],
      [`a break after ${name}`, () => ({ speak: breaking(text), expect })],
    ];
  });
  return Object.fromEntries(rows);
}

const TRUNCATED: Faults = {
  "an end instead of an answer": () => ({ speak: ending(""), expect: "502 connection-terminated" }),
  "a break instead of an answer": () => ({ speak: breaking(""), expect: "502 connection-terminated" }),
  ...cuts(
    withFields("x: yz"),
    {
      "half a version": "HTT",
      "half a status line": "1.1 20",
      "a status line": "OK\r\n",
      "half a field name": "content-",
      "half a field": "x: y",
      "the last field": "content-length: 2\r\n",
      "half an empty line": "length: 2\r\n\r",
    },
    "502 response-incomplete",
  ),
  ...cuts(withFields(), { "a head": "\r\n\r\n", "half a body": "\r\n\r\no" }, "200, then response-incomplete"),
  ...cuts(
    `${CHUNKED}2\r\nok\r\n0\r\nx: y\r\n\r\n`,
    {
      "a head of chunks": "chunked\r\n\r\n",
      "half a chunk's size": "\r\n\r\n2",
      "a chunk's size": "\r\n2\r\n",
      "half a chunk": "\r\no",
      "a chunk without its end": "ok",
      "a chunk": "ok\r\n",
      "half the last chunk": "\r\n0",
      "the last chunk": "\r\n0\r\n",
      "a trailer": "x: y\r\n",
    },
    "200, then response-incomplete",
  ),
  "a body until the end": () => ({ speak: ending(`${HEAD}\r\nok`), expect: "200 ok", keeps: false }),
  "a body until a break": () => ({ speak: breaking(`${HEAD}\r\nok`), expect: "200, then response-incomplete" }),
  "an end on a reused connection": () => ({
    after: 1,
    speak: later(OK, (socket) => void socket.end()),
    expect: "200 ok",
    keeps: false,
  }),
  "a break on a reused connection": () => ({
    after: 1,
    speak: later(OK, cutOff),
    expect: "200 ok",
    keeps: false,
  }),
  "an end on a reused connection of what may not be repeated": () => ({
    after: 1,
    speak: later(OK, (socket) => void socket.end()),
    request: { method: "POST" },
    expect: "502 connection-terminated",
  }),
  "half a head on a reused connection": () => ({
    after: 1,
    speak: later(OK, (socket) => void socket.end(HEAD)),
    request: { method: "POST" },
    expect: "502 response-incomplete",
  }),
};

const EXCESS: Faults = {
  ...table(
    {
      "a field too long": withFields(`x: ${"a".repeat(100_000)}`),
      "a name too long": withFields(`${"a".repeat(100_000)}: x`),
      "too long a head": withFields(...Array.from({ length: 100 }, (_, at) => `x${at}: ${"a".repeat(1_000)}`)),
      "too many fields": withFields(...Array.from({ length: 129 }, (_, at) => `x${at}: y`)),
      "a reason too long": `HTTP/1.1 200 ${"a".repeat(100_000)}\r\ncontent-length: 2\r\n\r\nok`,
      "a head without end": HEAD + "x: y\r\n".repeat(50_000),
      "a status line without end": "HTTP/1.1 200 OK".padEnd(200_000, "."),
      "nothing but line breaks": "\r\n".repeat(100_000),
    },
    MALFORMED,
  ),
  "as many fields as there may be": said(withFields(...Array.from({ length: 127 }, (_, at) => `x${at}: y`)), "200 ok"),
  ...table(
    {
      "one interim answer too many": "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(17) + OK,
      "a flood of 100": "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000) + OK,
      "a flood of 103": "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(10_000) + OK,
    },
    MALFORMED,
  ),
  "as many interim answers as there may be": said("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(16) + OK, "200 ok"),
  "interim answers without end": () => ({
    speak: http1((socket) => {
      const flood = (): void => void (socket.writable && socket.write("HTTP/1.1 100 Continue\r\n\r\n".repeat(100)));
      const next = setInterval(flood, 1);
      socket.on("close", () => clearInterval(next));
    }),
    expect: MALFORMED,
  }),
  "a few interim answers": said(`${"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(3)}${OK}`, "200 ok"),
};

/** Bytes after an answer belong to no request: the connection is closed, and the next request gets its own answer. */
const SMUGGLED: Faults = {
  "a second answer": said(OK + EVIL, "200 ok", { keeps: false }),
  "a second answer after chunks": said(coded("chunked") + EVIL, "200 ok", { keeps: false }),
  "a second answer while nobody asks": () => ({
    patient: true,
    speak: http1((socket) => socket.write(OK, () => setImmediate(() => socket.write(EVIL)))),
    expect: "200 ok",
    keeps: false,
  }),
  "more bytes than the length": said(`${OK}evil`, "200 ok", { keeps: false }),
  "one line break too many": said(`${OK}\r\n`, "200 ok", { keeps: false }),
  "a length shorter than the body": said(`${HEAD}content-length: 1\r\n\r\nok`, '200 "o"'),
  "a body after 204": said(`HTTP/1.1 204 No\r\n\r\n${EVIL}`, '204 ""'),
  "a length and a body after 204": said(`HTTP/1.1 204 No\r\ncontent-length: 4\r\n\r\nevil`, '204 ""'),
  "chunks after 204": said("HTTP/1.1 204 No\r\ntransfer-encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n", [
    MALFORMED,
    '204 ""',
  ]),
  "a body after 304": said(`HTTP/1.1 304 Same\r\ncontent-length: 4\r\n\r\nevil`, '304 ""'),
  "a body after HEAD": said(OK + EVIL, '200 ""', { request: { method: "HEAD" } }),
  "a body of 205": () => ({
    speak: later("HTTP/1.1 205 Reset\r\ncontent-length: 4\r\n\r\nevil"),
    expect: '205 "evil"',
    keeps: true,
  }),
  "a length after HEAD": () => ({
    speak: later(`${HEAD}content-length: 4\r\n\r\n`),
    request: { method: "HEAD" },
    expect: '200 ""',
    keeps: true,
  }),
};

const dripping =
  (text: string, everyMs: number): Speak =>
  (socket) =>
    http1(() => {
      let at = 0;
      const drip = setInterval(() => socket.write(text.slice(at, ++at)), everyMs);
      socket.on("close", () => clearInterval(drip));
    })(socket);

const SLOW: Faults = {
  silence: () => ({ speak: saying(), timeouts: IMPATIENT, expect: "504 response-timeout" }),
  "silence in a head": () => ({ speak: saying(HEAD), timeouts: IMPATIENT, expect: "504 response-timeout" }),
  "a head that drips": () => ({
    speak: dripping(withFields(`x: ${"y".repeat(1_000)}`), 20),
    timeouts: IMPATIENT,
    expect: "504 response-timeout",
  }),
  "interim answers that drip": () => ({
    speak: dripping("HTTP/1.1 100 Continue\r\n\r\n".repeat(10), 20),
    timeouts: IMPATIENT,
    expect: "504 response-timeout",
  }),
  "silence in a body": () => ({
    speak: saying(`${HEAD}content-length: 2\r\n\r\no`),
    timeouts: IMPATIENT,
    expect: "200, then response-incomplete",
  }),
  "silence in a chunk": () => ({
    speak: saying(`${CHUNKED}2\r\no`),
    timeouts: IMPATIENT,
    expect: "200, then response-incomplete",
  }),
  "silence before the last chunk": () => ({
    speak: saying(`${CHUNKED}2\r\nok\r\n`),
    timeouts: IMPATIENT,
    expect: "200, then response-incomplete",
  }),
  "a body that drips longer than its route allows": () => ({
    speak: dripping(`${HEAD}content-length: 1000\r\n\r\n${"x".repeat(1_000)}`, 10),
    rule: { timeouts: { requestMs: null, backendRequestMs: 900 } },
    expect: "200, then response-timeout",
  }),
  "a head that drips longer than its route allows": () => ({
    speak: dripping(withFields(`x: ${"y".repeat(1_000)}`), 20),
    rule: { timeouts: { requestMs: 500, backendRequestMs: null } },
    expect: "504 request-timeout",
  }),
};

const upload = (): Partial<Fault> => ({
  request: {
    method: "POST",
    // The body goes on for as long as it is read.
    body: new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1 << 16)) }),
  },
});
const UPLOADS: Faults = {
  "an end before the upload is read": () => ({
    ...upload(),
    speak: (socket) => void socket.once("data", () => socket.end()),
    expect: "502 connection-terminated",
  }),
  "a break before the upload is read": () => ({
    ...upload(),
    speak: (socket) => void socket.once("data", () => cutOff(socket)),
    expect: "502 connection-terminated",
  }),
  "an early answer": () => ({
    ...upload(),
    speak: saying("HTTP/1.1 413 No\r\ncontent-length: 2\r\n\r\nno"),
    expect: '413 "no"',
  }),
  "an early answer and an end": () => ({
    ...upload(),
    speak: ending("HTTP/1.1 413 No\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"),
    expect: '413 "no"',
  }),
};

http1Suites({
  "answers cut short": TRUNCATED,
  "too much": EXCESS,
  "bytes after an answer": SMUGGLED,
  "slow backends": SLOW,
  uploads: UPLOADS,
});
