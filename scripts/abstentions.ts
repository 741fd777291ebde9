/** Counts the abstentions of the witness (the second validator, webpki) in a run. Too many fail the run. */
import type { Testimony } from "../src/trust/index.ts";

/** The counts of one run. */
interface Tally {
  /** The number of accepted paths. */
  readonly accepted: number;
  /** The number of paths of which the witness verified only the signatures. */
  readonly pathAbstained: number;
  /** The number of paths that the witness judged without the name. */
  readonly nameAbstained: number;
  /** The features that made the witness abstain, most frequent first. A path may have several. */
  readonly features: readonly (readonly [feature: string, count: number])[];
}

/** The counts of `testimonies`. */
export function tally(testimonies: readonly Testimony[]): Tally {
  const of = (kind: Testimony["kind"]): number => testimonies.filter((each) => each.kind === kind).length;
  const counts = new Map<string, number>();
  for (const testimony of testimonies) {
    for (const feature of testimony.kind === "judged" ? [] : testimony.features) {
      counts.set(feature, (counts.get(feature) ?? 0) + 1);
    }
  }
  return {
    accepted: testimonies.length,
    pathAbstained: of("path-abstained"),
    nameAbstained: of("name-abstained"),
    features: [...counts].toSorted(([a, one], [b, other]) => other - one || (a < b ? -1 : 1)),
  };
}

/**
 * Prints the counts, and returns whether the witness abstained on at most `ceilingPercent` of the accepted paths. The
 * share of fewer than 50 paths is not judged.
 */
export function reportTally(
  { accepted, pathAbstained, nameAbstained, features }: Tally,
  ceilingPercent: number,
): boolean {
  const listed = features.map(([feature, count]) => `${feature} ${count}`).join(", ");
  console.log(
    `witness: ${accepted} paths accepted, ${pathAbstained} of them by their signatures alone and ` +
      `${nameAbstained} without the name${listed === "" ? "" : ` (${listed})`}`,
  );
  const within = accepted < 50 || pathAbstained * 100 <= accepted * ceilingPercent;
  if (!within) console.log(`TOO MANY ABSTENTIONS: more than ${ceilingPercent} % of the accepted paths`);
  return within;
}
