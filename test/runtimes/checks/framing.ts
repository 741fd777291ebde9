/** Checks of the boundaries between requests: what is malformed or ambiguous is refused. */
import { deepEqual, match } from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import type { Check } from "../check.ts";

/** The checks. */
export const FRAMING: readonly Check[] = [
  {
    name: "several requests on one connection, sent at once",
    async run({ port }) {
      const socket = connect(port(80), "127.0.0.1");
      const get = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nHost: plain.example.com\r\n${more}\r\n`;
      socket.write(get("/one") + get("/two") + get("/three", "Connection: close\r\n"));
      const received = await text(socket);
      deepEqual(received.match(/HTTP\/1.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 200"]);
    },
  },
  {
    name: "refuses a request that is none",
    async run({ port }) {
      for (const request of [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: plain.example.com\r\nHost: h1.example.com\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: plain.example.com\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "GET / HTTP/1.1\r\nHost: plain.example.com\r\nX : a\r\n\r\n",
        "no request\r\n\r\n",
      ]) {
        const socket = connect(port(80), "127.0.0.1");
        socket.write(request);
        const [answer] = (await once(socket, "data")) as [Buffer];
        socket.destroy();
        match(String(answer), /^HTTP\/1\.1 400 /, JSON.stringify(request));
      }
    },
  },
  {
    name: "no smuggling by Content-Length beside Transfer-Encoding",
    async run({ port }) {
      const socket = connect(port(80), "127.0.0.1");
      socket.write(
        "POST / HTTP/1.1\r\nHost: plain.example.com\r\nConnection: close\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      );
      // RFC 9112 §6.3: Transfer-Encoding overrides, and Content-Length MUST be removed; or 400.
      match(await text(socket), /^HTTP\/1\.1 (?:400 |200 OK(?![^]*"content-length"))/);
    },
  },
];
