/** The backend of the measured clients, in a process of its own, so that its CPU is not theirs. Prints its ports as JSON. */
import { constants } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createServer, type ServerOptions } from "node:https";
import type { AddressInfo, Server } from "node:net";
import type { Writable } from "node:stream";
import { mintCa, mintLeaf } from "../test/support/pki.ts";

const CHUNK = Buffer.alloc(1 << 20, 0x61);

const root = await mintCa({ name: "bench root" });
const issuing = await mintCa({ name: "bench issuing", issuer: root });
const leaf = await mintLeaf({ issuer: issuing, dns: ["backend.internal"] });

// Clients choose the cipher, as with nginx by default.
const identity = { key: leaf.keyPem, cert: leaf.chainPem, honorCipherOrder: false };

/** Answers with N MiB to a request for `?mb=N`, with N bytes to `?bytes=N`, else with 100; after an upload has ended. */
function answer(request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse): void {
  if (request.method !== "POST") return sendBody(request, response);
  request.on("end", () => sendBody(request, response)).resume();
}

function sendBody(request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse): void {
  const query = new URL(request.url ?? "/", "http://b").searchParams;
  const megabytes = Number(query.get("mb") ?? 0);
  const small = CHUNK.subarray(0, Number(query.get("bytes") ?? 100));
  response.setHeader("content-length", megabytes === 0 ? small.length : megabytes * CHUNK.length);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both are Writables; their overloads do not unite
  const out = response as Writable;
  if (megabytes === 0) return void out.end(small);
  let remaining = megabytes;
  const writeMore = (): void => {
    while (remaining > 0) {
      remaining--;
      if (!out.write(CHUNK)) return void out.once("drain", writeMore);
    }
    out.end();
  };
  writeMore();
}

const http1 = (options: ServerOptions): Promise<number> =>
  listen(createServer({ ...identity, ALPNProtocols: ["http/1.1"], ...options }, answer));

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

// Without tickets and without a session store, no handshake can be resumed.
const full = await http1({ secureOptions: constants.SSL_OP_NO_TICKET });
const resuming = await http1({});
const aes128 = await http1({ ciphers: "TLS_AES_128_GCM_SHA256" });
const http2 = await listen(createSecureServer(identity, answer));
console.log(
  JSON.stringify({
    full,
    resuming,
    aes128,
    http2,
    caPem: root.certPem,
  }),
);
process.on("disconnect", () => process.exit(0));
