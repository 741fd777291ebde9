/** What Node gives backend/. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Host } from "../../backend/host.ts";
import { nodeAead } from "../node-crypto.ts";
import { nodeDial } from "./socket.ts";

const MODULE = new URL("../../../wasm/dist/lasthop_tls.wasm", import.meta.url);

/** Compiles the TLS module; call it once a process. */
export function nodeHost(): Host {
  return {
    name: "node",
    tlsModule: new WebAssembly.Module(readFileSync(MODULE)),
    aead: nodeAead(),
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    randomFill: (bytes) => void crypto.getRandomValues(bytes),
    sha256: (bytes) => createHash("sha256").update(bytes).digest(),
    dial: nodeDial,
  };
}
