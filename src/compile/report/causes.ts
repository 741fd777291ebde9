/** Which diagnostics follow from others: what is refused or absent fails wherever it is named. */
import type { Cause, Diagnostic } from "../diagnostics/diagnostics.ts";

/** A diagnostic that is a cause, or that follows from nothing, and what follows from it. */
export interface Fold {
  readonly cause: Diagnostic;
  /** In the order in which they came. */
  readonly consequences: readonly Diagnostic[];
}

/**
 * Each diagnostic once, causes in their order. Where several follow from one object that is not there, and so has no
 * diagnostic of its own, the first stands for it; where a text could not be read, that text is taken for the cause of all
 * that is absent.
 */
export function foldConsequences(diagnostics: readonly Diagnostic[]): Fold[] {
  /** Of each object, the first that follows from nothing, or else the first. */
  const errors = new Map<string, Diagnostic>();
  /** Of each object, the first that follows from it. */
  const followers = new Map<string, Diagnostic>();
  const unread = diagnostics.find(({ code, severity }) => severity === "error" && UNREAD.has(code));
  for (const diagnostic of diagnostics) {
    const { severity, object, causedBy } = diagnostic;
    if (severity === "error" && object !== null) {
      const known = errors.get(key(object));
      if (known === undefined || (known.causedBy !== undefined && causedBy === undefined))
        errors.set(key(object), diagnostic);
    }
    if (causedBy !== undefined && !followers.has(key(causedBy))) followers.set(key(causedBy), diagnostic);
  }

  function rootOf(diagnostic: Diagnostic): Diagnostic {
    const seen = new Set([diagnostic]);
    let root = diagnostic;
    while (root.causedBy !== undefined) {
      const cause = key(root.causedBy);
      const next = errors.get(cause);
      if (next === undefined) return unread ?? followers.get(cause) ?? root;
      if (seen.has(next)) return followers.get(cause) ?? root;
      seen.add(next);
      root = next;
    }
    return root;
  }

  const folds = new Map<Diagnostic, Diagnostic[]>();
  const roots = new Map(diagnostics.map((diagnostic) => [diagnostic, rootOf(diagnostic)]));
  for (const [diagnostic, root] of roots) if (root === diagnostic) folds.set(diagnostic, []);
  for (const [diagnostic, root] of roots) {
    if (root === diagnostic) continue;
    const fold = folds.get(root);
    // Objects that name each other in a circle: none of them is the cause.
    if (fold === undefined) folds.set(diagnostic, []);
    else fold.push(diagnostic);
  }
  return diagnostics.flatMap((cause) => {
    const consequences = folds.get(cause);
    return consequences === undefined ? [] : [{ cause, consequences }];
  });
}

/** Of texts that could not be read, whose objects are missing. */
const UNREAD: ReadonlySet<string> = new Set(["input-unreadable", "input-empty", "yaml-syntax", "yaml-aliases"]);

const key = ({ kind, namespace, name }: Cause): string => [kind, namespace ?? "", name].join("\0");
