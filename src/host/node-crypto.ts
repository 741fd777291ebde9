/** AES-GCM and SHA-256 from node:crypto, synchronous: Node, Deno, Bun, and workerd with nodejs_compat. */
import {
  createCipheriv,
  createDecipheriv,
  hash,
  createSecretKey,
  type CipherGCMTypes,
  type KeyObject,
} from "node:crypto";
import type { RuntimeAead } from "../backend/index.ts";

const TAG_BYTES = 16;

interface AeadKey {
  readonly algorithm: CipherGCMTypes;
  readonly key: KeyObject;
}

/** AES-GCM of node:crypto. Handles of one are unknown to another. */
export function nodeAead(): RuntimeAead {
  const keys = new Map<number, AeadKey>();
  let next = 1;
  return {
    newKey(key) {
      const handle = next++;
      // A copy: `key` may be a view of memory that changes.
      keys.set(handle, {
        algorithm: key.length === 16 ? "aes-128-gcm" : "aes-256-gcm",
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
      const decipher = createDecipheriv(entry.algorithm, entry.key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(aad);
      decipher.setAuthTag(buffer.subarray(end));
      const plain = decipher.update(buffer.subarray(0, end));
      try {
        decipher.final();
      } catch {
        return false; // The tag is wrong, and `buffer` still holds the ciphertext.
      }
      buffer.set(plain);
      release(plain);
      return true;
    },
    seal(handle, nonce, aad, buffer) {
      const entry = keys.get(handle);
      if (entry === undefined || buffer.length < TAG_BYTES) return false;
      const end = buffer.length - TAG_BYTES;
      const cipher = createCipheriv(entry.algorithm, entry.key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(aad);
      const sealed = cipher.update(buffer.subarray(0, end));
      cipher.final();
      buffer.set(sealed);
      buffer.set(cipher.getAuthTag(), end);
      release(sealed);
      return true;
    },
  };
}

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
