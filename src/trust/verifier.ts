/** One policy's verifier: presented chain in, verdict out. It never throws, and its work is bounded by counts. */
import { fromBase64 } from "../bundle/bytes.ts";
import type { Sha256Hex } from "../bundle/types.ts";
import { Budget, type Budgets, DEFAULT_BUDGETS } from "./budget.ts";
import { REFUSAL_MS, VerdictCache } from "./cache.ts";
import { parseAnchor } from "./x509/certificate.ts";
import { type Chain, type UnreadableChain, anchorWith, readChain } from "./path/presented-chain.ts";
import { sameBytes } from "./x509/der.ts";
import { type Match, type TrustIdentifier, matchIdentity } from "./x509/identity.ts";
import { type AnchorIndex, type Link, indexAnchors } from "./path/issuers.ts";
import { buildPath, spendOnPath } from "./path/build.ts";
import { type Failure, furthest, overBudget } from "./path/failure.ts";
import { CrlSet } from "./revocation/status.ts";
import { loadPublicSuffixes } from "./checks/public-suffixes.ts";
import { StapleMemory } from "./revocation/staple-memory.ts";
import { checkSizes, frame, toRefusal } from "./presented.ts";
import { CertificateStore, Known, digestKey } from "./signatures/store.ts";
import { type PathOutcome, type PathRules, validatePath } from "./validate.ts";
import { type Verdict, mintVerifiedPeer } from "./verdict.ts";
import type { Witness } from "./witness.ts";

/** What a policy means to trust/. `BundlePolicy` with its anchors and CRLs decoded. */
export interface TrustPolicy {
  /** One of these must match. Empty: nothing matches, every chain is refused. */
  readonly identifiers: readonly TrustIdentifier[];
  readonly anchors: readonly { readonly der: Uint8Array; readonly source: string }[];
  readonly profile: "private" | "strict";
  /** Base64 SHA-256 of a SubjectPublicKeyInfo; empty: no pinning. */
  readonly spkiPins: readonly string[];
  /** DER; null: revocation is not configured. */
  readonly crls: readonly Uint8Array[] | null;
  /** Certificates in a path, end entity and anchor included. */
  readonly maxChainDepth: number;
  readonly budgets?: Partial<Budgets>;
}

export interface VerifierOptions {
  /** The digest of the policy, for the proof that a verified peer carries. */
  readonly policy: Sha256Hex;
  readonly trust: TrustPolicy;
  /** Parsed certificates, shared with the verifiers of other policies. */
  readonly cache?: CertificateStore;
  /** Synchronous: an awaited digest costs several times a cached verdict. */
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  /** The second verifier: every accepted path is put before it, and without it there is no verdict. */
  readonly witness: Witness;
  /** Told the work charged for each verdict that was not remembered, in the units of `Budgets.work`. */
  readonly onWork?: (units: number) => void;
}

export interface Verifier {
  /**
   * `presented` is the chain in the order of the handshake, end entity first, as DER. `nowMs` is the time of the
   * verdict in ms since the epoch.
   */
  verify(presented: readonly Uint8Array[], nowMs: number, handshake?: HandshakeFacts): Promise<Verdict>;
}

export interface HandshakeFacts {
  /** A stapled DER OCSPResponse, if there was one. */
  readonly ocspResponse?: Uint8Array | null;
  /** The chain is that of the session that was resumed, and is judged with the staple that came with it then. */
  readonly resumed?: boolean;
}

/** A verifier for one policy. Anchors and CRLs are read here: an unreadable anchor is never trusted, a list never passed over. */
export function createVerifier(options: VerifierOptions): Verifier {
  return new PolicyVerifier(options, options.trust.identifiers);
}

/** As `createVerifier`, but accepting any name: for x509-limbo's cases without one. Not exported from the room. */
export function createNamelessVerifier(options: VerifierOptions): Verifier {
  return new PolicyVerifier(options, null);
}

