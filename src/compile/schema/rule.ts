/** What the checks of the CRDs' rules have in common. */
import { type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";

/** The problem of an object that breaks a rule of its CRD. The message states the rule, so it also is what was expected. */
export function rule(path: FieldPath, message: string, remedy: string, found?: string): Problem {
  return { code: "object-schema", path, message, remedy, expected: message, ...(found === undefined ? {} : { found }) };
}

interface DistinctRef {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
  /** The sectionName and port, which tell references to one object apart. */
  section: string;
  /** Which of sectionName and port are set. */
  shape: string;
}

/** "sectionName must be specified / unique when … includes 2 or more references to the same …" */
export function distinctRefs(at: FieldPath, refs: readonly DistinctRef[]): Problem[] {
  const seen = new Map<string, DistinctRef[]>();
  const problems: Problem[] = [];
  for (const [index, ref] of refs.entries()) {
    const key = [ref.group, ref.kind, ref.namespace ?? "", ref.name].join("\0");
    const others = seen.get(key) ?? [];
    seen.set(key, [...others, ref]);
    if (others.some(({ section }) => section === ref.section)) {
      const repeated = rule(
        [...at, index],
        "names the same object and section twice",
        "remove one, or give each its own sectionName",
        show(ref.name),
      );
      problems.push({ ...repeated, expected: "each object once, or each time with another sectionName" });
    } else if (others.some(({ shape }) => shape !== ref.shape)) {
      problems.push(
        rule(
          [...at, index],
          "every reference to one object must set sectionName, or none",
          "set sectionName on each",
          show(ref.name),
        ),
      );
    }
  }
  return problems;
}
