/** Reads the extension nameConstraints. What it means for names is decided in checks/name-constraints.ts. */
import { DerError, type DerReader, TAG, context } from "./der.ts";
import { type GeneralName, readGeneralName } from "./general-names.ts";

/** The bases of the subtrees, as they are written. */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** Reads nameConstraints (RFC 5280 §4.2.1.10). Refuses an empty extension, empty lists, minimum and maximum. */
export function readNameConstraints(value: DerReader): NameConstraints {
  const what = "nameConstraints";
  const sequence = value.enter(TAG.sequence, what);
  const permitted = readSubtrees(sequence, 0);
  const excluded = readSubtrees(sequence, 1);
  sequence.finish(what);
  if (permitted === null && excluded === null) throw new DerError(`${what} is empty`);
  return { permitted: permitted ?? [], excluded: excluded ?? [] };
}

function readSubtrees(sequence: DerReader, number: number): GeneralName[] | null {
  const what = "nameConstraints";
  const list = sequence.optional(context(number, true), what);
  if (list === null) return null;
  if (list.empty) throw new DerError(`${what} has an empty list`);
  const subtrees: GeneralName[] = [];
  while (!list.empty) {
    const subtree = list.enter(TAG.sequence, what);
    subtrees.push(readGeneralName(subtree, "constraint", what));
    // minimum MUST be zero (the default) and maximum MUST be absent.
    subtree.finish(`${what} subtree`);
  }
  return subtrees;
}
