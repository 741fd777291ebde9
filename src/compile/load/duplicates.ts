/** Objects of one kind and name: the only one, equal copies, or copies that differ. */
import { compareStrings, type Diagnostics, type Problem, type SourceObject } from "../diagnostics/diagnostics.ts";
import { readTargets } from "./policy-targets.ts";
import type { Kind } from "../kubernetes/kinds.ts";

/** What stands under a name. */
export type Entry<T> =
  | { readonly kind: "valid"; readonly object: SourceObject<T> }
  | { readonly kind: "refused"; readonly object: SourceObject; readonly problem: Problem };

/** An object that may be its name's. */
export interface Candidate {
  readonly kind: Kind;
  readonly name: string;
  readonly object: SourceObject;
  /** When it is the only one of its name. */
  readonly entry: Entry<unknown>;
  readonly text: () => string;
}

/** One entry from all objects of one name: the only one, or a refusal, whatever their order. */
export function settle(same: readonly Candidate[], diagnostics: Diagnostics): Entry<unknown> {
  const [only] = same;
  if (only === undefined) throw new RangeError("no candidate");
  if (same.length === 1) return only.entry;
  const byPlace = [...same].sort((a, b) => compareStrings(place(a.object), place(b.object)));
  const [first, ...others] = byPlace;
  // By content, so that neither file names nor their order decide; of equal ones the first by place.
  const ordered = byPlace
    .map((candidate) => ({ candidate, text: candidate.text() }))
    .sort((a, b) => compareStrings(a.text, b.text));
  const chosen = ordered[0]?.candidate ?? only;
  const equal = ordered.every(({ text }) => text === ordered[0]?.text);
  for (const other of others) diagnostics.report(other.object, duplicate(other, first?.object ?? null, equal));
  if (equal) return chosen.entry;
  const object =
    chosen.kind === "BackendTLSPolicy"
      ? unionOfTargets(
          chosen.object,
          ordered.map(({ candidate }) => candidate),
        )
      : chosen.object;
  return entryOf(object, duplicate(chosen, null, false));
}

/** Refused for its first fault. */
export const entryOf = (object: SourceObject, problem: Problem | undefined): Entry<unknown> =>
  problem === undefined ? { kind: "valid", object } : { kind: "refused", object, problem };

/** Copies of one policy that differ are refused together, and close every port that any of them names. */
function unionOfTargets(object: SourceObject, same: readonly Candidate[]): SourceObject {
  const targetRefs = same.flatMap((candidate) => readTargets(candidate.object.value) ?? []);
  const assumesNamespace = same.some((candidate) => candidate.object.assumesNamespace);
  return { ...object, assumesNamespace, value: { ...(object.value as object), spec: { targetRefs } } };
}

/** Copies that are equal count once, which is worth a warning; of those that differ none counts. */
function duplicate({ kind }: Candidate, first: SourceObject | null, equal: boolean): Problem {
  const at = first?.locate([]) ?? null;
  return {
    ...(equal ? { severity: "warning" as const } : {}),
    code: kind === "BackendTLSPolicy" && !equal ? "policy-schema" : "object-duplicate",
    path: ["metadata", "name"],
    message: `this object appears more than once${equal ? "" : ", and the copies differ, so all are refused"}`,
    expected: "each object once",
    ...(at === null ? {} : { found: `the first at ${at.file}:${at.line}` }),
    remedy: "remove all copies but one",
  };
}

function place(object: SourceObject): string {
  const at = object.locate([]);
  return at === null ? "" : `${at.file}\0${String(at.line).padStart(10, "0")}\0${String(at.column).padStart(10, "0")}`;
}
