/**
 * Staples of full handshakes. A resumed session brings none: it is judged by the last one that came with its chain,
 * and so no longer than that staple's nextUpdate.
 */
import type { Verdict } from "../verdict.ts";

const MAX_STAPLES = 64;

/** The staples that one policy's chains came with, by the digest of the chain. */
export class StapleMemory {
  readonly #staples = new Map<string, Uint8Array>();

  /** Null: none is known. */
  get(chain: string): Uint8Array | null {
    return this.#staples.get(chain) ?? null;
  }

  get empty(): boolean {
    return this.#staples.size === 0;
  }

  /** Notes what a full handshake was answered. `needed`: the end entity was accepted for its staple. */
  note(chain: string, staple: Uint8Array, verdict: Verdict, needed: boolean): void {
    const revoked = verdict.kind === "refused" && verdict.refusal.code === "revoked";
    // A staple that was refused otherwise says nothing about the sessions that an earlier one allowed.
    if (verdict.kind === "refused" && !revoked) return;
    this.#staples.delete(chain);
    if (!needed && !revoked) return;
    this.#staples.set(chain, staple);
    if (this.#staples.size <= MAX_STAPLES) return;
    const oldest = this.#staples.keys().next();
    if (oldest.done !== true) this.#staples.delete(oldest.value);
  }
}
