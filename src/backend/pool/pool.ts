/**
 * Open connections, and who may use them next. A key holds everything a connection was verified for, so none ever
 * serves another endpoint, protocol, policy or client identity. One pool outlives the bundles that succeed each other.
 * In workerd a socket belongs to the request that opened it: there the limits are NO_REUSE.
 */
import type { BundleBackend, BundleEndpoint } from "../../bundle/types.ts";
import type { PoolLimits } from "../limits.ts";
import type { Held } from "./held.ts";
import { Lane } from "./lane.ts";

/** What a connection may be reused for. Equal strings: the same endpoint, protocol, policy and client identity. */
export type PoolKey = string;

/** `protocols`: what ALPN offers, where it is less than the policy has. */
export function poolKey(
  { transport, protocol }: BundleBackend,
  { host, port }: BundleEndpoint,
  clientIdentity: string | null,
  protocols: "any" | "http/1.1",
): PoolKey {
  const security = transport.kind === "tls" ? transport.policy : transport.kind;
  return JSON.stringify([host, port, protocol, security, clientIdentity, protocols]);
}

interface Clock {
  monotonicMs(): number;
  now(): number;
}

export class Pool {
  readonly limits: PoolLimits;
  readonly clock: Clock;
  readonly random: () => number;
  readonly #lanes = new Map<PoolKey, Lane>();
  /** Lanes that somebody waits in. */
  readonly #crowded = new Set<Lane>();
  /** Idle ones that were closed for others, and are not yet gone. */
  readonly #leaving = new Set<Held>();
  /** Connections of all lanes, withdrawn ones and those still to be dialled too. */
  open = 0;
  /** Exchanges on them. */
  inFlight = 0;
  /** When an exchange last ended; monotonic. */
  freedMs = Number.NEGATIVE_INFINITY;
  #sweptMs: number;
  #closed = false;

  constructor(limits: PoolLimits, clock: Clock, random: () => number) {
    this.limits = limits;
    this.clock = clock;
    this.random = random;
    this.#sweptMs = clock.monotonicMs();
  }

  get reuses(): boolean {
    return !this.#closed && this.limits.idlePerKey > 0;
  }

  /** `multiplexes`: whether the peer speaks HTTP/2, null where only a connection can tell. */
  lane(key: PoolKey, multiplexes: boolean | null): Lane {
    let lane = this.#lanes.get(key);
    if (lane === undefined) this.#lanes.set(key, (lane = new Lane(this, multiplexes)));
    return lane;
  }

  /** The lanes that stay; the others keep no connection from now on. What is in flight on theirs finishes. */
  retain(lanes: ReadonlySet<Lane | null>): void {
    for (const [key, lane] of this.#lanes) {
      if (lanes.has(lane)) continue;
      this.#lanes.delete(key);
      lane.withdraw();
    }
  }

  /** Closes what is idle; connections in use end with their exchange. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) lane.withdraw();
  }

  /**
   * Closes what no request will ask for again, and answers how many those are. No timer: what nobody else uses costs
   * nothing until then.
   */
  sweep(nowMs: number): number {
    if (nowMs - this.#sweptMs < this.limits.idleMs) return 0;
    this.#sweptMs = nowMs;
    let closed = 0;
    for (const lane of this.#lanes.values()) closed += lane.sweep();
    return closed;
  }

  get idle(): number {
    let idle = 0;
    for (const lane of this.#lanes.values()) idle += lane.idle;
    return idle;
  }

  get hasRoom(): boolean {
    return this.open < this.limits.connections;
  }

  /** Somebody has come to wait in this lane. For room, connections that nobody uses are closed, the idlest first. */
  joined(lane: Lane): void {
    this.#crowded.add(lane);
    while (this.#isShort) {
      const [idlest] = [...this.#lanes.values()].flatMap((each) => each.unused()).sort(byIdleness);
      if (idlest === undefined) return;
      this.dismiss(idlest);
    }
  }

  /**
   * Somebody waits no longer in this lane. Those who stood back for it need not any more when it was the last. Only who
   * will find something is called: others would wait again, which calls those here, and so on without end.
   */
  went(lane: Lane): void {
    if (lane.oldestMs !== null || !this.#crowded.delete(lane) || this.hasRoom) return;
    for (const each of this.#crowded) if (each.offers) each.look();
  }

  /** Closes a connection that nobody uses, for somebody who waits for room. */
  dismiss(held: Held): void {
    this.#leaving.add(held);
    held.lane.discard(held);
  }

  /** A connection is gone (null: it never came about): who has waited longest opens the next. */
  left(held: Held | null): void {
    this.open--;
    if (held !== null) this.#leaving.delete(held);
    this.admit();
  }

  /** There may be room: who has waited longest dials. */
  admit(): void {
    for (let lane = this.#first(null); this.hasRoom && lane !== null; lane = this.#first(null)) lane.admit();
  }

  /** Whether somebody of another key has waited for room since before `sinceMs`. */
  isWanted(lane: Lane, sinceMs: number): boolean {
    return this.#isShort && (this.#first(lane)?.oldestMs ?? Number.POSITIVE_INFINITY) < sinceMs;
  }

  /** More connections are wanted than leave. */
  get #isShort(): boolean {
    let wanted = 0;
    for (const each of this.#crowded) wanted += each.wanted;
    return wanted > this.#leaving.size;
  }

  /** Where somebody has waited longest for room. */
  #first(but: Lane | null): Lane | null {
    let first: Lane | null = null;
    for (const lane of this.#crowded) {
      if (lane === but || lane.wanted === 0) continue;
      if (first === null || (lane.oldestMs ?? 0) < (first.oldestMs ?? 0)) first = lane;
    }
    return first;
  }
}

const byIdleness = (one: Held, other: Held): number => one.idleSinceMs - other.idleSinceMs;
