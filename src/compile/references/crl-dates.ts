/**
 * Warnings and conditions about CRLs that are not valid now, or not for long. After its nextUpdate a list counts for no
 * certificate, so that certificates of its issuer are refused unless another list covers them. Verdicts decide this
 * anew, in trust/revocation/status.ts.
 */
import { firstFew } from "./anchor-faults.ts";
import { type Clock, formatTime } from "../clock.ts";
import type { CrlList, CrlSource } from "./crls.ts";
import type { Diagnostics, Problem } from "../diagnostics/diagnostics.ts";

/** A bundle keeps its lists until it is built again: this long before a nextUpdate, `build` warns. */
const DUE_MS = 7 * 86_400_000;

type CrlDateFault = Pick<Problem, "expected" | "found" | "remedy"> & {
  readonly code: "crl-stale" | "crl-due" | "crl-not-yet-valid";
  /** End of a sentence that starts with the name of the list. */
  readonly what: string;
};

/** Warnings about the lists of a source. */
export function reportCrlDates(source: CrlSource, now: Clock, diagnostics: Diagnostics): void {
  const { object, path } = source.place;
  for (const list of source.lists) {
    const fault = crlDateFault(list, now);
    if (fault === null) continue;
    const { what, ...rest } = fault;
    const message = `${list.where} of ${source.name} ${what}`;
    diagnostics.report(object, { severity: "warning", path, line: list.line, message, ...rest });
  }
}

/** Text for a condition: the lists that are stale, due soon or not valid yet. Empty: there is none, or no clock. */
export function describeCrlDates(sources: readonly CrlSource[], now: Clock): string {
  const faults = sources.flatMap((source) =>
    source.lists.flatMap((list) => {
      const fault = crlDateFault(list, now);
      return fault === null ? [] : [`${list.where} of ${source.name} ${fault.what}`];
    }),
  );
  return firstFew(faults);
}

/**
 * One text for each list that is stale, due soon or not valid yet. As long as these texts are the same, conditions about
 * the lists stay right.
 */
export function crlDates({ name, lists }: CrlSource, now: Clock): string[] {
  return lists.flatMap((list) => {
    const fault = crlDateFault(list, now);
    return fault === null ? [] : [`${name} ${list.where} ${fault.code}`];
  });
}

function crlDateFault({ issuer, crl }: CrlList, now: Clock): CrlDateFault | null {
  if (now === null) return null;
  const { thisUpdateMs, nextUpdateMs } = crl;
  const due = formatTime(nextUpdateMs);
  const remedy = "put in the CA's current list";
  if (now < thisUpdateMs) {
    return {
      code: "crl-not-yet-valid",
      what: `is not valid before ${formatTime(thisUpdateMs)}: until then it covers nothing`,
      expected: "a list that is valid now",
      found: `of ${issuer}`,
      remedy: "wait, put in the CA's current list, or correct this machine's clock",
    };
  }
  // RFC 5280 §5.1.2.5: dates have whole seconds. trust/ compares in the same way.
  if (nextUpdateMs < Math.floor(now / 1000) * 1000) {
    return {
      code: "crl-stale",
      what: `is past its nextUpdate, ${due}: it covers nothing, and without another list certificates of ${issuer} are refused`,
      expected: "a list whose nextUpdate is to come",
      found: `of ${issuer}`,
      remedy,
    };
  }
  if (nextUpdateMs >= now + DUE_MS) return null;
  return {
    code: "crl-due",
    what: `is due ${due}: from then on, without another list, certificates of ${issuer} are refused`,
    expected: "a bundle that is built again before that, with the next list",
    found: `of ${issuer}`,
    remedy: "build again with the CA's next list before nextUpdate",
  };
}
