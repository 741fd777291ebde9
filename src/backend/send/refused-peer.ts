/**
 * An endpoint whose presented chain was refused, or whose handshake was not acceptable otherwise: until when it is not
 * dialled, what is answered meanwhile, and which request asks again.
 */
import type { BackendFailure } from "../failure.ts";
import { REFUSED_PEER_LIMITS } from "../limits.ts";

interface Remembered {
  readonly failure: BackendFailure;
  /** Monotonic. */
  readonly untilMs: number;
}

/** Permission to dial, or the refusal to answer without a dial. */
export type Permit =
  | {
      readonly kind: "dial";
      /** Call once with how the dial ended, whatever that was; answers what changed for the endpoint. */
      readonly conclude: (outcome: DialOutcome, random: number) => Conclusion;
    }
  | { readonly kind: "refused"; readonly failure: BackendFailure }
  /** The signal has aborted. */
  | { readonly kind: "aborted" };

/** `unknown`: the peer was not heard, by a failed connection or an abort. */
export type DialOutcome =
  | { readonly kind: "verified" }
  | { readonly kind: "refused"; readonly failure: BackendFailure }
  | { readonly kind: "unknown" };

export type Conclusion =
  | { readonly kind: "left-out"; readonly durationMs: number }
  | { readonly kind: "recovered" }
  | { readonly kind: "unchanged" };

/**
 * The record of one endpoint under one policy and client identity. Unlike an ejection after transport failures it
 * holds for the only endpoint too: what the peer presents is known, and a further dial would cost a handshake to hear it
 * again.
 */
export class RefusedPeer {
  #remembered: Remembered | null = null;
  /** Refusals in a row; each doubles the time without a dial. */
  #refusals = 0;
  /** The one dial that asks again after that time, and until when it is waited for: its invocation may have been ended. */
  #asking: { readonly over: PromiseWithResolvers<void>; readonly untilMs: number } | null = null;

  get isRemembered(): boolean {
    return this.#remembered !== null;
  }

  /** A request that has another endpoint goes there. */
  leavesOut(nowMs: number): boolean {
    return this.#remembered !== null && (nowMs < this.#remembered.untilMs || this.#isAsking(nowMs));
  }

  /**
   * Asked before each dial. Once the time is over the first caller dials, and the others wait for what it hears, so
   * that no client gets a refusal older than {@link REFUSED_PEER_LIMITS}.maxMs. The wait is as long as that dial:
   * its time limit ends both. `signal` ends the caller's own.
   */
  async permit(monotonicMs: () => number, signal: AbortSignal): Promise<Permit> {
    while (this.#remembered !== null) {
      if (signal.aborted) return { kind: "aborted" };
      const nowMs = monotonicMs();
      if (nowMs < this.#remembered.untilMs) return { kind: "refused", failure: this.#remembered.failure };
      if (this.#asking === null || !this.#isAsking(nowMs)) {
        const over = Promise.withResolvers<void>();
        const asking = { over, untilMs: nowMs + REFUSED_PEER_LIMITS.askMs };
        this.#asking = asking;
        return {
          kind: "dial",
          conclude: (outcome, random) => {
            if (this.#asking === asking) this.#asking = null;
            const conclusion = this.#conclude(outcome, monotonicMs(), random);
            over.resolve();
            return conclusion;
          },
        };
      }
      await settledOrAborted(this.#asking.over.promise, signal);
    }
    return { kind: "dial", conclude: (outcome, random) => this.#conclude(outcome, monotonicMs(), random) };
  }

  #isAsking(nowMs: number): boolean {
    return this.#asking !== null && nowMs < this.#asking.untilMs;
  }

  /** A changed bundle may have mended what was refused. */
  forget(): void {
    this.#remembered = null;
    this.#refusals = 0;
  }

  #conclude(outcome: DialOutcome, nowMs: number, random: number): Conclusion {
    if (outcome.kind === "refused") {
      // Dials that began before the first refusal was known tell nothing new.
      if (this.#remembered !== null && nowMs < this.#remembered.untilMs) return { kind: "unchanged" };
      const { firstMs, maxMs } = REFUSED_PEER_LIMITS;
      // Jittered downwards: the maximum is a promise to clients.
      const durationMs = Math.min(firstMs * 2 ** this.#refusals++, maxMs) * (1 - random / 4);
      this.#remembered = { failure: outcome.failure, untilMs: nowMs + durationMs };
      return { kind: "left-out", durationMs };
    }
    const wasRefused = this.#remembered !== null;
    // Without a verdict the old refusal is given to nobody either: it would be older than its time.
    if (outcome.kind === "unknown") {
      if (wasRefused && nowMs >= (this.#remembered?.untilMs ?? 0)) this.#remembered = null;
      return { kind: "unchanged" };
    }
    this.forget();
    return wasRefused ? { kind: "recovered" } : { kind: "unchanged" };
  }
}

function settledOrAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      signal.removeEventListener("abort", stop);
      resolve();
    };
    signal.addEventListener("abort", stop);
    void work.then(() => stop());
  });
}
