/** Malformed HTTP/1.1: an answer that can be read in two ways is not passed on, and its connection is closed. */
import {
  type Faults,
  ending,
  later,
  HEAD,
  CHUNKED,
  withFields,
  framed,
  coded,
  MALFORMED,
  said,
  table,
  http1Suites,
} from "./http1.ts";
import { OK, saying } from "./speak.ts";

const SPLIT: Faults = {
  ...table(
    {
      "CR in a value": withFields("x: a\rset-cookie: evil"),
      "NUL in a value": withFields("x: a\0b"),
      "DEL in a value": withFields("x: a\x7fb"),
      "a folded field": withFields("x: a\r\n set-cookie: evil"),
      "a folded field with a tab": withFields("x: a\r\n\tb"),
      "a folded content-length": `${HEAD}content-length:\r\n 2\r\n\r\nok`,
      "a field without a colon": withFields("evil"),
      "a field without a name": withFields(": evil"),
      "a space before the colon": `${HEAD}content-length : 2\r\n\r\nok`,
      "a space in a name": withFields("x y: z"),
      "a line break in a name": withFields("x\ny: z"),
      "a first field that is folded": `${HEAD} x: y\r\ncontent-length: 2\r\n\r\nok`,
      "NUL in the reason": "HTTP/1.1 200 O\0K\r\ncontent-length: 2\r\n\r\nok",
      "CR in the reason": "HTTP/1.1 200 O\rK\r\ncontent-length: 2\r\n\r\nok",
      // RFC 9112 §2.2 lets a recipient take LF for CRLF, so two recipients may see other fields.
      "LF for CRLF": "HTTP/1.1 200 OK\nx: a\nset-cookie: b\ncontent-length: 2\n\nok",
      "LF after a field": "HTTP/1.1 200 OK\r\nx: a\nset-cookie: b\r\ncontent-length: 2\r\n\r\nok",
      "LF after the status line": "HTTP/1.1 200 OK\ncontent-length: 2\r\n\r\nok",
      "LF for the empty line": "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\nok",
      "LF in an interim answer": `HTTP/1.1 103 Early Hints\nlink: </a>\r\n\r\n${OK}`,
      "LF after an interim answer": `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\ncontent-length: 2\r\n\r\nok`,
      "an empty line before the status line": `\r\n${OK}`,
      "two answers, the first malformed": `HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n${OK}`,
    },
    MALFORMED,
  ),
  "LF in a body": () => ({
    speak: later(`${HEAD}content-length: 2\r\n\r\n\n\n`),
    expect: '200 "\\n\\n"',
    keeps: true,
  }),
};

const FRAMING: Faults = {
  ...table(
    {
      "chunked beside a content-length": `${HEAD}transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
      "a content-length beside chunked": `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
      "chunked in HTTP/1.0": "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
      "gzip, chunked": coded("gzip, chunked"),
      "chunked, gzip": coded("chunked, gzip"),
      "chunked twice": coded("chunked, chunked"),
      "chunked in two fields": coded("chunked\r\ntransfer-encoding: chunked"),
      "chunked with a parameter": coded("chunked;q=1"),
      "a coding that is not chunked": coded("xchunked"),
      "a coding in quotes": coded('"chunked"'),
      identity: coded("identity"),
      "an empty coding": coded(""),
      "two lengths": framed("content-length: 2", "content-length: 3"),
      "two lengths in a list": framed("content-length: 2, 3"),
      "a signed length": framed("content-length: +2"),
      "a negative length": framed("content-length: -2"),
      "a hexadecimal length": framed("content-length: 0x2"),
      "a length with an exponent": framed("content-length: 2e0"),
      "a fractional length": framed("content-length: 2.0"),
      "a length with a space": framed("content-length: 2 0"),
      "an empty length": framed("content-length: "),
      "a length beyond 64 bits": framed("content-length: 18446744073709551618"),
    },
    MALFORMED,
  ),
  "a length with leading zeros": said(framed("content-length: 002"), "200 ok"),
  "one length twice": said(framed("content-length: 2", "content-length: 2"), "200 ok"),
  "the longest length": () => ({
    speak: ending(framed("content-length: 9007199254740993")),
    expect: "200, then response-incomplete",
  }),
};

