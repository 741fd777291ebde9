/** Requests whose end, target or method can be read in two ways, as bytes; HOST stands for the route's host. */

/** A malformed request. */
export interface Malformed {
  readonly name: string;
  readonly bytes: string;
  /** The statuses of the answer: several where the runtimes' parsers may differ. */
  readonly status: readonly number[];
}

const HEAD = "Host: HOST\r\n";
const CHUNKED = "Transfer-Encoding: chunked\r\n";
const BODY = "3\r\nabc\r\n0\r\n\r\n";

/**
 * Malformed requests, by RFC 9112 where no other source is named. After the answer the connection closes, and no backend
 * has received anything.
 */
export const MALFORMED: readonly Malformed[] = [
  { name: "no HTTP at all", bytes: "\x16\x03\x01\x02\x00\x01\r\n\r\n", status: [400] },
  { name: "a method that nobody knows", bytes: `G@T / HTTP/1.1\r\n${HEAD}\r\n`, status: [400] },
  { name: "a space before the colon (§5.1)", bytes: `GET / HTTP/1.1\r\nHost : HOST\r\n\r\n`, status: [400] },
  { name: "a folded field (§5.2)", bytes: `GET / HTTP/1.1\r\n${HEAD}X: a\r\n b\r\n\r\n`, status: [400] },
  { name: "a bare CR in a field", bytes: `GET / HTTP/1.1\r\n${HEAD}X: a\rb: c\r\n\r\n`, status: [400] },
  { name: "a NUL in a field", bytes: `GET / HTTP/1.1\r\n${HEAD}X: a\0b\r\n\r\n`, status: [400] },
  { name: "HTTP/3.0", bytes: `GET / HTTP/3.0\r\n${HEAD}\r\n`, status: [400, 505] },
  { name: "fields past the limit", bytes: `GET / HTTP/1.1\r\n${HEAD}X: ${"a".repeat(70_000)}\r\n\r\n`, status: [431] },
  { name: "chunks in HTTP/1.0 (§6.1)", bytes: `POST / HTTP/1.0\r\n${HEAD}${CHUNKED}\r\n${BODY}`, status: [400] },
  { name: "two codings' fields", bytes: `POST / HTTP/1.1\r\n${HEAD}${CHUNKED}${CHUNKED}\r\n${BODY}`, status: [400] },
  {
    name: "a coding that is not chunked (§6.3)",
    bytes: `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: gzip\r\n\r\n${BODY}`,
    status: [400],
  },
  {
    name: "chunked that is not final (§6.3)",
    bytes: `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked, gzip\r\n\r\n${BODY}`,
    status: [400],
  },
  {
    name: "chunked twice",
    bytes: `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked, chunked\r\n\r\n${BODY}`,
    status: [400],
  },
  {
    name: "a coding that nobody knows (§6.1)",
    bytes: `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: xchunked\r\n\r\n${BODY}`,
    status: [400, 501],
  },
  {
    name: "gzip before chunked (§6.1)",
    bytes: `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n${BODY}`,
    status: [400, 501],
  },
  {
    name: "a length and chunks (§6.3)",
    bytes: `POST / HTTP/1.1\r\n${HEAD}Content-Length: 3\r\n${CHUNKED}\r\n${BODY}`,
    status: [400],
  },
  {
    name: "two lengths (§6.3)",
    bytes: `POST / HTTP/1.1\r\n${HEAD}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
    status: [400],
  },
  { name: "a length with a sign", bytes: `POST / HTTP/1.1\r\n${HEAD}Content-Length: +3\r\n\r\nabc`, status: [400] },
  { name: "a negative length", bytes: `POST / HTTP/1.1\r\n${HEAD}Content-Length: -3\r\n\r\nabc`, status: [400] },
  { name: "no Host (§3.2)", bytes: "GET / HTTP/1.1\r\n\r\n", status: [400] },
  { name: "two Hosts (§3.2)", bytes: `GET / HTTP/1.1\r\n${HEAD}${HEAD}\r\n`, status: [400] },
  { name: "CONNECT (RFC 9110 §9.3.6)", bytes: `CONNECT HOST:443 HTTP/1.1\r\nHost: HOST:443\r\n\r\n`, status: [405] },
  { name: "a backslash in the path", bytes: `GET /\\other HTTP/1.1\r\n${HEAD}\r\n`, status: [400] },
  { name: "an escaped slash", bytes: `GET /a%2Fb HTTP/1.1\r\n${HEAD}\r\n`, status: [400] },
  { name: "an escaped backslash", bytes: `GET /a%5cb HTTP/1.1\r\n${HEAD}\r\n`, status: [400] },
  { name: "an escaped NUL", bytes: `GET /a%00b HTTP/1.1\r\n${HEAD}\r\n`, status: [400] },
];

/** Requests that are well-formed, with the statuses of all answers. Behind each comes one that closes the connection. */
export const WELL_FORMED: readonly {
  readonly name: string;
  readonly bytes: string;
  readonly statuses: readonly number[];
}[] = [
  { name: "HTTP/1.0", bytes: "GET / HTTP/1.0\r\nHost: HOST\r\n\r\n", statuses: [200] },
  {
    name: "HTTP/1.0 that stays",
    bytes: "GET / HTTP/1.0\r\nHost: HOST\r\nConnection: keep-alive\r\n\r\n",
    statuses: [200, 200],
  },
  { name: "a HEAD", bytes: "HEAD / HTTP/1.1\r\nHost: HOST\r\n\r\n", statuses: [200, 200] },
  {
    name: "empty lines before the request",
    bytes: "\r\n\r\nGET / HTTP/1.1\r\nHost: HOST\r\n\r\n",
    statuses: [200, 200],
  },
  {
    name: "three in one piece",
    bytes: "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n".repeat(3),
    statuses: [200, 200, 200, 200],
  },
  {
    name: "a body with a length",
    bytes: "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello",
    statuses: [200, 200],
  },
  { name: "a length of 0", bytes: "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n", statuses: [200, 200] },
  {
    name: "chunks with extensions and trailers",
    bytes: "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
    statuses: [200, 200],
  },
  {
    name: "a coding in upper case",
    bytes: "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    statuses: [200, 200],
  },
  {
    name: "a body that waits for 100",
    bytes: "POST / HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    statuses: [100, 200, 200],
  },
  {
    name: "an unknown expectation",
    bytes: "GET / HTTP/1.1\r\nHost: HOST\r\nExpect: 200-maybe\r\n\r\n",
    statuses: [417, 200],
  },
  {
    name: "an absolute target",
    bytes: "GET http://HOST/ HTTP/1.1\r\nHost: other.example.org\r\n\r\n",
    statuses: [200, 200],
  },
  {
    name: "an upgrade that is none",
    bytes: "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    statuses: [200, 200],
  },
  { name: "no Host", bytes: "GET / HTTP/1.1\r\n\r\n", statuses: [400, 200] },
  { name: "a route that is none", bytes: "GET / HTTP/1.1\r\nHost: none.example.org\r\n\r\n", statuses: [404, 200] },
  { name: "CONNECT", bytes: "CONNECT HOST:443 HTTP/1.1\r\nHost: HOST\r\n\r\n", statuses: [405] },
  {
    name: "a value with bytes above 127",
    bytes: "GET / HTTP/1.1\r\nHost: HOST\r\nX-Y: \xe9\r\n\r\n",
    statuses: [200, 200],
  },
  { name: "white space around a value", bytes: "GET / HTTP/1.1\r\nHost: \t HOST \t\r\n\r\n", statuses: [200, 200] },
  { name: "an empty value", bytes: "GET / HTTP/1.1\r\nHost: HOST\r\nX-Y:\r\n\r\n", statuses: [200, 200] },
];
