/** Diagnostics that follow from others: every reference to an object that is refused or absent fails. */
import type { Cause, Diagnostic } from "../diagnostics/diagnostics.ts";

/** A diagnostic, and those that follow from it. */
export interface CauseGroup {
  readonly cause: Diagnostic;
  /** Diagnostics that follow from the cause, in their order; mostly none. */
  readonly consequences: readonly Diagnostic[];
}

/**
 * Groups diagnostics by their cause: each appears once, and causes keep their order. An absent object has no diagnostic of its
 * own, so the first of those that follow from its absence counts as their cause. When a text could not be read, its diagnostic
 * counts as the cause of everything that is absent.
 */
export function groupByCause(diagnostics: readonly Diagnostic[]): CauseGroup[] {
  /** The first error of each object, preferably one that follows from nothing else. */
  const errors = new Map<string, Diagnostic>();
  /** The first diagnostic that follows from each object. */
  const followers = new Map<string, Diagnostic>();
  const unread = diagnostics.find(({ code, severity }) => severity === "error" && UNREAD.has(code));
  for (const diagnostic of diagnostics) {
    const { severity, object, causedBy } = diagnostic;
    if (severity === "error" && object !== null) {
      const known = errors.get(objectKey(object));
      if (known === undefined || (known.causedBy !== undefined && causedBy === undefined))
        errors.set(objectKey(object), diagnostic);
    }
    if (causedBy !== undefined && !followers.has(objectKey(causedBy))) followers.set(objectKey(causedBy), diagnostic);
  }

  function rootOf(diagnostic: Diagnostic): Diagnostic {
    const seen = new Set([diagnostic]);
    let root = diagnostic;
    while (root.causedBy !== undefined) {
      const cause = objectKey(root.causedBy);
      const next = errors.get(cause);
      if (next === undefined) return unread ?? followers.get(cause) ?? root;
      if (seen.has(next)) return followers.get(cause) ?? root;
      seen.add(next);
      root = next;
    }
    return root;
  }

  const groups = new Map<Diagnostic, Diagnostic[]>();
  const roots = new Map(diagnostics.map((diagnostic) => [diagnostic, rootOf(diagnostic)]));
  for (const [diagnostic, root] of roots) if (root === diagnostic) groups.set(diagnostic, []);
  for (const [diagnostic, root] of roots) {
    if (root === diagnostic) continue;
    const group = groups.get(root);
    // Objects that refer to each other in a circle: none of them is the cause.
    if (group === undefined) groups.set(diagnostic, []);
    else group.push(diagnostic);
  }
  return diagnostics.flatMap((cause) => {
    const consequences = groups.get(cause);
    return consequences === undefined ? [] : [{ cause, consequences }];
  });
}

/** Codes of texts that could not be read, whose objects are therefore missing. */
const UNREAD: ReadonlySet<string> = new Set(["input-unreadable", "input-empty", "yaml-syntax", "yaml-aliases"]);

const objectKey = ({ kind, namespace, name }: Cause): string => [kind, namespace ?? "", name].join("\0");
