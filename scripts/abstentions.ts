/** What the witness vouched for in a run of verdicts. Abstentions are counted by feature, and too many fail the run. */
import type { Testimony } from "../src/trust/index.ts";

export interface Tally {
  readonly accepted: number;
  /** Accepted paths of which only signatures were verified, and those judged without the name. */
  readonly pathAbstained: number;
  readonly nameAbstained: number;
  /** Most frequent first; a path may have several features. */
  readonly features: readonly (readonly [feature: string, count: number])[];
}

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
 * Says the tally, and answers whether at most `ceilingPercent` of the accepted paths were not judged by the witness.
 * A run of fewer than 50 accepted paths has no share worth judging.
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