const CHUNKS: Faults = {
  ...table(
    {
      "a size in decimal notation of C": `${CHUNKED}0x2\r\nok\r\n0\r\n\r\n`,
      "a signed size": `${CHUNKED}+2\r\nok\r\n0\r\n\r\n`,
      "a negative size": `${CHUNKED}-2\r\nok\r\n0\r\n\r\n`,
      "a space before a size": `${CHUNKED} 2\r\nok\r\n0\r\n\r\n`,
      "a size that is no number": `${CHUNKED}g\r\nok\r\n0\r\n\r\n`,
      "no size": `${CHUNKED}\r\nok\r\n0\r\n\r\n`,
      "a size beyond 64 bits": `${CHUNKED}10000000000000002\r\nok\r\n0\r\n\r\n`,
      "a size with an underscore": `${CHUNKED}0_2\r\nok\r\n0\r\n\r\n`,
      "a size that ends in LF": `${CHUNKED}2\nok\r\n0\r\n\r\n`,
      "a size that ends in CR": `${CHUNKED}2\rok\r\n0\r\n\r\n`,
      "LF in an extension": `${CHUNKED}2;a\nb\r\nok\r\n0\r\n\r\n`,
      "an extension too long": `${CHUNKED}2;${"a".repeat(100_000)}\r\nok\r\n0\r\n\r\n`,
      "a chunk longer than its size": `${CHUNKED}2\r\nokok\r\n0\r\n\r\n`,
      "a chunk shorter than its size": `${CHUNKED}3\r\nok\r\n0\r\n\r\n`,
      "a chunk that ends in LF": `${CHUNKED}2\r\nok\n0\r\n\r\n`,
      "too many trailers": `${CHUNKED}2\r\nok\r\n0\r\n${"x: y\r\n".repeat(5_000)}\r\n`,
      "a trailer too long": `${CHUNKED}2\r\nok\r\n0\r\nx: ${"y".repeat(100_000)}\r\n\r\n`,
      "a trailer without a colon": `${CHUNKED}2\r\nok\r\n0\r\nevil\r\n\r\n`,
      "a trailer that is folded": `${CHUNKED}2\r\nok\r\n0\r\nx: y\r\n z\r\n\r\n`,
      "NUL in a trailer": `${CHUNKED}2\r\nok\r\n0\r\nx: \0\r\n\r\n`,
    },
    "200, then http-protocol-error",
  ),
  "a million empty extensions": () => ({
    speak: saying(CHUNKED, "1;aaaaaaaaaaaaaaaa\r\no\r\n".repeat(50_000)),
    expect: "200, then http-protocol-error",
  }),
  extensions: said(`${CHUNKED}2;a=b\r\nok\r\n0;c\r\n\r\n`, "200 ok"),
  "a size with leading zeros": said(`${CHUNKED}0002\r\nok\r\n000\r\n\r\n`, "200 ok"),
  "framing among the trailers": said(
    `${CHUNKED}2\r\nok\r\n0\r\ncontent-length: 9\r\ntransfer-encoding: gzip\r\n\r\n`,
    "200 ok",
  ),
};

const GARBAGE: Faults = {
  ...table(
    {
      "an answer of HTTP/0.9": "<html>ok</html>\r\n\r\n",
      "HTTP/2 frames": "\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x88",
      "HTTP/2 in words": "HTTP/2 200\r\ncontent-length: 2\r\n\r\nok",
      "HTTP/1.2": "HTTP/1.2 200 OK\r\ncontent-length: 2\r\n\r\nok",
      "a lower-case version": "http/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
      "a status of two digits": "HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\nok",
      "a status of four digits": "HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\nok",
      "a status below 100": "HTTP/1.1 099 OK\r\ncontent-length: 2\r\n\r\nok",
      "a status above 599": "HTTP/1.1 600 OK\r\ncontent-length: 2\r\n\r\nok",
      "no status": "HTTP/1.1 OK\r\ncontent-length: 2\r\n\r\nok",
      "a request": "GET / HTTP/1.1\r\nhost: evil\r\n\r\n",
      "a TLS alert": "\x15\x03\x03\x00\x02\x02\x28",
      "every byte there is": String.fromCharCode(...Array.from({ length: 256 }, (_, at) => at)),
      "101 unasked": "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nok",
      "101 unasked, after 100": "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching\r\n\r\nok",
      "an interim answer unknown": `HTTP/1.1 199 What\r\ncontent-length: 2\r\n\r\nok`,
    },
    MALFORMED,
  ),
  "no reason": said("HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", "200 ok"),
  "HTTP/1.0": said("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", "200 ok", { keeps: false }),
};

const UPGRADE = { request: { upgrade: "websocket" } } as const;
const UPGRADES: Faults = {
  "101 to no protocol": said("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\n\r\n", MALFORMED, UPGRADE),
  "101 to another protocol": said(
    "HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    MALFORMED,
    UPGRADE,
  ),
  "101 to two protocols": said(
    "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    MALFORMED,
    UPGRADE,
  ),
  // RFC 9112 §6.3: an interim answer ends with its head, whatever it says.
  "101 with a length": said(
    "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nok",
    '101 ""',
    UPGRADE,
  ),
  "a good 101": said("HTTP/1.1 101 Switching\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n\r\n", '101 ""', UPGRADE),
};

http1Suites({
  "answers that are split": SPLIT,
  "framing that contradicts itself": FRAMING,
  chunks: CHUNKS,
  "what is no answer": GARBAGE,
  upgrades: UPGRADES,
});
