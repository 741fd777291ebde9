/** Objects of one kind and name: one object, copies that are equal, or copies that differ. */
import { compareStrings, type Diagnostics, type Problem, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Kind } from "../kubernetes/kinds.ts";
import { readTargets } from "./policy-targets.ts";
import { repeatedObject } from "./problems.ts";

/** What the cluster has under a kind and name: a valid object, or one that is refused for `problem`. */
export type Entry<T> =
  | { readonly kind: "valid"; readonly object: SourceObject<T> }
  | { readonly kind: "refused"; readonly object: SourceObject; readonly problem: Problem };

/** One object of a known kind, before it is known whether others have its name. */
export interface NamedObject {
  readonly kind: Kind;
  /** `namespace/name`, or the name alone of a cluster-scoped object. */
  readonly name: string;
  readonly object: SourceObject;
  /** The entry of the name if no other object has it. */
  readonly entry: Entry<unknown>;
  /** The object's canonical JSON, by which copies are compared. */
  readonly text: () => string;
}

/**
 * The entry for all objects of one kind and name, at least one. Copies that are equal count as one object, with a warning;
 * copies that differ are refused. The order of the files decides nothing.
 */
export function resolveCopies(copies: readonly NamedObject[], diagnostics: Diagnostics): Entry<unknown> {
  const [only] = copies;
  if (only === undefined) throw new RangeError("an entry needs an object");
  if (copies.length === 1) return only.entry;
  const byPlace = [...copies].sort((a, b) => compareStrings(placeKey(a.object), placeKey(b.object)));
  const [first, ...others] = byPlace;
  // The copy that counts is chosen by content, and of equal copies by place.
  const byContent = byPlace.map((copy) => ({ copy, text: copy.text() })).sort((a, b) => compareStrings(a.text, b.text));
  const chosen = byContent[0]?.copy ?? only;
  const areEqual = byContent.every(({ text }) => text === byContent[0]?.text);
  for (const { kind, object } of others)
    diagnostics.report(object, repeatedObject(kind, first?.object ?? null, areEqual));
  if (areEqual) return chosen.entry;
  const inOrder = byContent.map(({ copy }) => copy.object);
  const object = chosen.kind === "BackendTLSPolicy" ? unionOfTargets(chosen.object, inOrder) : chosen.object;
  return entryOf(object, repeatedObject(chosen.kind, null, false));
}

/** A refused entry when there is a problem, else a valid one. */
export const entryOf = (object: SourceObject, problem: Problem | undefined): Entry<unknown> =>
  problem === undefined ? { kind: "valid", object } : { kind: "refused", object, problem };

/** `object` with the targets of all copies: a refused policy closes every port that it names. */
function unionOfTargets(object: SourceObject, copies: readonly SourceObject[]): SourceObject {
  const targetRefs = copies.flatMap(({ value }) => readTargets(value) ?? []);
  const assumesNamespace = copies.some((copy) => copy.assumesNamespace);
  return { ...object, assumesNamespace, value: { ...(object.value as object), spec: { targetRefs } } };
}

/** Sorts objects by file, line and column. */
function placeKey(object: SourceObject): string {
  const at = object.locate([]);
  return at === null ? "" : `${at.file}\0${String(at.line).padStart(10, "0")}\0${String(at.column).padStart(10, "0")}`;
}
