/** One object on its way into the cluster: converted, checked against schema and rules, and admitted, skipped or ignored. */
import { canonicalJson } from "../../bundle/codec.ts";
import {
  type Diagnostics,
  type FieldPath,
  namespacedName,
  type Problem,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import type { Skipped } from "../diagnostics/skipped.ts";
import { templateIn } from "../document/templates.ts";
import { field, type Kind, KINDS } from "../kubernetes/kinds.ts";
import type { RawObject } from "../kubernetes/raw-object.ts";
import { type Definitions, isDefinition } from "../schema/definitions.ts";
import { validateRules } from "../schema/rules.ts";
import { validateStructure } from "../schema/validate.ts";
import { type Converted, convertPolicy, convertXListenerSet, isXListenerSet } from "./conversion.ts";
import { entryOf, type NamedObject } from "./duplicates.ts";
import { kindOf, misspeltKind, reasonToSkip } from "./misspelt.ts";
import { hasUnreadableTargets, hasUnrenderedTargets } from "./policy-targets.ts";
import { moreProblems, unknownVersion } from "./problems.ts";

/** Where the objects come from: the files of a build, or a Kubernetes API server. */
export type Origin = "inputs" | "cluster";

/** What an object counts as: ignored, skipped with a note in the report, or admitted under its name. */
export type Admission =
  | { readonly kind: "ignored" }
  | { readonly kind: "skipped"; readonly skipped: Skipped }
  | { readonly kind: "admitted"; readonly named: NamedObject; readonly fatal: boolean };

/** What one object counts as, now that the CustomResourceDefinitions among the inputs are known. */
export function admit(
  validated: Validated,
  definitions: Definitions,
  origin: Origin,
  diagnostics: Diagnostics,
): Admission {
  const { raw } = validated;
  if (isDefinition(raw)) return { kind: "ignored" };
  if (validated.kind === null) {
    const misspelt = misspeltKind(raw);
    for (const problem of firstProblems(definitions.check(raw))) diagnostics.report(asSourceObject(raw), problem);
    if (misspelt === null)
      return {
        kind: "skipped",
        skipped: { object: raw.ref, location: raw.locate(["kind"]), reason: reasonToSkip(raw) },
      };
    diagnostics.report(asSourceObject(raw), misspelt);
    return { kind: "ignored" };
  }
  const { kind, object } = validated;
  // Only objects that pass the built-in checks are checked against definitions: the built-in messages are better.
  const problems = [...validated.problems, ...firstProblems(validated.isSound ? definitions.check(raw) : [])];
  for (const problem of problems) diagnostics.report(object, problem);
  const fault = problems.find(({ severity }) => severity !== "warning");
  const fatal =
    kind === "BackendTLSPolicy" &&
    ((fault !== undefined && hasUnreadableTargets(object, diagnostics)) ||
      (origin === "inputs" && hasUnrenderedTargets(object, diagnostics)));
  const text = (): string => canonicalJson(object.value);
  const named = { kind, name: namespacedName(object.ref), object, entry: entryOf(object, fault), text };
  return { kind: "admitted", named, fatal };
}

/** An object that is not of a known kind, so that problems of it can be reported. */
export const asSourceObject = (raw: RawObject): SourceObject => ({
  ref: raw.ref,
  value: raw.value,
  assumesNamespace: false,
  locate: raw.locate,
  spell: (path) => path,
});

/** An object that has been checked against the built-in schema and rules. */
export type Validated =
  /** An object of no kind that lasthop reads. */
  | { readonly kind: null; readonly raw: RawObject }
  | {
      readonly kind: Kind;
      readonly raw: RawObject;
      readonly object: SourceObject;
      readonly problems: readonly Problem[];
      /** Whether the object passes the built-in schema and rules. */
      readonly isSound: boolean;
    };

/** Converts one object to the current version, sets its defaults, and checks it against the built-in schema and rules. */
export function validate(raw: RawObject): Validated {
  const kind = kindOf(raw);
  if (kind === null) return { kind, raw };
  const { group, namespaced, versions } = KINDS[kind];
  const isExperiment = isXListenerSet(raw);
  const converted = convert(raw, kind);
  const structure = validateStructure(kind, converted.value);
  const { value } = structure;
  const object: SourceObject = {
    ref: {
      apiVersion: group === "" ? versions[0] : `${group}/${versions[0]}`,
      kind,
      namespace: namespaced ? (raw.ref.namespace ?? "default") : null,
      name: raw.ref.name,
    },
    value,
    assumesNamespace: namespaced && raw.ref.namespace === null,
    locate: raw.locate,
    spell: converted.spell,
  };
  const isKnown = isExperiment || (raw.group === group && (versions as readonly string[]).includes(raw.version));
  const problems: Problem[] = isKnown ? [...converted.problems] : [unknownVersion(kind, raw.ref.apiVersion)];
  const misspelt = kind === raw.ref.kind || isExperiment ? null : misspeltKind(raw);
  if (misspelt !== null) problems.push(misspelt);
  const found = structure.problems.length > 0 ? structure.problems : validateRules(kind, value);
  problems.push(...firstProblems(found).map((problem) => nameTemplate(problem, value)));
  return { kind, raw, object, problems, isSound: found.length === 0 };
}

function convert(raw: RawObject, kind: Kind): Converted {
  if (isXListenerSet(raw)) return convertXListenerSet(raw);
  if (kind === "BackendTLSPolicy" && raw.version !== KINDS[kind].versions[0]) return convertPolicy(raw);
  return { value: raw.value, spell: (path: FieldPath) => path, problems: [] };
}

/** The problem, which names the template where the value is one that no tool has replaced: then the broken rule is no help. */
function nameTemplate(problem: Problem, value: unknown): Problem {
  const found: unknown = problem.path.reduce(field, value);
  const template = typeof found === "string" ? templateIn(found) : null;
  if (template === null) return problem;
  const message = `${template.mark} looks like ${template.tool}`;
  return { ...problem, message, found: template.mark, remedy: template.remedy };
}

const MAX_PROBLEMS = 50;

/** The first problems of one object, and a note when there are more. */
function firstProblems(problems: readonly Problem[]): readonly Problem[] {
  const [first] = problems;
  if (first === undefined || problems.length <= MAX_PROBLEMS) return problems;
  return [...problems.slice(0, MAX_PROBLEMS), moreProblems(first.code, MAX_PROBLEMS)];
}
