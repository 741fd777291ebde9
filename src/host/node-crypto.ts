/**
 * Ciphers and SHA-256 from node:crypto, synchronous: Node, Deno, Bun, and workerd with nodejs_compat. Bun lacks
 * ChaCha20-Poly1305.
 */
import {
  type CipherChaCha20Poly1305Types,
  type CipherGCMTypes,
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hash,
} from "node:crypto";
import type { RuntimeAead } from "../backend/index.ts";

const TAG_BYTES = 16;

interface AeadKey {
  readonly algorithm: CipherGCMTypes | CipherChaCha20Poly1305Types;
  readonly key: KeyObject;
}

/** The ciphers of node:crypto. Handles of one are unknown to another. */
export function nodeAead(): RuntimeAead {
  const keys = new Map<number, AeadKey>();
  let next = 1;
  return {
    ciphers: hasChaCha() ? ["aes-gcm", "chacha20-poly1305"] : ["aes-gcm"],
    newKey(cipher, key) {
      const handle = next++;
      const gcm = key.length === 16 ? "aes-128-gcm" : "aes-256-gcm";
      // A copy: `key` may be a view of memory that changes.
      keys.set(handle, {
        algorithm: cipher === "aes-gcm" ? gcm : cipher,
        key: createSecretKey(key.slice()),
      });
      return handle;
    },
    freeKey(handle) {
      keys.delete(handle);
    },
    open(handle, nonce, aad, buffer) {
      const entry = keys.get(handle);
      if (entry === undefined || buffer.length < TAG_BYTES) return false;
      const end = buffer.length - TAG_BYTES;
      const decipher = newDecipher(entry, nonce);
      decipher.setAAD(aad, { plaintextLength: end });
      decipher.setAuthTag(buffer.subarray(end));
      try {
        const plain = decipher.update(buffer.subarray(0, end));
        decipher.final();
        buffer.set(plain);
        release(plain);
        return true;
      } catch {
        return false; // The tag is wrong, and `buffer` still holds the ciphertext. workerd throws in `update` already.
      }
    },
    seal(handle, nonce, aad, buffer) {
      const entry = keys.get(handle);
      if (entry === undefined || buffer.length < TAG_BYTES) return false;
      const end = buffer.length - TAG_BYTES;
      const cipher = newCipher(entry, nonce);
      cipher.setAAD(aad, { plaintextLength: end });
      const sealed = cipher.update(buffer.subarray(0, end));
      cipher.final();
      buffer.set(sealed);
      buffer.set(cipher.getAuthTag(), end);
      release(sealed);
      return true;
    },
  };
}

let chaCha: boolean | null = null;

/** Whether the runtime has ChaCha20-Poly1305, found out by the first use. */
function hasChaCha(): boolean {
  if (chaCha !== null) return chaCha;
  try {
    newCipher({ algorithm: "chacha20-poly1305", key: createSecretKey(new Uint8Array(32)) }, new Uint8Array(12));
    chaCha = true;
  } catch {
    chaCha = false; // Bun: "Unknown cipher".
  }
  return chaCha;
}

const OPTIONS = { authTagLength: TAG_BYTES } as const;

// node:crypto's types have an overload for each kind of cipher, so the kinds are told apart for them alone.
const newCipher = ({ algorithm, key }: AeadKey, nonce: Uint8Array) =>
  algorithm === "chacha20-poly1305"
    ? createCipheriv(algorithm, key, nonce, OPTIONS)
    : createCipheriv(algorithm, key, nonce, OPTIONS);
const newDecipher = ({ algorithm, key }: AeadKey, nonce: Uint8Array) =>
  algorithm === "chacha20-poly1305"
    ? createDecipheriv(algorithm, key, nonce, OPTIONS)
    : createDecipheriv(algorithm, key, nonce, OPTIONS);

/**
 * Frees a cipher's output at once, when its memory holds nothing else. Outputs are memory outside the heap that only full
 * garbage collections would free, and over a large download those collections would cost more than the cipher.
 */
function release(output: Uint8Array): void {
  const { buffer } = output;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === output.byteLength) buffer.transfer(0);
}

/** SHA-256 of node:crypto. */
export function nodeSha256(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}
