/** The `Runtime` of workerd: what backend/ needs of a runtime. */
import { waitUntil } from "cloudflare:workers";
import { afterMicrotasks, type Runtime } from "../../backend/index.ts";
import tlsModule from "../../../wasm/dist/lasthop_tls.wasm";
import { nodeAead, nodeSha256 } from "../node-crypto.ts";
import { cloudflareDial } from "./socket.ts";

/** The runtime of a Durable Object, whose sockets and promises outlive the request that began them. */
export const cloudflareRuntime: Runtime = {
  tlsModule,
  aead: nodeAead,
  // Both clocks stand still while the worker computes, and advance with I/O.
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  randomFill: (bytes) => void crypto.getRandomValues(bytes),
  sha256: nodeSha256,
  soon: afterMicrotasks,
  dial: cloudflareDial,
};

/**
 * The runtime of the worker itself. workerd ends an invocation when its response is sent or its client disconnects, except
 * for promises given to `waitUntil`. Cloudflare waits for these for at most 30 s.
 */
export const invocationRuntime: Runtime = { ...cloudflareRuntime, keep: waitUntil };
