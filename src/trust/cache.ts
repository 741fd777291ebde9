/** The verdicts of one policy by a digest of what was presented, bounded in number, size and time. */
import type { Verdict } from "./verdict.ts";

interface Entry {
  readonly verdict: Verdict;
  readonly fromMs: number;
  readonly untilMs: number;
}

const MAX_ENTRIES = 1024;
/**
 * Octets of certificates in the remembered paths. The bound has room for MAX_ENTRIES paths of common size, or for fewer
 * of 60 kB each.
 */
const MAX_VERDICT_BYTES = 4 * 1024 * 1024;
/**
 * The time for which a refusal is remembered: long enough for a burst of connections that meet the same chain at
 * several endpoints. How long an endpoint stays refused is decided in backend/, which adds this time.
 */
export const REFUSAL_MS = 1_000;

/** A cache of verdicts, which drops the oldest one first. */
export class VerdictCache {
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  /** The verdict for this key; null when there is none, or when `nowMs` lies outside the time for which it holds. */
  get(key: string, nowMs: number): Verdict | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    if (!(nowMs >= entry.fromMs && nowMs <= entry.untilMs)) {
      this.#delete(key, entry);
      return null;
    }
    return entry.verdict;
  }

  /** Remembers a verdict from `fromMs` until `untilMs`, both included. */
  set(key: string, entry: Entry): void {
    const earlier = this.#entries.get(key);
    if (earlier !== undefined) this.#delete(key, earlier);
    this.#entries.set(key, entry);
    this.#bytes += bytesOf(entry);
    for (const [oldest, held] of this.#entries) {
      if (this.#entries.size <= MAX_ENTRIES && this.#bytes <= MAX_VERDICT_BYTES) break;
      this.#delete(oldest, held);
    }
  }

  #delete(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= bytesOf(entry);
  }
}

const bytesOf = ({ verdict }: Entry): number =>
  verdict.kind === "verified" ? verdict.peer.path.path.reduce((sum, { length }) => sum + length, 0) : 0;