class PolicyVerifier implements Verifier {
  readonly #options: VerifierOptions;
  readonly #identifiers: readonly TrustIdentifier[] | null;
  readonly #limits: Budgets;
  readonly #store: CertificateStore;
  readonly #anchors: readonly Link[];
  readonly #anchorIndex: AnchorIndex;
  readonly #crls: CrlSet | null;
  readonly #pins: ReadonlySet<string>;
  readonly #verdicts = new VerdictCache();
  readonly #staples = new StapleMemory();

  constructor(options: VerifierOptions, identifiers: readonly TrustIdentifier[] | null) {
    const { trust, sha256 } = options;
    this.#options = options;
    this.#identifiers = identifiers;
    this.#limits = { ...DEFAULT_BUDGETS, ...trust.budgets };
    this.#store = options.cache ?? new CertificateStore(sha256);
    this.#anchors = readAnchors(trust, this.#store);
    this.#anchorIndex = indexAnchors(this.#anchors);
    this.#crls = trust.crls === null ? null : new CrlSet(trust.crls);
    this.#pins = new Set(trust.spkiPins.map(decodePin));
  }

  verify(presented: readonly Uint8Array[], nowMs: number, handshake?: HandshakeFacts): Promise<Verdict> {
    const staple = this.#stapleOf(presented, handshake);
    const size = checkSizes(presented, staple, this.#limits);
    if (size !== null) return Promise.resolve({ kind: "refused", refusal: size });
    const key = digestKey(this.#options.sha256(frame(presented, staple)));
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
    return digestKey(this.#options.sha256(frame(presented, null)));
  }

  async #decide(presented: readonly Uint8Array[], nowMs: number, staple: Uint8Array | null): Promise<Decision> {
    let outcome: PathOutcome;
    let chain: Chain | UnreadableChain | null = null;
    const budget = new Budget(this.#limits);
    budget.spend("octets", staple?.length ?? 0);
    try {
      chain = readChain(presented, { store: this.#store, anchors: this.#anchorIndex, budget });
      outcome = chain.kind === "failed" ? chain : await this.#search(chain, nowMs, staple, budget);
    } catch (error) {
      // Our bug or PKI.js's: an answer that fails closed, never an exception on the connection's path.
      const why = error instanceof Error ? error.message : "an unknown error";
      const problem = { code: "second-opinion", expected: "a chain that can be validated", presented: why } as const;
      outcome = { kind: "failed", failure: { problem, position: null, progress: { kind: "reading" } } };
    }
    this.#options.onWork?.(budget.work);
    if (outcome.kind === "failed") {
      const verdict: Verdict = { kind: "refused", refusal: toRefusal(outcome.failure) };
      const untilMs = Math.min(nowMs + REFUSAL_MS, this.#nextStartMs(chain, nowMs) - 1);
      return { verdict, fromMs: nowMs, untilMs, neededStaple: false };
    }
    const { path, facts } = outcome;
    const endEntity = path[0];
    const anchor = path.at(-1);
    if (endEntity === undefined || anchor === undefined) throw new Error("an accepted path has certificates");
    // Anchors were remembered when they were read; what only an anchor may be, never.
    for (const { known, source } of path.slice(1)) if (source === null) this.#store.remember(known);
    const verified = mintVerifiedPeer(this.#options.policy, {
      path: path.map(({ known }) => known.certificate.der),
      matched: facts.match ?? NO_NAME,
      anchorSource: anchor.source ?? endEntity.source ?? "",
      notAfterMs: facts.period.untilMs,
      witness: facts.witness,
    });
    // A certificate is valid until the end of its last second.
    const { period, neededStaple } = facts;
    const untilMs = period.untilMs + 999;
    return { verdict: { kind: "verified", peer: verified }, fromMs: period.fromMs, untilMs, neededStaple };
  }

  /** When something that is not valid yet becomes so: no refusal is remembered beyond that. */
  #nextStartMs(chain: Chain | UnreadableChain | null, nowMs: number): number {
    const links = chain?.kind === "read" ? [chain.endEntity, ...chain.others, ...this.#anchors] : [];
    const starts = links.map(({ known }) => known.certificate.notBeforeMs);
    for (const { thisUpdateMs } of this.#crls?.used ?? []) starts.push(thisUpdateMs);
    return Math.min(...starts.filter((startMs) => startMs > nowMs));
  }

  async #search(chain: Chain, nowMs: number, staple: Uint8Array | null, budget: Budget): Promise<PathOutcome> {
    const names = chain.endEntity.known.certificate.subjectAltNames ?? [];
    const identifiers = names.length > this.#limits.names ? [] : this.#identifiers;
    let match: Match | null | undefined;
    const rules: PathRules = {
      identifiers,
      match: () => {
        if (identifiers === null) return null;
        if (match === undefined) {
          const affordable = budget.spend("comparisons", identifiers.length * names.length);
          match = affordable ? matchIdentity(identifiers, names) : null;
        }
        return match;
      },
      isPublicSuffix: this.#options.trust.profile === "strict" ? await loadPublicSuffixes() : null,
      pins: this.#pins,
      pinOf: ({ spki }) => digestKey(this.#options.sha256(spki)),
      crls: this.#crls,
      presented: chain.others,
      anchors: this.#anchorIndex,
      maxLength: this.#options.trust.maxChainDepth,
      witness: this.#options.witness,
      store: this.#store,
    };
    let accepted: PathOutcome | null = null;
    let worst: Failure | null = null;
    const accept = async (path: readonly Link[]): Promise<Failure | null> => {
      const outcome = await validatePath(path, rules, nowMs, budget, staple);
      if (outcome.kind === "failed") return outcome.failure;
      accepted = outcome;
      return null;
    };
    // A self-signed backend: the policy's CA is the end entity itself, byte for byte.
    const own = anchorWith(chain.endEntity, this.#anchorIndex);
    if (own !== null) {
      const direct = [{ ...own, position: 0 }];
      worst = spendOnPath(direct, budget) ? await accept(direct) : overBudget(budget);
    }
    if (accepted === null && budget.exceeded === null) {
      const failure = await buildPath(chain.endEntity, {
        presented: chain.others,
        anchors: this.#anchorIndex,
        nowMs,
        budget,
        maxLength: this.#options.trust.maxChainDepth,
        role: "end-entity",
        accept,
      });
      if (failure !== null) worst = furthest(worst, failure);
    }
    if (accepted !== null) return accepted;
    if (worst === null) throw new Error("neither accepted nor failed");
    // When no issuer was found, a certificate that could not be read is the likelier reason.
    if (worst.problem.code === "unknown-ca" && chain.unreadable !== null) worst = chain.unreadable;
    return { kind: "failed", failure: worst };
  }
}

/** A verdict, from when until when it stands, and whether it needed a staple. */
interface Decision {
  readonly verdict: Verdict;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly neededStaple: boolean;
}

const NO_NAME = { reference: { type: "dns", value: "" }, presented: "" } as const;

/** An anchor that cannot be read is never trusted; compile/ has said so with `judgeAnchor`. */
function readAnchors(trust: TrustPolicy, store: CertificateStore): Link[] {
  const anchors: Link[] = [];
  for (const { der, source } of trust.anchors) {
    if (anchors.some(({ known }) => sameBytes(known.certificate.der, der))) continue;
    const strict = store.read(der);
    if (strict.kind === "parsed") store.remember(strict.value);
    // One that only an anchor may be stays out of the store: presented, the same bytes are refused.
    const parsed = strict.kind === "parsed" ? strict : parseAnchor(der.slice());
    if (parsed.kind === "malformed") continue;
    const known = parsed.value instanceof Known ? parsed.value : new Known(parsed.value);
    anchors.push({ known, position: -1, source });
  }
  return anchors;
}

/** A pin as the key of the digest it names. One that is no base64 of 32 octets matches nothing, and still pins. */
function decodePin(pin: string): string {
  const unusable = `unusable pin ${pin}`;
  try {
    const octets = fromBase64(pin);
    return octets.length === 32 ? digestKey(octets) : unusable;
  } catch {
    return unusable;
  }
}
