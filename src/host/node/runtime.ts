/** What Node gives backend/. */
import { readFileSync } from "node:fs";
import type { Runtime } from "../../backend/index.ts";
import { nodeAead, nodeSha256 } from "../node-crypto.ts";
import { nodeDial } from "./socket.ts";

const MODULE = new URL("../../../wasm/dist/lasthop_tls.wasm", import.meta.url);

/** Compiles the TLS module; call it once a process. */
export function nodeRuntime(): Runtime {
  return {
    name: "node",
    tlsModule: new WebAssembly.Module(readFileSync(MODULE)),
    aead: nodeAead,
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    randomFill: (bytes) => void crypto.getRandomValues(bytes),
    sha256: nodeSha256,
    // After all sockets with something to read were read: a backend woken by the first write finds the others' too.
    soon: (act) => void setImmediate(act),
    dial: nodeDial,
  };
}
