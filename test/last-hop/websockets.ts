/** A WebSocket backend by ws, and one that breaks the protocol. The path of a request says which behaviour it gets. */
import { createHash } from "node:crypto";
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { createRequire } from "node:module";
import type * as ws from "ws";
import type { WebSocket } from "ws";

// Node resolves ws here, because the setup of the tests in workerd would resolve the form of ws for browsers.
const { WebSocketServer } = createRequire(import.meta.url)("ws") as typeof ws;

/** Takes upgrades of a server, plain or TLS. */
export function serveWebSockets(server: Pick<Server, "on">): void {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const url = new URL(request.url ?? "/", "http://backend");
    const raw = RAW[url.pathname];
    if (raw !== undefined) return raw(request, socket);
    sockets.handleUpgrade(request, socket, head, (webSocket) => behave(webSocket, url, request));
  });
}

function behave(webSocket: WebSocket, url: URL, request: IncomingMessage): void {
  switch (url.pathname) {
    case "/ws/echo":
      webSocket.on("message", (data, isBinary) => webSocket.send(data, { binary: isBinary }));
      webSocket.on("close", (code, reason) => closed.push({ code, reason: reason.toString() }));
      return;
    case "/ws/seen":
      return webSocket.send(JSON.stringify(request.headers));
    case "/ws/ping":
      webSocket.once("pong", (data) => webSocket.send(`pong ${data.toString()}`));
      return webSocket.ping("beat");
    case "/ws/fragments":
      for (const [text, fin] of [
        ["in ", false],
        ["three ", false],
        ["parts", true],
      ] as const)
        webSocket.send(text, { fin });
      return;
    case "/ws/close":
      return webSocket.close(4001, "enough");
    case "/ws/big":
      return webSocket.send(Buffer.alloc(Number(url.searchParams.get("bytes"))));
    case "/ws/stuck":
      return webSocket.pause();
    default:
      return webSocket.terminate();
  }
}

/** The code and the reason of clients' Close frames, in order of arrival. */
export const closed: { code: number; reason: string }[] = [];

const accept = ({ headers }: IncomingMessage): string =>
  createHash("sha1").update(`${headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");

const switching = (key: string, more = ""): string =>
  `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${key}\r\n${more}\r\n`;

const RAW: Readonly<Record<string, (request: IncomingMessage, socket: Duplex) => void>> = {
  "/ws/bad-accept": (_, socket) => socket.write(switching("bm90IHRoZSByaWdodCBvbmU=")),
  "/ws/bad-extension": (request, socket) =>
    socket.write(switching(accept(request), "sec-websocket-extensions: permessage-deflate\r\n")),
  "/ws/bad-protocol": (request, socket) =>
    socket.write(switching(accept(request), "sec-websocket-protocol: unasked\r\n")),
  "/ws/refuse": (_, socket) => socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno"),
  // The frame has reserved bits.
  "/ws/garbage": (request, socket) => {
    socket.write(switching(accept(request)));
    socket.write(Buffer.from([0xf1, 0x01, 0x61]));
  },
  // The frame announces more bytes than come.
  "/ws/cut": (request, socket) => {
    socket.write(switching(accept(request)));
    socket.end(Buffer.from([0x82, 0x7d, 0x61]));
  },
};
