/** What an attack is: a name, and what it does to a target. */
import type { Target } from "./target.ts";

export interface Attack {
  readonly name: string;
  /** Resolves when it is over, after about `ms`, with the bounds that it saw broken, in words. */
  readonly run: (target: Target, bounds: Bounds) => Promise<readonly string[]>;
  /** It takes so long to come about, and others may wait for a second before somebody is cut for them. */
  readonly isSlow?: true;
  /** It comes from a backend that only the gateway has: nginx is not compared. */
  readonly isOfBackend?: true;
}

export interface Bounds {
  readonly ms: number;
  /** A tenth of what the whole form sends. */
  readonly isShort: boolean;
}
