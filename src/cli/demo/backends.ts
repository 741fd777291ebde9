/** TLS backends on loopback for the demo. Each answers with the SNI of its connection, and counts request bytes. */
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { createSecureContext, type TLSSocket } from "node:tls";
import { type Minted, mintCa, mintLeaf } from "./pki.ts";

/** What one backend has received. */
interface Seen {
  /** The SNI of each handshake. */
  readonly sni: string[];
  /** The number of bytes received within TLS. Zero after a refusal: the gateway has sent no part of the request. */
  requestBytes: number;
}

/** The running backends and their CAs. */
export interface DemoBackends {
  /** The CA that the demo's policies trust. */
  readonly shopCa: Minted;
  /** A CA that no policy names. */
  readonly otherCa: Minted;
  readonly ports: Readonly<Record<BackendName, number>>;
  readonly seen: Readonly<Record<BackendName, Seen>>;
  close(): Promise<void>;
}

/** The name of a backend. `shared` serves storefront and catalog from one address; every other has one certificate. */
export type BackendName = "shared" | "ledger" | "partner" | "wrongCa" | "wrongName" | "expired";

const DAY_MS = 86_400_000;

/** Mints certificates and starts the backends on free ports. */
export async function startBackends(): Promise<DemoBackends> {
  const shopCa = await mintCa({ name: "shop demo CA" });
  const otherCa = await mintCa({ name: "some other CA" });
  const issuing = await mintCa({ name: "shop demo issuing CA", issuer: shopCa, pathLength: 0 });
  const leaf = (dns: string, more: { issuer?: Minted; uris?: string[]; notBefore?: Date; notAfter?: Date } = {}) =>
    mintLeaf({ issuer: issuing, dns: [dns], ...more });

  const yesterday = { notBefore: new Date(Date.now() - 3 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
  const storefront = await leaf("storefront.shop.internal");
  const certificates: Readonly<Record<BackendName, readonly Minted[]>> = {
    shared: [storefront, await leaf("catalog.shop.internal")],
    ledger: [await leaf("ledger.shop.internal", { uris: ["spiffe://shop.internal/ns/shop/sa/ledger"] })],
    partner: [await leaf("partner.example.com")],
    wrongCa: [await leaf("wrong-ca.shop.internal", { issuer: otherCa })],
    wrongName: [await leaf("somebody-else.shop.internal")],
    expired: [await leaf("expired.shop.internal", yesterday)],
  };

  const seen = {} as Record<BackendName, Seen>;
  const ports = {} as Record<BackendName, number>;
  const servers: Server[] = [];
  for (const name of Object.keys(certificates) as BackendName[]) {
    seen[name] = { sni: [], requestBytes: 0 };
    const server = await serveBackend(certificates[name], seen[name]);
    servers.push(server);
    ports[name] = (server.address() as AddressInfo).port;
  }
  return { shopCa, otherCa, ports, seen, close: () => closeAll(servers) };
}

async function serveBackend(certificates: readonly Minted[], seen: Seen): Promise<Server> {
  const [fallback] = certificates;
  if (fallback === undefined) throw new RangeError("a backend needs a certificate");
  const contexts = new Map(
    certificates.map((minted) => [
      minted.certificate.subject.replace(/^CN=/, ""),
      createSecureContext({ key: minted.keyPem, cert: minted.chainPem }),
    ]),
  );
  const server = createServer(
    {
      key: fallback.keyPem,
      cert: fallback.chainPem,
      SNICallback: (servername, done) => {
        seen.sni.push(servername);
        done(null, contexts.get(servername));
      },
    },
    (request, response) => {
      const { servername } = request.socket as TLSSocket;
      const { host, "x-forwarded-for": forwardedFor, "x-forwarded-proto": forwardedProto } = request.headers;
      response.setHeader("content-type", "application/json");
      response.end(
        `${JSON.stringify({ sni: servername, method: request.method, url: request.url, host, forwardedFor, forwardedProto })}\n`,
      );
    },
  );
  server.on("secureConnection", (socket) => {
    socket.on("data", (chunk: Buffer) => {
      seen.requestBytes += chunk.length;
    });
    // A gateway that refuses the certificate closes the connection during the handshake, which is an error here.
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return server;
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    ),
  );
}
