/** Verdicts by what was presented, bounded in number and in time. One cache belongs to one policy. */
import type { Verdict } from "./verdict.ts";

interface Entry {
  readonly verdict: Verdict;
  readonly fromMs: number;
  readonly untilMs: number;
}

const MAX_ENTRIES = 1024;
/** Octets of certificates in the remembered paths: enough for the number above of common chains, not of 60 kB each. */
const MAX_VERDICT_BYTES = 4 * 1024 * 1024;
/**
 * A refusal is remembered for the burst of connections that meet it together, to several endpoints with one chain.
 * How long an endpoint stays refused is for backend/ (REFUSED_PEER_LIMITS), which counts this time in.
 */
export const REFUSAL_MS = 1_000;

export class VerdictCache {
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  /** The verdict for this key at this time. A clock that stands before or after the verdict's span finds nothing. */
  get(key: string, nowMs: number): Verdict | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    if (!(nowMs >= entry.fromMs && nowMs <= entry.untilMs)) {
      this.#delete(key, entry);
      return null;
    }
    return entry.verdict;
  }

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
