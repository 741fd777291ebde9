/**
 * Remembers the stapled OCSP responses of full handshakes. A resumed session brings none: its chain is judged with
 * the response of the last full handshake with this chain, so the session is accepted no longer than until that
 * response's nextUpdate.
 */
import type { Verdict } from "../verdict.ts";

const MAX_STAPLES = 64;

/** The stapled responses under one policy, by the digest of the presented chain. */
export class StapleMemory {
  readonly #staples = new Map<string, Uint8Array>();

  /** The response for a chain; null: none is remembered. */
  get(chain: string): Uint8Array | null {
    return this.#staples.get(chain) ?? null;
  }

  /** Whether no response is remembered at all. */
  get empty(): boolean {
    return this.#staples.size === 0;
  }

  /**
   * Remembers or forgets a response after the verdict of a full handshake. `needed`: the end entity was accepted
   * because of the response.
   */
  note(chain: string, staple: Uint8Array, verdict: Verdict, needed: boolean): void {
    const revoked = verdict.kind === "refused" && verdict.refusal.code === "revoked";
    // A response that was refused for another reason does not end the sessions that an earlier response allowed.
    if (verdict.kind === "refused" && !revoked) return;
    this.#staples.delete(chain);
    if (!needed && !revoked) return;
    this.#staples.set(chain, staple);
    if (this.#staples.size <= MAX_STAPLES) return;
    const oldest = this.#staples.keys().next();
    if (oldest.done !== true) this.#staples.delete(oldest.value);
  }
}
