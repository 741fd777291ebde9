/** Reasons why runtimes cannot do something, in the words of docs/architecture.md, with which test/docs.test.ts compares. */

/** The reasons of workerd. */
export const WORKERD = {
  trailers: "dropped (a web `Response` has none)",
  informational: "dropped; workerd answers 100-continue itself",
  upgrades: "workerd answers 400 itself",
  tls: "the platform's certificates, when it is told so",
  http2: "the platform's protocols",
  limits: "the platform's limits",
  bundles: "a deployment, or what KV publishes",
  shutdown: "the platform's shutdown",
} as const;

/** The reasons of Node, Deno and Bun. */
export const SERVE = { informational: "carried over HTTP/1.1, withheld over HTTP/2" } as const;

/** The suite that a backend gets which follows the gateway's order: Bun's `node:crypto` has no ChaCha20-Poly1305. */
export const FIRST_SUITE = {
  node: "TLS_CHACHA20_POLY1305_SHA256",
  deno: "TLS_CHACHA20_POLY1305_SHA256",
  bun: "TLS_AES_256_GCM_SHA384",
  workerd: "TLS_CHACHA20_POLY1305_SHA256",
} as const;

/**
 * The most bytes of a body that a runtime may buffer while one side does not read. Bun itself buffers 1 MB: it reads 512 kB
 * at a time, and once more after `pause`. workerd itself buffers 0.5 MB of a response.
 */
export const HELD_BYTES = { node: 1 << 20, deno: 1 << 20, bun: 3 << 19, workerd: 3 << 19 } as const;
