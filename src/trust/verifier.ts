/**
 * The verifier of one policy: makes a verdict of a presented chain. A verifier never throws, and counts bound its work.
 */
import type { Sha256Hex } from "../bundle/types.ts";
import { Budget } from "./budget.ts";
import { REFUSAL_MS, VerdictCache } from "./cache.ts";
import { type PresentedChain, type UnreadableChain, readChain } from "./path/presented-chain.ts";
import { type ReadPolicy, type TrustPolicy, readPolicy } from "./policy.ts";
import { checkSizes, frameChain } from "./presented-octets.ts";
import { toRefusal } from "./refusal-text.ts";
import { StapleMemory } from "./revocation/staple-memory.ts";
import { findPath } from "./search.ts";
import { CertificateStore, digestKey } from "./signatures/store.ts";
import type { PathOutcome } from "./validate.ts";
import { type Verdict, mintVerifiedPeer } from "./verdict.ts";
import type { Witness } from "./witness.ts";
import type { TrustIdentifier } from "./x509/identity.ts";

/** The inputs of making a verifier. */
interface VerifierOptions {
  /** The digest of the policy, for the proof that a verified peer carries. */
  readonly policy: Sha256Hex;
  readonly trust: TrustPolicy;
  /** Parsed certificates, shared with the verifiers of other policies. */
  readonly cache?: CertificateStore;
  /** The SHA-256 of bytes. It is synchronous, because an awaited digest costs several times a cached verdict. */
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  /** The witness, which must accept every path that this verifier accepts; without a witness no path is accepted. */
  readonly witness: Witness;
  /** A callback with the work charged for each verdict that was not remembered, in the units of `Budgets.work`. */
  readonly onWork?: (units: number) => void;
}

/** The verifier of the chains that backends present under one policy. */
export interface Verifier {
  /**
   * `presented` is the chain in the order of the handshake, end entity first, as DER. `nowMs` is the time of the
   * verdict in ms since the epoch. The promise is never rejected: whatever goes wrong is a refusal.
   */
  verify(presented: readonly Uint8Array[], nowMs: number, handshake?: HandshakeFacts): Promise<Verdict>;
}

/** What a handshake brought beside the chain. */
interface HandshakeFacts {
  /** A stapled DER OCSPResponse, if there was one. */
  readonly ocspResponse?: Uint8Array | null;
  /**
   * Whether the session was resumed. The chain is then that of an earlier full handshake, and is judged with the staple
   * remembered for this chain.
   */
  readonly resumed?: boolean;
}

/**
 * A verifier for one policy. Anchors and CRLs are read here: an anchor that cannot be read is never trusted, and a CRL
 * that cannot be read leaves the status of its issuer's certificates unknown.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  return new PolicyVerifier(options, options.trust.identifiers);
}

/** A verifier that accepts any name, for x509-limbo's cases without one. index.ts does not export it. */
export function createNamelessVerifier(options: VerifierOptions): Verifier {
  return new PolicyVerifier(options, null);
}

class PolicyVerifier implements Verifier {
  readonly #options: VerifierOptions;
  readonly #policy: ReadPolicy;
  readonly #store: CertificateStore;
  readonly #verdicts = new VerdictCache();
  readonly #staples = new StapleMemory();

  constructor(options: VerifierOptions, identifiers: readonly TrustIdentifier[] | null) {
    this.#options = options;
    this.#store = options.cache ?? new CertificateStore(options.sha256);
    this.#policy = readPolicy(options.trust, identifiers, this.#store);
  }

  verify(presented: readonly Uint8Array[], nowMs: number, handshake?: HandshakeFacts): Promise<Verdict> {
    const staple = this.#stapleOf(presented, handshake);
    const size = checkSizes(presented, staple, this.#policy.limits);
    if (size !== null) return Promise.resolve({ kind: "refused", refusal: size });
    const key = digestKey(this.#options.sha256(frameChain(presented, staple)));
    const cached = this.#verdicts.get(key, nowMs);
    return cached === null ? this.#verifyNew(key, presented, nowMs, staple) : Promise.resolve(cached);
  }

  async #verifyNew(
    key: string,
    presented: readonly Uint8Array[],
    nowMs: number,
    staple: Uint8Array | null,
  ): Promise<Verdict> {
    const decision = await this.#decide(presented, nowMs, staple);
    this.#verdicts.set(key, decision);
    if (staple !== null) {
      this.#staples.note(this.#chainKey(presented), staple, decision.verdict, decision.neededStaple);
    }
    return decision.verdict;
  }

  #stapleOf(presented: readonly Uint8Array[], handshake: HandshakeFacts | undefined): Uint8Array | null {
    if (handshake?.resumed !== true) return handshake?.ocspResponse ?? null;
    return this.#staples.empty ? null : this.#staples.get(this.#chainKey(presented));
  }

