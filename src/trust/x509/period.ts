/** When something holds, both ends included, in ms since the epoch. */
export interface Period {
  readonly fromMs: number;
  readonly untilMs: number;
}

export const ALWAYS: Period = { fromMs: -Infinity, untilMs: Infinity };

/** When all of them hold. */
export const intersect = (...periods: readonly Period[]): Period => ({
  fromMs: Math.max(...periods.map(({ fromMs }) => fromMs)),
  untilMs: Math.min(...periods.map(({ untilMs }) => untilMs)),
});

/** A certificate's own dates. */
export const validityOf = (dates: { readonly notBeforeMs: number; readonly notAfterMs: number }): Period => ({
  fromMs: dates.notBeforeMs,
  untilMs: dates.notAfterMs,
});
