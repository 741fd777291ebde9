/**
 * The secrets file beside a bundle: private keys, each under the digest of its public key, which the bundle's
 * certificates name. A file of its own, so that no bundle ever holds a key; `build --secrets` writes it with mode 0600.
 */
import { fromBase64, isSha256Hex } from "./bytes.ts";
import { canonicalJson } from "./codec.ts";
import { BundleError } from "./refusal.ts";
import type { Bundle, Sha256Hex } from "./types.ts";

export const SECRETS_FORMAT = 1;

/** PKCS#8 DER by {@link BundleCertificate.keyDigest}. Prints as `[redacted]`. */
export class Secrets {
  readonly #keys: ReadonlyMap<Sha256Hex, Uint8Array>;

  constructor(keys: ReadonlyMap<Sha256Hex, Uint8Array>) {
    this.#keys = keys;
  }

  /** The key of a certificate. Throws a BundleError without it. */
  key(keyDigest: Sha256Hex, source: string): Uint8Array {
    const key = this.#keys.get(keyDigest);
    if (key !== undefined) return key;
    throw new BundleError("missing-key", "certificates", `the secrets file has no key for ${source}`);
  }

  toJSON(): string {
    return "[redacted]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[redacted]";
  }
}

export const NO_SECRETS: Secrets = new Secrets(new Map());

/** The file's text, ending in a newline. `keys` as base64 PKCS#8 DER. */
export function encodeSecrets(keys: ReadonlyMap<Sha256Hex, string>): string {
  return `${canonicalJson({ format: SECRETS_FORMAT, keys: Object.fromEntries(keys) })}\n`;
}

/** Throws a {@link BundleError}, which never quotes the file. */
export function decodeSecrets(text: string): Secrets {
  const refuse = (detail: string): never => {
    throw new BundleError("bad-secrets", "", detail);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse("the secrets file is not JSON");
  }
  if (value === null || typeof value !== "object" || !("format" in value) || !("keys" in value))
    return refuse("the secrets file wants the fields format and keys");
  if (value.format !== SECRETS_FORMAT) return refuse(`this version reads secrets of format ${SECRETS_FORMAT}`);
  const { keys } = value;
  if (keys === null || typeof keys !== "object" || Array.isArray(keys)) return refuse("keys is no object");
  const decoded = new Map<Sha256Hex, Uint8Array>();
  for (const [digest, key] of Object.entries(keys as Record<string, unknown>)) {
    if (!isSha256Hex(digest) || typeof key !== "string") return refuse("keys maps digests to base64");
    try {
      decoded.set(digest, fromBase64(key));
    } catch {
      return refuse("a key is not base64");
    }
  }
  return new Secrets(decoded);
}

/** Throws a BundleError when a key that the bundle's certificates need is not among the secrets. */
export function demandKeys(bundle: Bundle, secrets: Secrets): void {
  for (const { keyDigest, source } of Object.values(bundle.certificates)) secrets.key(keyDigest, source);
}
