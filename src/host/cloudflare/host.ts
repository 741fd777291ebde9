/** What workerd gives backend/. */
import type { Host } from "../../backend/host.ts";
import tlsModule from "../../../wasm/dist/lasthop_tls.wasm";
import { afterMicrotasks } from "../../backend/soon.ts";
import { nodeAead, nodeSha256 } from "../node-crypto.ts";
import { cloudflareDial } from "./socket.ts";

export const cloudflareHost: Host = {
  name: "workerd",
  tlsModule,
  aead: nodeAead(),
  // Both stand still while the worker computes, and move on with I/O.
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  randomFill: (bytes) => void crypto.getRandomValues(bytes),
  sha256: nodeSha256,
  soon: afterMicrotasks,
  dial: cloudflareDial,
};
