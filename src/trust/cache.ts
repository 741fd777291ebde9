/** Verdicts by what was presented, bounded in number and in time. One cache belongs to one policy. */
import type { Verdict } from "./verdict.ts";

interface Entry {
  readonly verdict: Verdict;
  readonly fromMs: number;
  readonly untilMs: number;
}

const MAX_ENTRIES = 1024;
/**
 * A refusal is remembered for the burst of connections that meet it together, to several endpoints with one chain.
 * How long an endpoint stays refused is for backend/ (REFUSED_CHAIN_LIMITS), which counts this time in.
 */
export const REFUSAL_MS = 1_000;

export class VerdictCache {
  readonly #entries = new Map<string, Entry>();

  /** The verdict for this key at this time. A clock that stands before or after the verdict's span finds nothing. */
  get(key: string, nowMs: number): Verdict | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    if (!(nowMs >= entry.fromMs && nowMs <= entry.untilMs)) {
      this.#entries.delete(key);
      return null;
    }
    return entry.verdict;
  }

  set(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= MAX_ENTRIES) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }
}
