/** What an attack is: a name, and what it does to a target. */
import type { Target } from "./target.ts";

/** An attack. */
export interface Attack {
  readonly name: string;
  /** Resolves when the attack is over, after about `ms`, with the bounds that it saw broken, in words. */
  readonly run: (target: Target, bounds: Bounds) => Promise<readonly string[]>;
  /** Set for an attack with a late effect: another client may wait for a second before the attacker is cut. */
  readonly isSlow?: true;
  /** Set for an attack by a backend that only the gateway has: nginx is not compared. */
  readonly isOfBackend?: true;
}

/** How much an attack may do. */
export interface Bounds {
  readonly ms: number;
  /** Whether the attack sends a tenth of what the whole form sends. */
  readonly isShort: boolean;
}
