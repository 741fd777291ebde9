/** From raw objects to the cluster: every object of a known kind by its name, valid or refused. */
import { canonicalJson } from "../../bundle/codec.ts";
import {
  type Diagnostics,
  type FieldPath,
  namespacedName,
  type Problem,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import { type Skipped, sortSkipped } from "../diagnostics/skipped.ts";
import { templateIn } from "../document/templates.ts";
import { field, type Kind, KINDS } from "../kubernetes/kinds.ts";
import { SERVICE_LABEL } from "../kubernetes/names.ts";
import type {
  BackendTLSPolicy,
  Gateway,
  GatewayClass,
  HTTPRoute,
  ListenerSet,
  ReferenceGrant,
  UnservedRoute,
} from "../kubernetes/objects.ts";
import type {
  ClusterTrustBundle,
  ConfigMap,
  Endpoints,
  EndpointSlice,
  Namespace,
  Secret,
  Service,
} from "../kubernetes/core-objects.ts";
import type { RawObject } from "../kubernetes/raw-object.ts";
import type { Group } from "../memory/groups.ts";
import type { Memory } from "../memory/memory.ts";
import { type Definitions, isDefinition, readDefinitions } from "../schema/definitions.ts";
import { validateRules } from "../schema/rules.ts";
import { validateStructure } from "../schema/validate.ts";
import { type Converted, convertPolicy, convertXListenerSet, isXListenerSet } from "./conversion.ts";
import { type Entry, entryOf, type NamedObject, resolveCopies } from "./duplicates.ts";
import { type Generated, generatedFrom } from "./generated.ts";
import { kindOf, misspeltKind, reasonToSkip } from "./misspelt.ts";
import { hasUnreadableTargets, hasUnrenderedTargets } from "./policy-targets.ts";
import { moreProblems, unknownVersion } from "./problems.ts";

export type { Entry } from "./duplicates.ts";

interface Types {
  GatewayClass: GatewayClass;
  Gateway: Gateway;
  HTTPRoute: HTTPRoute;
  ListenerSet: ListenerSet;
  ReferenceGrant: ReferenceGrant;
  BackendTLSPolicy: BackendTLSPolicy;
  GRPCRoute: UnservedRoute;
  TLSRoute: UnservedRoute;
  TCPRoute: UnservedRoute;
  UDPRoute: UnservedRoute;
  ClusterTrustBundle: ClusterTrustBundle;
  Namespace: Namespace;
  Service: Service;
  EndpointSlice: EndpointSlice;
  Endpoints: Endpoints;
  ConfigMap: ConfigMap;
  Secret: Secret;
}

/** Where the objects come from: the files of a build, or a Kubernetes API server. */
export type Origin = "inputs" | "cluster";

/** Where the objects come from, and what else their cluster would hold. */
interface ObjectSource {
  readonly origin: Origin;
  /** What other controllers would generate from the inputs; empty for a cluster, where they have generated it. */
  readonly generated: readonly Generated[];
}

/**
 * The objects by kind, then by `namespace/name` (the name alone of cluster-scoped kinds), in order of that name:
 * `cluster.Service.get("shop/app")`.
 */
export type Cluster = { readonly [K in Kind]: ReadonlyMap<string, Entry<Types[K]>> } & {
  readonly source: ObjectSource;
};

/** What {@link load} gives. */
interface Loaded {
  readonly cluster: Cluster;
  readonly skipped: readonly Skipped[];
  /** The bundle may not be built, because a policy does not tell which Services it protects: one could be sent plaintext. */
  readonly fatal: boolean;
}

/** Converts, validates and names every object. Leaves the raw objects as they are; never throws on input. */
export function load(raws: readonly RawObject[], origin: Origin, memory: Memory, diagnostics: Diagnostics): Loaded {
  const definitions = memory.once("definitions", raws.filter(isDefinition), diagnostics, (own) =>
    readDefinitions(raws, (raw, problem) => own.report(asSourceObject(raw), problem)),
  );
  // A pass of its own, because it depends on nothing but the object.
  const validated = memory.each("structure", { items: raws }, diagnostics, validate);
  const admitted = memory.each("admission", { items: validated, given: [definitions] }, diagnostics, (each, own) =>
    admit(each, definitions, origin, own),
  );
  const byKind = new Map((Object.keys(KINDS) as Kind[]).map((kind) => [kind, [] as NamedObject[]]));
  const skipped: Skipped[] = [];
  let fatal = false;
  for (const admission of admitted) {
    if (admission.kind === "skipped") skipped.push(admission.skipped);
    else if (admission.kind === "admitted") {
      const { named } = admission;
      fatal ||= admission.fatal;
      if (named.object.ref.name !== "") byKind.get(named.kind)?.push(named);
    }
  }
  const entries: Record<string, ReadonlyMap<string, Entry<unknown>>> = {};
  for (const [kind, objects] of byKind) {
    const byName = memory.group(
      `names of ${kind}`,
      objects,
      ({ name }) => [name],
      () => 0,
    );
    const made = memory.once(`entries of ${kind}`, [byName], diagnostics, (own) => entriesOf(byName, own));
    entries[kind] = memory.source(kind, made);
  }
  const generated = origin === "cluster" ? [] : raws.map(generatedFrom).filter((each) => each !== null);
  const cluster = { ...entries, source: { origin, generated } } as unknown as Cluster;
  return { cluster, skipped: sortSkipped([...skipped, ...mirroredEndpoints(cluster)]), fatal };
}

/** Endpoints of Services that also have EndpointSlices, as in every cluster: only the slices are read. */
function mirroredEndpoints({ Endpoints, EndpointSlice }: Cluster): Skipped[] {
  if (Endpoints.size === 0) return [];
  const sliced = new Set(
    [...EndpointSlice.values()].flatMap(({ object: { ref, value } }) => {
      const service = field(field(field(value, "metadata"), "labels"), SERVICE_LABEL);
      return typeof service === "string" ? [`${ref.namespace}/${service}`] : [];
    }),
  );
  return [...Endpoints].flatMap(([name, { object }]) =>
    sliced.has(name)
      ? [{ object: object.ref, location: object.locate(["kind"]), reason: "the Service's EndpointSlices are read" }]
      : [],
  );
}

type Admission =
  | { readonly kind: "ignored" }
  | { readonly kind: "skipped"; readonly skipped: Skipped }
  | { readonly kind: "admitted"; readonly named: NamedObject; readonly fatal: boolean };

/** What one object counts as, now that the CustomResourceDefinitions among the inputs are known. */
function admit(validated: Validated, definitions: Definitions, origin: Origin, diagnostics: Diagnostics): Admission {
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
  // Definitions are asked only about objects that pass the built-in checks, whose messages are better.
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

/** Entries by name, in order of the names. */
const entriesOf = (
  byName: ReadonlyMap<string, Group<NamedObject>>,
  diagnostics: Diagnostics,
): Map<string, Entry<unknown>> =>
  new Map([...byName].map(([name, { items }]) => [name, resolveCopies(items, diagnostics)]));

/** An object that is not of a known kind, so that problems of it can be reported. */
const asSourceObject = (raw: RawObject): SourceObject => ({
  ref: raw.ref,
  value: raw.value,
  assumesNamespace: false,
  locate: raw.locate,
  spell: (path) => path,
});

type Validated =
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
function validate(raw: RawObject): Validated {
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
