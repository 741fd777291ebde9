/** What the clock says of CRLs. Past its nextUpdate a list covers nothing: all that it stood for is then refused. */
import { limited } from "./anchor-faults.ts";
import { type Clock, formatTime } from "../clock.ts";
import type { CrlList, CrlSource } from "./crls.ts";
import type { Diagnostics, Problem } from "../diagnostics/diagnostics.ts";

/** A bundle holds its lists until it is built again: how long before nextUpdate `build` says so. */
const DUE_MS = 7 * 86_400_000;

type DateFault = Pick<Problem, "expected" | "found" | "remedy"> & {
  readonly code: "crl-stale" | "crl-due" | "crl-not-yet-valid";
  /** Follows the name of the list. */
  readonly what: string;
};

/** Warnings about the lists of a source, at their lines. */
export function reportCrlDates(source: CrlSource, now: Clock, diagnostics: Diagnostics): void {
  const { object, path } = source.place;
  for (const list of source.lists) {
    const fault = dateFault(list, now);
    if (fault === null) continue;
    const { what, ...rest } = fault;
    const message = `${list.where} of ${source.name} ${what}`;
    diagnostics.report(object, { severity: "warning", path, line: list.line, message, ...rest });
  }
}

/** For a condition: the lists that are stale, due soon or not valid yet; empty: none, or there is no clock. */
export function describeCrlDates(sources: readonly CrlSource[], now: Clock): string {
  const faults = sources.flatMap((source) =>
    source.lists.flatMap((list) => {
      const fault = dateFault(list, now);
      return fault === null ? [] : [`${list.where} of ${source.name} ${fault.what}`];
    }),
  );
  return limited(faults);
}

/** What is to be said of a source's lists now: the same texts as long as it is the same. */
export function crlDates({ name, lists }: CrlSource, now: Clock): string[] {
  return lists.flatMap((list) => {
    const fault = dateFault(list, now);
    return fault === null ? [] : [`${name} ${list.where} ${fault.code}`];
  });
}

function dateFault({ issuer, crl }: CrlList, now: Clock): DateFault | null {
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
  // RFC 5280 §5.1.2.5, in whole seconds, as revocation/status.ts has it.
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
