/** From raw objects to the cluster: each known kind by name, valid or refused; seed versions converted. */
import { canonicalJson } from "../bundle/codec.ts";
import {
  type Diagnostics,
  type FieldPath,
  type Location,
  namespacedName,
  type ObjectRef,
  type Problem,
  type SourceObject,
  compareStrings,
} from "./diagnostics.ts";
import type { RawObject } from "./document/objects.ts";
import { templateIn } from "./document/templates.ts";
import { kindOf, misspeltKind, reasonToSkip } from "./kinds.ts";
import type { Group, Memory } from "./memory.ts";
import { SERVICE_LABEL } from "./names.ts";
import type {
  BackendTLSPolicy,
  ClusterTrustBundle,
  ConfigMap,
  Endpoints,
  EndpointSlice,
  Gateway,
  GatewayClass,
  HTTPRoute,
  ListenerSet,
  Namespace,
  ReferenceGrant,
  Secret,
  Service,
  UnservedRoute,
} from "./objects.ts";
import { readTargets, unreadableTargets } from "./policy-targets.ts";
import { type Definitions, isDefinition, readDefinitions } from "./schema/definitions.ts";
import { validateRules } from "./schema/rules.ts";
import { field, type Kind, KINDS, validateStructure } from "./schema/validate.ts";
import { type Converted, convertSeed, convertXListenerSet, isXListenerSet } from "./seed.ts";

export type Entry<T> =
  | { readonly kind: "valid"; readonly object: SourceObject<T> }
  | { readonly kind: "refused"; readonly object: SourceObject; readonly problem: Problem };

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

/** By kind, then `namespace/name` (the name alone for cluster-scoped kinds), in order of that name. */
export type Cluster = { readonly [K in Kind]: ReadonlyMap<string, Entry<Types[K]>> };

export interface Skipped {
  readonly object: ObjectRef;
  readonly location: Location | null;
  readonly reason: string;
}

export interface Loaded {
  readonly cluster: Cluster;
  readonly skipped: readonly Skipped[];
  /** A policy's targets cannot be read: some Service would be served in plaintext against its owner's will. */
  readonly fatal: boolean;
}

interface Candidate {
  readonly kind: Kind;
  readonly name: string;
  readonly object: SourceObject;
  /** When it is the only one of its name. */
  readonly entry: Entry<unknown>;
  readonly text: () => string;
}

export function load(raws: readonly RawObject[], memory: Memory, diagnostics: Diagnostics): Loaded {
  const definitions = memory.once("definitions", raws.filter(isDefinition), diagnostics, (own) =>
    readDefinitions(raws, (raw, problem) => own.report(bare(raw), problem)),
  );
  // Apart, because it sets defaults in the object: once in its life.
  const judged = memory.each("structure", [], raws, diagnostics, judge);
  const admitted = memory.each("admission", [definitions], judged, diagnostics, (each, own) =>
    admit(each, definitions, own),
  );
  const candidates = new Map((Object.keys(KINDS) as Kind[]).map((kind) => [kind, [] as Candidate[]]));
  const skipped: Skipped[] = [];
  let fatal = false;
  for (const admission of admitted) {
    if (admission.kind === "skipped") skipped.push(admission.skipped);
    else if (admission.kind === "admitted") {
      const { candidate } = admission;
      fatal ||= admission.fatal;
      if (candidate.object.ref.name !== "") candidates.get(candidate.kind)?.push(candidate);
    }
  }
  const cluster: Record<string, ReadonlyMap<string, Entry<unknown>>> = {};
  for (const [kind, own] of candidates) {
    const byName = memory.group(
      `names of ${kind}`,
      own,
      ({ name }) => [name],
      () => 0,
    );
    const entries = memory.once(`entries of ${kind}`, [byName], diagnostics, (mine) => settleAll(byName, mine));
    cluster[kind] = memory.source(kind, entries);
  }
  const whole = cluster as unknown as Cluster;
  return { cluster: whole, skipped: sortSkipped([...skipped, ...mirroredEndpoints(whole)]), fatal };
}

/** Endpoints beside EndpointSlices of the same Service, as every cluster has them: one of the two is enough. */
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
  | { readonly kind: "admitted"; readonly candidate: Candidate; readonly fatal: boolean };

/** What one object is read as. Definitions have been read. */
function admit(judged: Judged, definitions: Definitions, diagnostics: Diagnostics): Admission {
  const { raw } = judged;
  if (isDefinition(raw)) return { kind: "ignored" };
  if (judged.kind === null) {
    const misspelt = misspeltKind(raw);
    for (const problem of bounded(definitions.check(raw))) diagnostics.report(bare(raw), problem);
    if (misspelt === null)
      return {
        kind: "skipped",
        skipped: { object: raw.ref, location: raw.locate(["kind"]), reason: reasonToSkip(raw) },
      };
    diagnostics.report(bare(raw), misspelt);
    return { kind: "ignored" };
  }
  const { kind, object } = judged;
  // What both find, our checks say better.
  const problems = [...judged.problems, ...bounded(judged.isSound ? definitions.check(raw) : [])];
  for (const problem of problems) diagnostics.report(object, problem);
  const fault = faultOf(problems);
  const fatal = kind === "BackendTLSPolicy" && fault !== undefined && unreadableTargets(object, diagnostics);
  const text = (): string => canonicalJson(object.value);
  const candidate = { kind, name: namespacedName(object.ref), object, entry: entryOf(object, fault), text };
  return { kind: "admitted", candidate, fatal };
}

