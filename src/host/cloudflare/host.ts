/** What workerd gives backend/. */
import { createHash } from "node:crypto";
import type { Host } from "../../backend/host.ts";
import tlsModule from "../../../wasm/dist/lasthop_tls.wasm";
import { nodeAead } from "../node-crypto.ts";
import { cloudflareDial } from "./socket.ts";

export const cloudflareHost: Host = {
  name: "workerd",
  tlsModule,
  aead: nodeAead(),
  // Both stand still while the worker computes, and move on with I/O.
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  randomFill: (bytes) => void crypto.getRandomValues(bytes),
  sha256: (bytes) => createHash("sha256").update(bytes).digest(),
  dial: cloudflareDial,
};
