/**
 * The peers that are made of Node.js alone, each a process of its own: `proxy` is node:http in front of an undici pool,
 * what one would write without a gateway; `pass` joins each client's socket with a TLS socket to the backend and looks at
 * nothing, which is as little as a proxy in JavaScript can do. Both verify chain and name of the backend. `hold` has no
 * backend: it answers all bytes alike.
 *
 *     node bench/node-peers.ts proxy|pass|hold PORT [BACKEND-PORT CA-FILE]
 */
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { connect } from "node:tls";
import { Pool } from "undici";
import { SNI } from "./cluster.ts";

/** The fields that end at a hop (RFC 9110 §7.6.1), and `host`, which undici would take for the name in the certificate. */
const NOT_PASSED = new Set(
  "connection,host,keep-alive,proxy-connection,te,trailer,transfer-encoding,upgrade".split(","),
);

const [kind, port, backendPort, caFile = ""] = process.argv.slice(2);
const KINDS: Readonly<Record<string, () => void>> = { proxy: serveProxy, pass: passThrough, hold };
KINDS[kind ?? ""]?.();

function backend(): { ca: string; servername: string } {
  return { ca: readFileSync(caFile, "utf8"), servername: SNI };
}

function serveProxy(): void {
  const pool = new Pool(`https://127.0.0.1:${backendPort}`, { connect: backend(), connections: 64, pipelining: 1 });
  const server = createHttpServer((request, response) => {
    const headers = Object.entries(request.headers).filter(([name]) => !NOT_PASSED.has(name));
    const { method = "GET", url = "/" } = request;
    const hasBody = method !== "GET" && method !== "HEAD";
    pool.stream(
      {
        method,
        path: url,
        headers: Object.fromEntries(headers) as Record<string, string>,
        body: hasBody ? request : null,
      },
      ({ statusCode, headers: fields }) => {
        const passed = Object.entries(fields).filter(([name, value]) => value !== undefined && !NOT_PASSED.has(name));
        response.writeHead(statusCode, Object.fromEntries(passed) as Record<string, string>);
        return response;
      },
      (error) => {
        if (error !== null) response.destroy(error);
      },
    );
  });
  server.keepAliveTimeout = 60_000;
  server.listen(Number(port), "127.0.0.1");
}

function passThrough(): void {
  const tls = backend();
  createServer({ noDelay: true }, (client) => {
    const server = connect({ host: "127.0.0.1", port: Number(backendPort), ...tls, ALPNProtocols: ["http/1.1"] });
    client.pipe(server).pipe(client);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const)
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
  }).listen(Number(port), "127.0.0.1");
}

function hold(): void {
  const answer = Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  createServer((client) => {
    client.on("error", () => undefined).on("data", () => client.write(answer));
  }).listen(Number(port), "127.0.0.1");
}
