/**
 * Parts that the checks of the CRDs' rules share: the problem of a broken rule, references that must be distinct, and
 * unions.
 */
import { type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";
import type { BackendObjectReference } from "../kubernetes/objects.ts";

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
  /** The names of the fields that are set, of sectionName and port. */
  shape: string;
}

/** The rules "sectionName must be specified / unique when … includes 2 or more references to the same …". */
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

/** A union of the API: the value of one field says which other field, its member, must be present. */
interface Union {
  /** The field that chooses a member. */
  readonly field: string;
  readonly chosen: string | undefined;
  /** The members by choice; a member has the name of its choice in lower case. */
  readonly members: Readonly<Record<string, unknown>>;
  /** A text that is added to the remedy for a missing member. */
  readonly hint?: string;
}

/** The rules of a union: the member that is chosen must be present, and no other. */
export function unionRules({ field, chosen, members, hint = "" }: Union, at: FieldPath): Problem[] {
  const problems: Problem[] = [];
  for (const [choice, member] of Object.entries(members)) {
    const name = choice.toLowerCase();
    if ((chosen === choice) === (member !== undefined)) continue;
    problems.push(
      member === undefined
        ? rule([...at, name], `${field} ${choice} needs ${name}`, `add ${name}${hint}`)
        : rule([...at, name], `${name} is for ${field} ${choice} alone`, `remove ${name}, or correct ${field}`),
    );
  }
  return problems;
}

/** The rules "Must have port for Service reference" and "Must not have port for Backend reference". */
export function portRule({ group, kind, port }: BackendObjectReference, at: FieldPath): Problem[] {
  if (group === "" && kind === "Service" && port === undefined)
    return [rule([...at, "port"], "a Service reference must have a port", "add the Service's port")];
  return group === "gateway.networking.x-k8s.io" && kind === "XBackend" && port !== undefined
    ? [rule([...at, "port"], "a Backend reference must not have a port", "remove port")]
    : [];
}