  #chainKey(presented: readonly Uint8Array[]): string {
    return digestKey(this.#options.sha256(frameChain(presented, null)));
  }

  async #decide(presented: readonly Uint8Array[], nowMs: number, staple: Uint8Array | null): Promise<Decision> {
    const { sha256, witness, onWork } = this.#options;
    let outcome: PathOutcome;
    let chain: PresentedChain | UnreadableChain | null = null;
    const budget = new Budget(this.#policy.limits);
    budget.spend("octets", staple?.length ?? 0);
    try {
      chain = readChain(presented, { store: this.#store, anchors: this.#policy.anchorIndex, budget });
      const context = { nowMs, staple, budget, store: this.#store, sha256, witness };
      outcome = chain.kind === "failed" ? chain : await findPath(chain, this.#policy, context);
    } catch (error) {
      // Our bug or PKI.js's: the answer is a refusal, never an exception on the connection's path.
      const why = error instanceof Error ? error.message : "an unknown error";
      const problem = { code: "second-opinion", expected: "a chain that can be validated", presented: why } as const;
      outcome = { kind: "failed", failure: { problem, position: null, progress: { kind: "reading" } } };
    }
    onWork?.(budget.work);
    if (outcome.kind === "failed") {
      const verdict: Verdict = { kind: "refused", refusal: toRefusal(outcome.failure) };
      const untilMs = Math.min(nowMs + REFUSAL_MS, this.#nextStartMs(chain, nowMs) - 1);
      return { verdict, fromMs: nowMs, untilMs, neededStaple: false };
    }
    return this.#approve(outcome);
  }

  #approve({ path, facts }: Extract<PathOutcome, { kind: "accepted" }>): Decision {
    const endEntity = path[0];
    const anchor = path.at(-1);
    if (endEntity === undefined || anchor === undefined) throw new Error("an accepted path has certificates");
    // The store got the policy's anchors when they were read, except for anchors that were read with the leniency
    // for anchors: such a certificate is never in it.
    for (const { known, source } of path.slice(1)) if (source === null) this.#store.remember(known);
    const peer = mintVerifiedPeer(this.#options.policy, {
      path: path.map(({ known }) => known.certificate.der),
      matched: facts.match ?? NO_NAME,
      anchorSource: anchor.source ?? endEntity.source ?? "",
      notAfterMs: facts.period.untilMs,
      witness: facts.witness,
    });
    const { period, neededStaple } = facts;
    // A certificate is valid until the end of its last second.
    return { verdict: { kind: "verified", peer }, fromMs: period.fromMs, untilMs: period.untilMs + 999, neededStaple };
  }

  /**
   * The time at which the first certificate or CRL that is not valid yet becomes valid: no refusal is remembered beyond
   * that time.
   */
  #nextStartMs(chain: PresentedChain | UnreadableChain | null, nowMs: number): number {
    const { anchors, crls } = this.#policy;
    const certificates = chain?.kind === "read" ? [chain.endEntity, ...chain.others, ...anchors] : [];
    const starts = certificates.map(({ known }) => known.certificate.notBeforeMs);
    for (const { thisUpdateMs } of crls?.used ?? []) starts.push(thisUpdateMs);
    return Math.min(...starts.filter((startMs) => startMs > nowMs));
  }
}

/**
 * A verdict, the time for which it may be remembered, and whether the end entity was accepted because of its staple.
 */
interface Decision {
  readonly verdict: Verdict;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly neededStaple: boolean;
}

const NO_NAME = { reference: { type: "dns", value: "" }, presented: "" } as const;
