/** The endpoints of a backend: which is next, and which are left out because they failed. */
import type { BundleEndpoint } from "../../bundle/types.ts";
import { type BackendCode, codeOf } from "../events.ts";
import type { BackendFailure } from "../failure.ts";
import { DIAL_LIMITS, HEALTH_LIMITS } from "../limits.ts";
import type { KeyedPool } from "../pool/keyed-pool.ts";
import { RefusedPeer } from "./refused-peer.ts";

/** Failures that say something of the endpoint; the others are the client's, or ours. */
const ENDPOINT_FAULTS: ReadonlySet<BackendCode> = new Set<BackendCode>([
  "connection-refused",
  "connection-unreachable",
  "connection-timeout",
  "connection-terminated",
  "tls-protocol-error",
  "tls-alert-received",
  "http-protocol-error",
  "response-timeout",
  "response-incomplete",
]);

/** One endpoint under one policy. Succeeding bundles share it while that stays, with its load and its record. */
export class Endpoint {
  readonly address: BundleEndpoint;
  readonly keyedPool: KeyedPool;
  /** Where ALPN offers HTTP/1.1 alone, because it can be upgraded; null where nothing can be. */
  readonly upgrades: KeyedPool | null;
  /** Whether its chain was refused, and until when it is not dialled. */
  readonly refusedPeer = new RefusedPeer();
  /** Requests on it, and those that wait for a connection to it. */
  inFlight = 0;
  #failures = 0;
  #ejections = 0;
  #ejectedUntilMs = 0;

  constructor(address: BundleEndpoint, keyedPool: KeyedPool, upgrades: KeyedPool | null) {
    this.address = address;
    this.keyedPool = keyedPool;
    this.upgrades = upgrades;
  }

  get isEjected(): boolean {
    return this.#failures >= HEALTH_LIMITS.failures;
  }

  /**
   * May have the next request. When its time out is over, one request at a time asks whether it is back; one that is
   * still in flight long after (a WebSocket, or what an invocation took along that a platform ended) does not count.
   */
  isReady(nowMs: number): boolean {
    if (this.refusedPeer.leavesOut(nowMs)) return false;
    const sinceMs = nowMs - this.#ejectedUntilMs;
    return !this.isEjected || (sinceMs >= 0 && (this.inFlight === 0 || sinceMs >= HEALTH_LIMITS.maxEjectionMs));
  }

  /** True: it was ejected, and is back. */
  succeeded(): boolean {
    const wasEjected = this.isEjected;
    this.#failures = 0;
    if (wasEjected) this.#ejections = 0;
    return wasEjected;
  }

  /**
   * For how long this failure ejects it: 0 means that it does not. Jittered, so that endpoints do not return together.
   * A refused chain is on the record of {@link refusedPeer} instead.
   */
  failed(failure: BackendFailure, nowMs: number, random: number): number {
    if (!ENDPOINT_FAULTS.has(codeOf(failure))) return 0;
    this.#failures++;
    if (!this.isEjected || nowMs < this.#ejectedUntilMs) return 0;
    const { ejectionMs, maxEjectionMs } = HEALTH_LIMITS;
    const durationMs = Math.min(ejectionMs * 2 ** this.#ejections++, maxEjectionMs) * (0.75 + random / 2);
    this.#ejectedUntilMs = nowMs + durationMs;
    return durationMs;
  }
}

export class Endpoints {
  readonly all: readonly Endpoint[];
  readonly #random: () => number;
  #turn: number;

  constructor(all: readonly Endpoint[], random: () => number) {
    this.all = all;
    this.#random = random;
    // Many short-lived hosts must not all begin with the first.
    this.#turn = Math.floor(random() * all.length);
  }

  /**
   * The endpoint for the next request: whose turn it is, unless a random other one has fewer requests in flight. Taking
   * turns alone piles requests up on a slow endpoint; the lesser of two random ones alone is uneven at low load. Those
   * in `avoid` and those left out come only when there are no others, those with a refused chain last: they answer with
   * the remembered code.
   */
  pick(nowMs: number, avoid: ReadonlySet<BundleEndpoint>): Endpoint | null {
    const { all } = this;
    const count = all.length;
    // A further attempt takes no turn: with two endpoints every request would begin with the same one.
    const turn = (avoid.size === 0 ? this.#turn++ : this.#turn) % Math.max(count, 1);
    const mine = all[turn];
    if (mine === undefined || count === 1) return mine ?? null;
    const other = all[(turn + 1 + Math.floor(this.#random() * (count - 1))) % count];
    const fit = (endpoint: Endpoint): boolean => endpoint.isReady(nowMs) && !avoid.has(endpoint.address);
    if (!fit(mine)) {
      const inTurn = this.#after(turn);
      const untried = inTurn.filter((each) => !avoid.has(each.address));
      return inTurn.find(fit) ?? untried.find((each) => !each.refusedPeer.leavesOut(nowMs)) ?? untried[0] ?? mine;
    }
    return other !== undefined && other.inFlight < mine.inFlight && fit(other) ? other : mine;
  }

  /** `first`, then those to dial when it does not answer. */
  inOrder(first: Endpoint, nowMs: number): readonly Endpoint[] {
    const others = this.#after(this.all.indexOf(first)).filter(
      (each) => each !== first && !each.refusedPeer.leavesOut(nowMs),
    );
    const ready = others.filter((each) => each.isReady(nowMs));
    return [first, ...(ready.length > 0 ? ready : others).slice(0, DIAL_LIMITS.endpoints - 1)];
  }

  #after(at: number): readonly Endpoint[] {
    return [...this.all.slice(at + 1), ...this.all.slice(0, at + 1)];
  }
}
