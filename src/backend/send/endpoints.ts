/** The endpoints of a backend: which one gets the next request, and which ones are left out because they failed. */
import type { BundleEndpoint } from "../../bundle/types.ts";
import { type BackendCode, codeOf } from "../events.ts";
import type { BackendFailure } from "../failure.ts";
import { DIAL_LIMITS, HEALTH_LIMITS } from "../limits.ts";
import type { KeyedPool } from "../pool/keyed-pool.ts";
import { RefusedPeer } from "./refused-peer.ts";

/** Failures for which the endpoint is to blame; the others are the client's or ours. */
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

/** One endpoint under one policy. Bundles that have both share this object with its load and its record. */
export class Endpoint {
  readonly address: BundleEndpoint;
  readonly keyedPool: KeyedPool;
  /** The pool whose connections offer HTTP/1.1 alone by ALPN, because only HTTP/1.1 can be upgraded; null without it. */
  readonly upgrades: KeyedPool | null;
  /** The record of refused chains: until when the endpoint is not dialled. */
  readonly refusedPeer = new RefusedPeer();
  /** Requests on connections to this endpoint, and requests that wait for one. */
  inFlight = 0;
  #failures = 0;
  #ejections = 0;
  #ejectedUntilMs = 0;

  constructor(address: BundleEndpoint, keyedPool: KeyedPool, upgrades: KeyedPool | null) {
    this.address = address;
    this.keyedPool = keyedPool;
    this.upgrades = upgrades;
  }

  /** The pool for a request that asks to change to the protocol `upgrade`; null: the request asks for none. */
  poolFor(upgrade: string | null): KeyedPool {
    return upgrade === null || this.upgrades === null ? this.keyedPool : this.upgrades;
  }

  /** Whether so many failures in a row are on record that the endpoint is left out. */
  get isEjected(): boolean {
    return this.#failures >= HEALTH_LIMITS.failures;
  }

  /**
   * Whether the endpoint may get the next request. When an ejection is over, one request at a time tries the endpoint. A
   * request that is still in flight long after (a WebSocket, or one whose invocation the platform has ended) does not count.
   */
  isReady(nowMs: number): boolean {
    if (this.refusedPeer.leavesOut(nowMs)) return false;
    const sinceMs = nowMs - this.#ejectedUntilMs;
    return !this.isEjected || (sinceMs >= 0 && (this.inFlight === 0 || sinceMs >= HEALTH_LIMITS.maxEjectionMs));
  }

  /** Records a response; answers whether that ended an ejection. */
  succeeded(): boolean {
    const wasEjected = this.isEjected;
    this.#failures = 0;
    if (wasEjected) this.#ejections = 0;
    return wasEjected;
  }

  /**
   * Records a failure; answers for how long it ejects the endpoint: 0 when it does not. The time is jittered, so that
   * endpoints do not return together. A refused chain is on the record of {@link refusedPeer} instead.
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

/** All endpoints of one backend. */
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
   * The endpoint for the next request: the next in turn, unless a random other one has fewer requests in flight. Turns
   * alone pile requests up on a slow endpoint; the less loaded of two random ones alone is uneven at low load. Endpoints in
   * `avoid`, and endpoints left out, come only when there are no others; last come those with a refused chain, which
   * answer with the remembered code.
   */
  pick(nowMs: number, avoid: ReadonlySet<BundleEndpoint>): Endpoint | null {
    const { all } = this;
    const count = all.length;
    // Another attempt takes no turn: with two endpoints every request would begin with the same one.
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

  /** The endpoints to dial in order: `first`, then those for the case that it does not answer. */
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
