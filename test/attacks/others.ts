/** Backends that nobody should trust or that misbehave, each behind a route of its own, and one over TLS that is good. */
import { once } from "node:events";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
// The module reflect-metadata must be loaded before x509.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { backendYaml, policyYaml } from "../support/manifests.ts";
import { type Minted, mintCa, mintLeaf } from "../support/pki.ts";
import { dns } from "../support/certificates.ts";
import { seq, tlv } from "../support/der.ts";

/** The names of the backends. */
export const OTHERS = ["secure", "junk", "constraints", "refused", "informational", "barelf"] as const;
/** The first label of a backend's host under example.com. */
export type OtherName = (typeof OTHERS)[number];

/** The running backends. */
export interface Others {
  /** The manifests of their routes, Services and policies. */
  readonly yaml: string;
  readonly port: (name: OtherName) => number;
  /** The number of connections that have reached a backend since the last reset. */
  readonly dialled: (name: OtherName) => number;
  reset(): void;
  close(): void;
}

/** The size of the answer of `secure`. */
export const ANSWER_BYTES = 100_000;
const SECURED = new Set<OtherName>(["secure", "junk", "constraints", "refused"]);
const CRLF = "\r\n";

/** Starts the backends. `root` signs the certificates of those that are vouched for. */
export async function startOthers(root: Minted): Promise<Others> {
  const servers: Record<OtherName, Server> = {
    secure: await secure(root),
    junk: tlsOf(await junk()),
    constraints: tlsOf(await constrained(root)),
    refused: tlsOf(await mintLeaf({ issuer: await mintCa({ name: "another" }), dns: [hostOf("refused")] })),
    informational: createServer(informational),
    barelf: createServer((socket) => {
      socket.on("error", () => undefined).once("data", () => socket.end("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"));
    }),
  };
  const sockets = new Set<Socket>();
  const dialled = new Map<OtherName, number>();
  for (const name of OTHERS) {
    servers[name].on("connection", (socket: Socket) => {
      sockets.add(socket);
      dialled.set(name, (dialled.get(name) ?? 0) + 1);
      socket.on("error", () => undefined).once("close", () => sockets.delete(socket));
    });
    servers[name].on("tlsClientError", () => undefined);
    servers[name].listen({ port: 0, host: "127.0.0.1", backlog: 4_096 });
    await once(servers[name], "listening");
  }
  const port = (name: OtherName): number => (servers[name].address() as AddressInfo).port;
  const yaml = OTHERS.map((name) => {
    const policy = SECURED.has(name) ? policyYaml("test", name, hostOf(name)) : "";
    return backendYaml("test", name, port(name), SECURED.has(name) ? "https" : "http") + policy;
  });
  return {
    yaml: yaml.join(""),
    port,
    dialled: (name) => dialled.get(name) ?? 0,
    reset: () => dialled.clear(),
    close() {
      for (const name of OTHERS) servers[name].close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** The host of the route to a backend. */
export const hostOf = (name: OtherName): string => `${name}.example.com`;

async function secure(root: Minted): Promise<Server> {
  const { chainPem, keyPem } = await mintLeaf({ issuer: root, dns: [hostOf("secure")] });
  const answer = Buffer.alloc(ANSWER_BYTES, 0x61);
  return createHttps({ cert: chainPem, key: keyPem, ALPNProtocols: ["http/1.1"] }, (request, response) => {
    request.resume();
    response.end(answer);
  });
}

/** A TLS server that closes after each answer, so that the next request takes another handshake. */
function tlsOf({ chainPem, keyPem }: Minted): Server {
  return createTls({ cert: chainPem, key: keyPem, ALPNProtocols: ["http/1.1"] }, (socket) => {
    socket
      .on("error", () => undefined)
      .once("data", () => {
        socket.end(`HTTP/1.1 200 OK${CRLF}Content-Length: 2${CRLF}Connection: close${CRLF}${CRLF}ok`);
      });
  });
}

/** A certificate of an unknown CA; its names are 28 kB each of combining marks, which are slow to put into NFKC. */
function junk(): Promise<Minted> {
  return mintLeaf({ name: `a${"\u0301\u0316".repeat(7_000)}`, dns: [hostOf("junk")] });
}

/** A certificate with 1,000 names, below a CA of the policy that forbids 1,000 others. */
async function constrained(root: Minted): Promise<Minted> {
  const subtrees = Array.from({ length: 1_000 }, (_, index) => seq(dns(`n${index}.forbidden.example`)));
  const value = seq(tlv(0xa1, ...subtrees));
  const extension = new x509.Extension("2.5.29.30", true, new Uint8Array(value));
  const issuer = await mintCa({ name: "sub", issuer: root, extensions: [extension] });
  const names = Array.from({ length: 1_000 }, (_, index) => `n${index}.allowed.example`);
  return mintLeaf({ issuer, dns: [hostOf("constraints"), ...names] });
}

/** Answers with one 103 after the other, for as long as the client reads. */
function informational(socket: Socket): void {
  const piece = Buffer.from(`HTTP/1.1 103 Early Hints${CRLF}X: a${CRLF}${CRLF}`.repeat(500));
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece)) continue;
  };
  socket
    .on("error", () => undefined)
    .on("drain", more)
    .once("data", more);
}
