/**
 * The budget of one verdict: counts that bound its work. A time limit would bound nothing, because workerd's clock
 * stands still while code runs.
 */

/** Limits of one verdict. The defaults keep any input below 20 times the work of a chain of three certificates. */
export interface Budgets {
  /** Octets of the presented certificates and the staple together, checked before anything is parsed. */
  readonly presentedBytes: number;
  /** Certificates presented, checked before anything is parsed. */
  readonly presentedCertificates: number;
  /** subjectAltName entries in one certificate of a path. */
  readonly names: number;
  /**
   * Comparisons of a name with a name constraint, and of an attribute with an attribute of another distinguished
   * name.
   */
  readonly comparisons: number;
  /** Octets of distinguished names whose case and compatibility forms are folded (RFC 4518). */
  readonly folded: number;
  /**
   * Signatures verified by lasthop, in units of one P-256 or RSA-2048 verification. The default is what a path of
   * four needs whose CAs and CRLs all have the most expensive keys, P-521 or RSA above 4096 bits, at 8 units each.
   */
  readonly signatures: number;
  /** Candidate issuers looked at while building paths. */
  readonly candidates: number;
  /** Complete paths validated. */
  readonly paths: number;
  /** Paths that the witness (rustls-webpki, the second verifier) is asked to judge. */
  readonly opinions: number;
  /**
   * Signatures that the witness verifies in WebAssembly, in units of one P-256 verification. The default is the cost of
   * five P-384 verifications, which a path of six certificates needs.
   */
  readonly witnessed: number;
  /** The sum of all work, in units of some 10 ns on one core: see `UNITS`. */
  readonly work: number;
}

/** The limits of a policy that sets none. `npm run trust:cost` measures what an input can cost within them. */
export const DEFAULT_BUDGETS: Budgets = {
  presentedBytes: 65_536,
  presentedCertificates: 16,
  names: 2_000,
  comparisons: 100_000,
  folded: 16_384,
  signatures: 48,
  candidates: 512,
  paths: 16,
  opinions: 3,
  witnessed: 40,
  work: 2_500_000,
};

/**
 * Kinds of work that are charged. `octets` are octets read: those of a presented certificate once, and those of a
 * path again each time the path is validated.
 */
type Charge = "octets" | "comparisons" | "folded" | "signatures" | "candidates" | "paths" | "opinions" | "witnessed";

/**
 * What one of each kind costs at most, in units of `work`: measured by `npm run trust:cost` over chains made to be
 * expensive.
 */
const UNITS: Readonly<Record<Charge, number>> = {
  octets: 10,
  comparisons: 10,
  folded: 30,
  signatures: 15_000,
  candidates: 500,
  paths: 2_000,
  opinions: 30_000,
  witnessed: 20_000,
};

/** What one verdict has spent of its limits, and whether a limit was passed. */
export class Budget {
  readonly limits: Budgets;
  /** The charges that were granted. */
  readonly #spent: Record<Charge, number>;
  readonly #paid = new WeakSet();
  #work = 0;
  /** The first limit that a charge would have passed; null while every charge was granted. */
  exceeded: keyof Budgets | null = null;

  constructor(limits: Budgets) {
    this.limits = limits;
    this.#spent = {
      octets: 0,
      comparisons: 0,
      folded: 0,
      signatures: 0,
      candidates: 0,
      paths: 0,
      opinions: 0,
      witnessed: 0,
    };
  }

  /** The sum of all granted charges, in units of `work`: never above the limit. */
  get work(): number {
    return this.#work;
  }

  /**
   * Charges `amount`, before the work is done. Once a limit would be passed, this charge and every later one is
   * refused with false.
   */
  spend(kind: Charge, amount: number): boolean {
    if (this.exceeded !== null) return false;
    const [spent, work] = [this.#spent[kind] + amount, this.#work + amount * UNITS[kind]];
    if (kind !== "octets" && spent > this.limits[kind]) this.exceeded = kind;
    else if (work > this.limits.work) this.exceeded = "work";
    if (this.exceeded !== null) return false;
    this.#spent[kind] = spent;
    this.#work = work;
    return true;
  }

  /**
   * Whether this is the first call for this object in this verdict. Work whose result is kept on an object, such as
   * folding a name, is charged at the first use alone.
   */
  isFirstUse(thing: object): boolean {
    if (this.#paid.has(thing)) return false;
    this.#paid.add(thing);
    return true;
  }

  /** As `spend`, for a limit that holds for each certificate by itself: nothing is added up. */
  check(kind: "names", amount: number): boolean {
    if (amount > this.limits[kind]) this.exceeded ??= kind;
    return this.exceeded === null;
  }
}
