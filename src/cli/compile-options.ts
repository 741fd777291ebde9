/**
 * The options of `build` and `controller` that say which addresses, annotations and plaintext a compilation accepts,
 * for `parseArgs`.
 */
export const COMPILE_OPTIONS = {
  "allow-loopback": { type: "boolean", default: false },
  "allow-address-annotation": { type: "boolean", default: false },
  "allow-external-name": { type: "boolean", default: false },
  "require-backend-tls": { type: "boolean", default: false },
} as const;
