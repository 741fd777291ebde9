/**
 * The order in which ciphers are offered, where the policy leaves it to the host.
 *
 * Small records are opened and sealed in the module, large ones by the runtime (`wasm/src/cipher.rs`). In the module
 * ChaCha20-Poly1305 is quick and AES-GCM slow. The runtime has the processor's instructions for AES, but each call of it
 * costs more than a small record of ChaCha20-Poly1305 in the module. So ChaCha20-Poly1305 comes first where records are
 * small, and AES-GCM where they are large. A backend that follows its own order decides otherwise.
 */
import type { BundleEndpoint, Cipher, Sha256Hex } from "../../bundle/types.ts";

const AES_FIRST: readonly Cipher[] = ["aes-gcm", "chacha20-poly1305"];
const CHACHA_FIRST: readonly Cipher[] = ["chacha20-poly1305", "aes-gcm"];

/** Every order that may be offered where the policy leaves it to the host. */
export const CIPHER_ORDERS: readonly (readonly Cipher[])[] = [AES_FIRST, CHACHA_FIRST];

/** The order that suits a runtime with these ciphers whatever the records; null where the records decide. */
export function orderOfRuntime(ciphers: readonly Cipher[]): readonly Cipher[] | null {
  // All records of a cipher that the runtime lacks stay in the module, where a large one is slow.
  if (ciphers[0] !== "aes-gcm") return CHACHA_FIRST;
  return ciphers.length > 1 ? null : AES_FIRST;
}

/**
 * The CPU time that the other cipher must have saved before it is favoured. A change of the order costs a handshake for
 * each connection of the pool, so records of mixed sizes must not cause one change after another.
 */
const CHANGE_NS = 5_000_000;

/** What the records of one endpoint have cost, and the order of ciphers that suits them. */
export class RecordCosts {
  #order = CHACHA_FIRST;
  /** The CPU time that AES-GCM would have saved, between 0 and {@link CHANGE_NS}. */
  #savedByAesNs = 0;

  /** The order for the next connection. */
  get order(): readonly Cipher[] {
    return this.#order;
  }

  /** Adds a record of `bytes` bytes. */
  add(bytes: number): void {
    this.#savedByAesNs += chaChaNs(bytes) - aesNs(bytes);
    if (this.#savedByAesNs <= 0) {
      this.#savedByAesNs = 0;
      this.#order = CHACHA_FIRST;
    } else if (this.#savedByAesNs >= CHANGE_NS) {
      this.#savedByAesNs = CHANGE_NS;
      this.#order = AES_FIRST;
    }
  }
}

// The CPU time of one record with each cipher, fitted to the CPU of GETs on Node, whose garbage collector is a part of it.
// Only the difference of the two matters. Records from 256 and 4,096 bytes on are the runtime's.
const aesNs = (bytes: number): number => (bytes < 256 ? 18 * bytes : 12_000 + 0.3 * bytes);
const chaChaNs = (bytes: number): number => (bytes < 4_096 ? 4 * bytes : 20_000 + 0.45 * bytes);

/** The number of endpoints that are remembered. The one dialled longest ago is forgotten first. */
const MAX_ENDPOINTS = 4_096;

/** The {@link RecordCosts} of each endpoint under each policy: a bounded table, which successive bundles share. */
export class EndpointCosts {
  readonly #entries = new Map<string, RecordCosts>();

  /** The costs of this endpoint under this policy, the same object each time until it is forgotten. */
  of(policy: Sha256Hex, { host, port }: BundleEndpoint): RecordCosts {
    const key = `${policy} ${port} ${host}`;
    const costs = this.#entries.get(key) ?? new RecordCosts();
    this.#entries.delete(key);
    this.#entries.set(key, costs);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MAX_ENDPOINTS && oldest !== undefined) this.#entries.delete(oldest);
    return costs;
  }
}
