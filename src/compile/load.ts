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
import { kindOf, misspeltKind, reasonToSkip } from "./kinds.ts";
import type {
  BackendTLSPolicy,
  ClusterTrustBundle,
  ConfigMap,
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
import { type Kind, KINDS, validateStructure } from "./schema/validate.ts";
import { convertSeed } from "./seed.ts";

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
  readonly object: SourceObject;
  readonly problems: readonly Problem[];
  readonly text: () => string;
}

export function load(raws: readonly RawObject[], diagnostics: Diagnostics): Loaded {
  const candidates = new Map<Kind, Map<string, Candidate[]>>();
  const skipped: Skipped[] = [];
  const definitions = readDefinitions(raws, (raw, problem) => diagnostics.report(bare(raw), problem));
  let fatal = false;
  for (const raw of raws) {
    if (isDefinition(raw)) continue;
    const kind = kindOf(raw);
    if (kind === null) {
      const misspelt = misspeltKind(raw);
      for (const problem of bounded(definitions.check(raw))) diagnostics.report(bare(raw), problem);
      if (misspelt !== null) diagnostics.report(bare(raw), misspelt);
      else skipped.push({ object: raw.ref, location: raw.locate(["kind"]), reason: reasonToSkip });
      continue;
    }
    const candidate = admit(kind, raw, definitions);
    const refused = candidate.problems.filter(({ severity }) => severity !== "warning");
    for (const problem of candidate.problems) diagnostics.report(candidate.object, problem);
    if (kind === "BackendTLSPolicy" && refused.length > 0 && unreadableTargets(candidate.object, diagnostics))
      fatal = true;
    if (candidate.object.ref.name === "") continue;
    const byName = candidates.get(kind) ?? new Map<string, Candidate[]>();
    candidates.set(kind, byName);
    const name = namespacedName(candidate.object.ref);
    const same = byName.get(name);
    if (same === undefined) byName.set(name, [candidate]);
    else same.push(candidate);
  }
  const cluster: Record<string, Map<string, Entry<unknown>>> = {};
  for (const kind of Object.keys(KINDS) as Kind[]) {
    const entries = [...(candidates.get(kind) ?? [])].sort(([a], [b]) => compareStrings(a, b));
    cluster[kind] = new Map(entries.map(([name, same]) => [name, settle(same, diagnostics)]));
  }
  return { cluster: cluster as unknown as Cluster, skipped: sortSkipped(skipped), fatal };
}

const bare = (raw: RawObject): SourceObject => ({
  ref: raw.ref,
  value: raw.value,
  locate: raw.locate,
  spell: (path) => path,
});

/** Converts, identifies and validates one object. */
function admit(kind: Kind, raw: RawObject, definitions: Definitions): Candidate {
  const { group, namespaced, versions } = KINDS[kind];
  const seed = kind === "BackendTLSPolicy" && raw.version !== versions[0];
  const {
    value,
    spell,
    problems: conversion,
  } = seed ? convertSeed(raw) : { value: raw.value, spell: (path: FieldPath) => path, problems: [] };
  const object: SourceObject = {
    ref: {
      apiVersion: group === "" ? versions[0] : `${group}/${versions[0]}`,
      kind,
      namespace: namespaced ? (raw.ref.namespace ?? "default") : null,
      name: raw.ref.name,
    },
    value,
    locate: raw.locate,
    spell,
  };
  const known = raw.group === group && (versions as readonly string[]).includes(raw.version);
  const problems: Problem[] = known ? [...conversion] : [unknownVersion(kind, raw)];
  const misspelt = kind === raw.ref.kind ? null : misspeltKind(raw);
  if (misspelt !== null) problems.push(misspelt);
  const structure = validateStructure(kind, value);
  const own = structure.length > 0 ? structure : validateRules(kind, value);
  // What both find, our checks say better.
  problems.push(...bounded(own.length > 0 ? own : definitions.check(raw)));
  return { kind, object, problems, text: () => canonicalJson(value) };
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
  if (same.length === 1) return entryOf(only.object, faultOf(only));
  const [first, ...others] = [...same].sort((a, b) => compareStrings(place(a.object), place(b.object)));
  // By content, so that neither file names nor their order decide.
  const ordered = same
    .map((candidate) => ({ candidate, text: candidate.text() }))
    .sort((a, b) => compareStrings(a.text, b.text));
  const chosen = ordered[0]?.candidate ?? only;
  const equal = ordered.every(({ text }) => text === ordered[0]?.text);
  for (const other of others) diagnostics.report(other.object, duplicate(other, first?.object ?? null, equal));
  if (equal) return entryOf(chosen.object, faultOf(chosen));
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

const faultOf = ({ problems }: Candidate): Problem | undefined =>
  problems.find(({ severity }) => severity !== "warning");

/** Copies of one policy that differ are refused together, and close every port that any of them names. */
function unionOfTargets(object: SourceObject, same: readonly Candidate[]): SourceObject {
  const targetRefs = same.flatMap((candidate) => readTargets(candidate.object.value) ?? []);
  return { ...object, value: { ...(object.value as object), spec: { targetRefs } } };
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
