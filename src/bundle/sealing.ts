/**
 * Encrypts the secrets file for a store that others can read (Cloudflare KV): AES-256-GCM under a key that is a
 * Worker secret. The name under which a text is stored is authenticated with it, so that no sealed text can replace
 * another.
 */
import { fromBase64, toBase64 } from "./bytes.ts";
import { BundleError } from "./refusal.ts";

const NONCE_BYTES = 12;
const KEY_BYTES = 32;

/**
 * Encrypts a text: `base64(nonce ‖ ciphertext ‖ tag)`. `key` is 32 bytes in base64. Throws a BundleError for a
 * malformed key.
 */
export async function seal(text: string, name: string, key: string): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const sealed = await crypto.subtle.encrypt(
    parameters(nonce, name),
    await importKey(key),
    new TextEncoder().encode(text),
  );
  return toBase64(new Uint8Array([...nonce, ...new Uint8Array(sealed)]));
}

/**
 * Decrypts a text. Throws a BundleError when the key, the name or the sealed text is not the one it was sealed with.
 */
export async function unseal(sealed: string, name: string, key: string): Promise<string> {
  try {
    const bytes = new Uint8Array(fromBase64(sealed));
    const opened = await crypto.subtle.decrypt(
      parameters(bytes.subarray(0, NONCE_BYTES), name),
      await importKey(key),
      bytes.subarray(NONCE_BYTES),
    );
    return new TextDecoder().decode(opened);
  } catch (error) {
    if (error instanceof BundleError) throw error;
    throw new BundleError("bad-secrets", name, "it was not sealed under this key, or has been changed");
  }
}

const parameters = (iv: Uint8Array<ArrayBuffer>, name: string) => ({
  name: "AES-GCM",
  iv,
  additionalData: new TextEncoder().encode(name),
});

async function importKey(key: string): Promise<CryptoKey> {
  let raw: Uint8Array<ArrayBuffer>;
  try {
    raw = new Uint8Array(fromBase64(key));
  } catch {
    throw new BundleError("bad-secrets", "", "the sealing key is not base64");
  }
  if (raw.length !== KEY_BYTES)
    throw new BundleError("bad-secrets", "", `the sealing key has ${raw.length} bytes, not ${KEY_BYTES}`);
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}
