/**
 * The record of an endpoint whose presented chain was refused, or whose handshake was not acceptable otherwise: until when
 * it is not dialled, what requests are answered meanwhile, and which request dials again.
 */
import type { BackendFailure } from "../failure.ts";
import { REFUSED_PEER_LIMITS } from "../limits.ts";

/** A refusal that requests are answered with. */
interface Remembered {
  readonly failure: BackendFailure;
  /** Until when, monotonic. */
  readonly untilMs: number;
}

/** Permission to dial, or the refusal to answer without a dial. */
export type Permit =
  | {
      readonly kind: "dial";
      /** Must be called once with the outcome of the dial, whatever it is; answers what that changed for the endpoint. */
      readonly conclude: (outcome: DialOutcome, random: number) => Conclusion;
    }
  | { readonly kind: "refused"; readonly failure: BackendFailure }
  /** The signal has aborted. */
  | { readonly kind: "aborted" };

/** The outcome of a dial. `unknown`: the connection failed or was abandoned before the peer presented a chain. */
export type DialOutcome =
  | { readonly kind: "verified" }
  | { readonly kind: "refused"; readonly failure: BackendFailure }
  | { readonly kind: "unknown" };

/** What the outcome of a dial changed for the endpoint. */
export type Conclusion =
  | { readonly kind: "left-out"; readonly durationMs: number }
  | { readonly kind: "recovered" }
  | { readonly kind: "unchanged" };

/**
 * The record of one endpoint under one policy and client identity. Unlike an ejection after transport failures it
 * holds for the only endpoint too: what the peer presents is known, and another dial would cost a handshake to find the
 * same.
 */
export class RefusedPeer {
  #remembered: Remembered | null = null;
  /** Refusals in a row; each doubles the time without a dial. */
  #refusals = 0;
  /** The one dial after that time, and until when others wait for it: the platform may have ended its invocation. */
  #probe: { readonly over: PromiseWithResolvers<void>; readonly untilMs: number } | null = null;

  /** Whether a refusal is on record. */
  get isRemembered(): boolean {
    return this.#remembered !== null;
  }

  /** Whether requests that have another endpoint go there. */
  leavesOut(nowMs: number): boolean {
    return this.#remembered !== null && (nowMs < this.#remembered.untilMs || this.#isProbing(nowMs));
  }

  /**
   * Called before each dial. Once the time is over the first caller dials, and the others wait for the outcome of that
   * dial, so that no client gets a refusal older than {@link REFUSED_PEER_LIMITS}.maxMs. The time limit of the dial ends
   * their wait too; `signal` ends the wait of this caller alone.
   */
  async permit(monotonicMs: () => number, signal: AbortSignal): Promise<Permit> {
    while (this.#remembered !== null) {
      if (signal.aborted) return { kind: "aborted" };
      const nowMs = monotonicMs();
      if (nowMs < this.#remembered.untilMs) return { kind: "refused", failure: this.#remembered.failure };
      if (this.#probe === null || !this.#isProbing(nowMs)) {
        const over = Promise.withResolvers<void>();
        const probe = { over, untilMs: nowMs + REFUSED_PEER_LIMITS.askMs };
        this.#probe = probe;
        return {
          kind: "dial",
          conclude: (outcome, random) => {
            if (this.#probe === probe) this.#probe = null;
            const conclusion = this.#conclude(outcome, monotonicMs(), random);
            over.resolve();
            return conclusion;
          },
        };
      }
      await settledOrAborted(this.#probe.over.promise, signal);
    }
    return { kind: "dial", conclude: (outcome, random) => this.#conclude(outcome, monotonicMs(), random) };
  }

  #isProbing(nowMs: number): boolean {
    return this.#probe !== null && nowMs < this.#probe.untilMs;
  }

  /** Forgets the refusal: a changed bundle may accept what was refused. */
  forget(): void {
    this.#remembered = null;
    this.#refusals = 0;
  }

  #conclude(outcome: DialOutcome, nowMs: number, random: number): Conclusion {
    if (outcome.kind === "refused") {
      // A dial that began before the first refusal was known says nothing new.
      if (this.#remembered !== null && nowMs < this.#remembered.untilMs) return { kind: "unchanged" };
      const { firstMs, maxMs } = REFUSED_PEER_LIMITS;
      // Jittered downwards, because the maximum must hold.
      const durationMs = Math.min(firstMs * 2 ** this.#refusals++, maxMs) * (1 - random / 4);
      this.#remembered = { failure: outcome.failure, untilMs: nowMs + durationMs };
      return { kind: "left-out", durationMs };
    }
    const wasRefused = this.#remembered !== null;
    // Without a verdict the old refusal is forgotten all the same, because its time is over.
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
