/**
 * The secrets file that belongs to a bundle: private keys, each under the digest of its public key, which the
 * bundle's certificates name. Keys have a file of their own, so that no bundle contains one; `build --secrets`
 * writes it with mode 0600.
 */
import { fromBase64, isSha256Hex } from "./bytes.ts";
import { canonicalJson } from "./canonical.ts";
import { BundleError } from "./refusal.ts";
import type { Bundle, Sha256Hex } from "./types.ts";

/** The format of the secrets file that this version reads and writes. */
const SECRETS_FORMAT = 1;

/** Private keys, PKCS#8 DER, by {@link BundleCertificate.keyDigest}. Prints as `[redacted]`. */
export class Secrets {
  readonly #keys: ReadonlyMap<Sha256Hex, Uint8Array>;

  constructor(keys: ReadonlyMap<Sha256Hex, Uint8Array>) {
    this.#keys = keys;
  }

  /**
   * The private key of a certificate. Throws a BundleError when the file lacks it; `source` names the certificate in
   * the message.
   */
  key(keyDigest: Sha256Hex, source: string): Uint8Array {
    const key = this.#keys.get(keyDigest);
    if (key !== undefined) return key;
    throw new BundleError("missing-key", "certificates", `the secrets file has no key for ${source}`);
  }

  /** All keys, to hand them to another process of ours. */
  entries(): Iterable<readonly [Sha256Hex, Uint8Array]> {
    return this.#keys;
  }

  toJSON(): string {
    return "[redacted]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[redacted]";
  }
}

/** The secrets of a bundle without certificates. */
export const NO_SECRETS: Secrets = new Secrets(new Map());

/** Encodes the file's text, ending in a newline. `keys` are PKCS#8 DER in base64. */
export function encodeSecrets(keys: ReadonlyMap<Sha256Hex, string>): string {
  return `${canonicalJson({ format: SECRETS_FORMAT, keys: Object.fromEntries(keys) })}\n`;
}

/** Decodes the file's text. Throws a {@link BundleError}, which never quotes the file. */
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
