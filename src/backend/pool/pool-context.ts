/** What the pools of all keys share. */
import type { ConnectionLimits } from "./connections.ts";
import type { Capacity } from "./capacity.ts";

/** What the keyed pools have in common. */
export interface PoolContext extends ConnectionLimits {
  readonly capacity: Capacity;
  /** The time at which an exchange last ended; monotonic. */
  freedMs: number;
  /** Closes connections that no request will use again; answers how many. It runs without a timer, as exchanges end. */
  sweep(nowMs: number): number;
}
