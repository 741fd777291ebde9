/** What runtimes cannot carry, in the words of the table in docs/architecture.md; test/docs.test.ts compares. */
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

export const DENO = { heads: "on Deno it waits for the body's first bytes" } as const;

export const BUN = { trailers: "dropped on the way to an HTTP/1.1 client" } as const;

/**
 * Bytes of a body that a runtime may hold while one side stops. Bun reads 512 kB of a socket at a time, and once more
 * after it was told to pause (1 MB); a bare worker on workerd whose response nobody reads holds 0.5 MB of it.
 */
export const HELD_BYTES = { node: 1 << 20, deno: 1 << 20, bun: 3 << 19, workerd: 3 << 19 } as const;
