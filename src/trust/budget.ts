/** Work is bounded by counts: a clock is no budget, workerd's stands still while code runs. */

/** Limits of one verdict. The defaults keep any input below 20 times the work of a chain of three certificates. */
export interface Budgets {
  /** Checked before anything is parsed. */
  readonly presentedBytes: number;
  readonly presentedCertificates: number;
  /** Alternative names in one certificate of a path. */
  readonly names: number;
  /** Name against name constraint, and attribute against attribute of two distinguished names. */
  readonly comparisons: number;
  /** Octets of distinguished names whose case and compatibility forms are folded (RFC 4518). */
  readonly folded: number;
  /**
   * In units of one P-256 or RSA-2048 verification. The default is what a path of four needs whose CAs and CRLs all
   * have the most expensive keys, P-521 or RSA above 4096 bits, at 8 units each.
   */
  readonly signatures: number;
  /** Candidate issuers looked at while building paths. */
  readonly candidates: number;
  /** Complete paths validated. */
  readonly paths: number;
  /** Paths put before the witness. */
  readonly opinions: number;
  /**
   * Signatures that the witness verifies in WebAssembly, in units of one of P-256. The default is five of P-384: what a
   * path of six takes.
   */
  readonly witnessed: number;
  /** All of it together, in units of some 10 ns on one core: see `UNITS`. */
  readonly work: number;
}

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

/** Work that is charged. `octets` are read: presented ones once, those of a path again each time it is validated. */
export type Charge =
  | "octets"
  | "comparisons"
  | "folded"
  | "signatures"
  | "candidates"
  | "paths"
  | "opinions"
  | "witnessed";

/** What one of each costs at most, in units of `work`: measured by `npm run trust:cost` over chains made for it. */
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

/** What is left of it. */
export class Budget {
  readonly limits: Budgets;
  /** Without the charge that was refused. */
  readonly #spent: Record<Charge, number>;
  readonly #paid = new WeakSet();
  #work = 0;
  /** The first limit that was passed. */
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

  /** All that was charged, in units of `work`: never above the limit. */
  get work(): number {
    return this.#work;
  }

  /** Takes `amount`, before the work is done; false, for good, once a limit is passed. */
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

  /** Whether work whose result is remembered with `thing` is still to be charged in this verdict: at the first call. */
  isFirstUse(thing: object): boolean {
    if (this.#paid.has(thing)) return false;
    this.#paid.add(thing);
    return true;
  }

  /** As `spend`, for a limit on each thing by itself. */
  check(kind: "names", amount: number): boolean {
    if (amount > this.limits[kind]) this.exceeded ??= kind;
    return this.exceeded === null;
  }
}
