/** What workerd gives backend/. */
import { waitUntil } from "cloudflare:workers";
import { afterMicrotasks, type Runtime } from "../../backend/index.ts";
import tlsModule from "../../../wasm/dist/lasthop_tls.wasm";
import { nodeAead, nodeSha256 } from "../node-crypto.ts";
import { cloudflareDial } from "./socket.ts";

/** For an object: its sockets and promises live as long as the object, whatever becomes of a request. */
export const cloudflareRuntime: Runtime = {
  name: "workerd",
  tlsModule,
  aead: nodeAead,
  // Both stand still while the worker computes, and move on with I/O.
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  randomFill: (bytes) => void crypto.getRandomValues(bytes),
  sha256: nodeSha256,
  soon: afterMicrotasks,
  dial: cloudflareDial,
};

/**
 * For the worker itself: workerd ends an invocation when its response has left or its client is gone, but for what it
 * was asked to wait for. Cloudflare waits for at most 30 s.
 */
export const invocationRuntime: Runtime = { ...cloudflareRuntime, keep: waitUntil };
