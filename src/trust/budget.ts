/** Work is bounded by counts: a clock is no budget, workerd's stands still while code runs. */

/** Limits of one verdict. The defaults keep any input near 50 ms of CPU. */
export interface Budgets {
  /** Checked before anything is parsed. */
  readonly presentedBytes: number;
  readonly presentedCertificates: number;
  /** Alternative names in one certificate of a path. */
  readonly names: number;
  /** Name against name constraint, in units of some 1.3 µs: PKI.js compares them all again. */
  readonly comparisons: number;
  /**
   * In units of one P-256 or RSA-2048 verification. The default is what a path of four needs whose CAs and CRLs all
   * have the most expensive keys, P-521 or RSA above 4096 bits, at 8 units each.
   */
  readonly signatures: number;
  /** Candidate issuers looked at while building paths. */
  readonly candidates: number;
  /** Complete paths validated. */
  readonly paths: number;
  /** Paths shown to PKI.js's engine. */
  readonly opinions: number;
}

/** What a name under constraints costs PKI.js to read, in comparisons. */
export const NAME_COST = 80;

export const DEFAULT_BUDGETS: Budgets = {
  presentedBytes: 65_536,
  presentedCertificates: 16,
  names: 2_000,
  comparisons: 30_000,
  signatures: 48,
  candidates: 512,
  paths: 16,
  opinions: 3,
};

/** What is left of it. */
export class Budget {
  readonly limits: Budgets;
  private readonly spent: Record<keyof Budgets, number>;
  /** The first limit that was passed. */
  exceeded: keyof Budgets | null = null;

  constructor(limits: Budgets) {
    this.limits = limits;
    this.spent = {
      presentedBytes: 0,
      presentedCertificates: 0,
      names: 0,
      comparisons: 0,
      signatures: 0,
      candidates: 0,
      paths: 0,
      opinions: 0,
    };
  }

  /** Takes `amount`; false, for good, once a limit is passed. */
  spend(kind: keyof Budgets, amount: number): boolean {
    this.spent[kind] += amount;
    if (this.spent[kind] > this.limits[kind]) this.exceeded ??= kind;
    return this.exceeded === null;
  }

  /** As `spend`, for a limit on each thing by itself. */
  check(kind: keyof Budgets, amount: number): boolean {
    if (amount > this.limits[kind]) this.exceeded ??= kind;
    return this.exceeded === null;
  }
}
