/** The benchmark's backend, in a process of its own so that only the client's CPU is measured. Prints its ports. */
import { constants } from "node:crypto";
import { createServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { mintCa, mintLeaf } from "../test/pki.ts";

const CHUNK = Buffer.alloc(1 << 20, 0x61);
const SMALL = Buffer.alloc(100, 0x62);

const root = await mintCa({ name: "bench root" });
const issuing = await mintCa({ name: "bench issuing", issuer: root });
const leaf = await mintLeaf({ issuer: issuing, dns: ["backend.internal"] });

async function listen(options: ServerOptions): Promise<number> {
  const server = createServer(
    { key: leaf.keyPem, cert: leaf.chainPem, ALPNProtocols: ["http/1.1"], ...options },
    (request, response) => {
      const megabytes = Number(new URL(request.url ?? "/", "http://b").searchParams.get("mb") ?? 0);
      response.setHeader("content-length", megabytes === 0 ? SMALL.length : megabytes * CHUNK.length);
      if (megabytes === 0) return void response.end(SMALL);
      let left = megabytes;
      const more = (): void => {
        while (left > 0) {
          left--;
          if (!response.write(CHUNK)) return void response.once("drain", more);
        }
        response.end();
      };
      more();
    },
  );
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

// Without tickets and without a session store no handshake resumes.
const full = await listen({ secureOptions: constants.SSL_OP_NO_TICKET });
const resuming = await listen({});
const aes128 = await listen({ ciphers: "TLS_AES_128_GCM_SHA256" });
console.log(
  JSON.stringify({ full, resuming, aes128, anchor: Buffer.from(root.der).toString("base64"), anchorPem: root.certPem }),
);
process.on("disconnect", () => process.exit(0));
