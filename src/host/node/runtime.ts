/** The `Runtime` of Node, and of Deno and Bun: what backend/ needs of a runtime. */
import { readFileSync } from "node:fs";
import type { Runtime } from "../../backend/index.ts";
import { nodeAead, nodeSha256 } from "../node-crypto.ts";
import { isDeno } from "./deno.ts";
import { nodeDial } from "./socket.ts";

const MODULE = new URL("../../../wasm/dist/lasthop_server.wasm", import.meta.url);

/** Deno (2.9.6) takes 114 µs to open a record of 16 kB by AES-GCM, and 22 by ChaCha20-Poly1305; Node 17 and 26. */
const denoAead: typeof nodeAead = () => ({ ...nodeAead(), ciphers: ["chacha20-poly1305", "aes-gcm"] });

/** The runtime of this process. Each call compiles the TLS module, so call it once. */
export function nodeRuntime(): Runtime {
  return {
    tlsModule: new WebAssembly.Module(readFileSync(MODULE)),
    aead: isDeno ? denoAead : nodeAead,
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    randomFill: (bytes) => void crypto.getRandomValues(bytes),
    sha256: nodeSha256,
    // After all sockets that are ready have been read: a backend that wakes for the first write then gets all writes.
    soon: (act) => void setImmediate(act),
    dial: nodeDial,
  };
}