/** In the order of the names. */
const settleAll = (
  byName: ReadonlyMap<string, Group<Candidate>>,
  diagnostics: Diagnostics,
): Map<string, Entry<unknown>> => new Map([...byName].map(([name, { items }]) => [name, settle(items, diagnostics)]));

const bare = (raw: RawObject): SourceObject => ({
  ref: raw.ref,
  value: raw.value,
  assumesNamespace: false,
  locate: raw.locate,
  spell: (path) => path,
});

type Judged =
  | { readonly kind: null; readonly raw: RawObject }
  | {
      readonly kind: Kind;
      readonly raw: RawObject;
      readonly object: SourceObject;
      readonly problems: readonly Problem[];
      /** The built-in schema and rules have nothing against it. */
      readonly isSound: boolean;
    };

/** Converts, identifies and validates one object, definitions aside. */
function judge(raw: RawObject): Judged {
  const kind = kindOf(raw);
  if (kind === null) return { kind, raw };
  const { group, namespaced, versions } = KINDS[kind];
  const isExperiment = isXListenerSet(raw);
  const { value, spell, problems: conversion } = convert(raw, kind);
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
    spell,
  };
  const known = isExperiment || (raw.group === group && (versions as readonly string[]).includes(raw.version));
  const problems: Problem[] = known ? [...conversion] : [unknownVersion(kind, raw)];
  const misspelt = kind === raw.ref.kind || isExperiment ? null : misspeltKind(raw);
  if (misspelt !== null) problems.push(misspelt);
  const structure = validateStructure(kind, value);
  const own = structure.length > 0 ? structure : validateRules(kind, value);
  problems.push(...bounded(own).map((problem) => unrendered(problem, value)));
  return { kind, raw, object, problems, isSound: own.length === 0 };
}

/** In the form of the first version that is read. */
function convert(raw: RawObject, kind: Kind): Converted {
  if (isXListenerSet(raw)) return convertXListenerSet(raw);
  if (kind === "BackendTLSPolicy" && raw.version !== KINDS[kind].versions[0]) return convertSeed(raw);
  return { value: raw.value, spell: (path: FieldPath) => path, problems: [] };
}

/** A value that a tool should have replaced is wrong for that reason, whatever rule it breaks. */
function unrendered(problem: Problem, value: unknown): Problem {
  const found: unknown = problem.path.reduce(field, value);
  const template = typeof found === "string" ? templateIn(found) : null;
  return template === null
    ? problem
    : {
        ...problem,
        message: `${template.mark} looks like ${template.tool}`,
        found: template.mark,
        remedy: template.remedy,
      };
}

const MAX_PROBLEMS = 50;

/** The first faults of one object, and that there are more. */
function bounded(problems: readonly Problem[]): readonly Problem[] {
  const [first] = problems;
  if (first === undefined || problems.length <= MAX_PROBLEMS) return problems;
  const more: Problem = {
    code: first.code,
    path: [],
    message: `the object has more faults than the ${MAX_PROBLEMS} that are listed`,
    remedy: "correct those, and build again",
  };
  return [...problems.slice(0, MAX_PROBLEMS), more];
}

function unknownVersion(kind: Kind, raw: RawObject): Problem {
  const { group, versions } = KINDS[kind];
  return {
    code: kind === "BackendTLSPolicy" ? "policy-schema" : "object-version",
    path: ["apiVersion"],
    message: `this is no apiVersion of ${kind} that lasthop reads`,
    expected: versions.map((version) => (group === "" ? version : `${group}/${version}`)).join(" or "),
    found: raw.ref.apiVersion,
    remedy: `use ${group === "" ? versions[0] : `${group}/${versions[0]}`}`,
  };
}

/** One entry from all objects of one name: the only one, or a refusal, whatever their order. */
function settle(same: readonly Candidate[], diagnostics: Diagnostics): Entry<unknown> {
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

const entryOf = (object: SourceObject, problem: Problem | undefined): Entry<unknown> =>
  problem === undefined ? { kind: "valid", object } : { kind: "refused", object, problem };

const faultOf = (problems: readonly Problem[]): Problem | undefined =>
  problems.find(({ severity }) => severity !== "warning");

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
    message: `this object appears more than once in the inputs${equal ? "" : ", and the copies differ, so all are refused"}`,
    expected: "each object once",
    ...(at === null ? {} : { found: `the first at ${at.file}:${at.line}` }),
    remedy: "remove all copies but one",
  };
}

function place(object: SourceObject): string {
  const at = object.locate([]);
  return at === null ? "" : `${at.file}\0${String(at.line).padStart(10, "0")}\0${String(at.column).padStart(10, "0")}`;
}

function sortSkipped(skipped: readonly Skipped[]): Skipped[] {
  const key = ({ object, location }: Skipped): string =>
    [
      object.apiVersion,
      object.kind,
      object.namespace ?? "",
      object.name,
      location?.file ?? "",
      String(location?.line ?? 0).padStart(10, "0"),
    ].join("\0");
  return [...skipped].sort((a, b) => compareStrings(key(a), key(b)));
}
