/** A period in ms since the epoch, both ends included. */
export interface Period {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The period without an end. */
export const ALWAYS: Period = { fromMs: -Infinity, untilMs: Infinity };

/** The period that lies in all of these. */
export const intersect = (...periods: readonly Period[]): Period => ({
  fromMs: Math.max(...periods.map(({ fromMs }) => fromMs)),
  untilMs: Math.min(...periods.map(({ untilMs }) => untilMs)),
});

/** The period between a certificate's own dates. */
export const validityOf = (dates: { readonly notBeforeMs: number; readonly notAfterMs: number }): Period => ({
  fromMs: dates.notBeforeMs,
  untilMs: dates.notAfterMs,
});
