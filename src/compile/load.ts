/** From raw objects to the cluster: each known kind by name, valid or refused; seed versions converted. */
import { canonicalJson } from "../bundle/codec.ts";
import {
  type Diagnostics,
  type FieldPath,
  type Location,
  namespacedName,
  type ObjectRef,
  type Problem,
  show,
  type SourceObject,
  compareStrings,
} from "./diagnostics.ts";
import type { RawObject } from "./document/objects.ts";
import type {
  BackendTLSPolicy,
  ConfigMap,
  EndpointSlice,
  Gateway,
  GatewayClass,
  HTTPRoute,
  Namespace,
  PolicyTarget,
  ReferenceGrant,
  Secret,
  Service,
} from "./objects.ts";
import { validateRules } from "./schema/rules.ts";
import { field, type Kind, KINDS, validateStructure } from "./schema/validate.ts";
import { convertSeed } from "./seed.ts";

export type Entry<T> =
  | { readonly kind: "valid"; readonly object: SourceObject<T> }
  | { readonly kind: "refused"; readonly object: SourceObject; readonly problem: Problem };

interface Types {
  GatewayClass: GatewayClass;
  Gateway: Gateway;
  HTTPRoute: HTTPRoute;
  ReferenceGrant: ReferenceGrant;
  BackendTLSPolicy: BackendTLSPolicy;
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
  let fatal = false;
  for (const raw of raws) {
    const kind = kindOf(raw);
    if (kind === null) {
      const misspelt = misspeltKind(raw);
      if (misspelt !== null) diagnostics.report(bare(raw), misspelt);
      else skipped.push({ object: raw.ref, location: raw.locate(["kind"]), reason: reasonToSkip(raw) });
      continue;
    }
    const candidate = admit(kind, raw);
    const refused = candidate.problems.filter(({ severity }) => severity !== "warning");
    for (const problem of candidate.problems) diagnostics.report(candidate.object, problem);
    if (kind === "BackendTLSPolicy" && refused.length > 0 && unreadableTargets(candidate.object, diagnostics))
      fatal = true;
    if (candidate.object.ref.name === "") continue;
    const byName = candidates.get(kind) ?? new Map<string, Candidate[]>();
    candidates.set(kind, byName);
    const name = namespacedName(candidate.object.ref);
    byName.set(name, [...(byName.get(name) ?? []), candidate]);
  }
  const cluster: Record<string, Map<string, Entry<unknown>>> = {};
  for (const kind of Object.keys(KINDS) as Kind[]) {
    const entries = [...(candidates.get(kind) ?? [])].sort(([a], [b]) => compareStrings(a, b));
    cluster[kind] = new Map(entries.map(([name, same]) => [name, settle(same, diagnostics)]));
  }
  return { cluster: cluster as unknown as Cluster, skipped: sortSkipped(skipped), fatal };
}

function kindOf(raw: RawObject): Kind | null {
  if (!Object.hasOwn(KINDS, raw.ref.kind)) return null;
  const kind = raw.ref.kind as Kind;
  return KINDS[kind].group === raw.group ? kind : null;
}

/** Of the API group, and no kind it has: a policy with a misspelt kind must not be passed over quietly. */
function misspeltKind({ ref, group }: RawObject): Problem | null {
  if (group !== "gateway.networking.k8s.io" || OTHER_KINDS.has(ref.kind)) return null;
  const similar = Object.keys(KINDS).find((kind) => kind.toLowerCase() === ref.kind.toLowerCase());
  return {
    code: "object-kind",
    path: ["kind"],
    message: "the Gateway API has no such kind",
    expected: similar ?? Object.keys(KINDS).slice(0, 5).join(", "),
    found: show(ref.kind),
    remedy: "correct the kind",
  };
}

const bare = (raw: RawObject): SourceObject => ({
  ref: raw.ref,
  value: raw.value,
  locate: raw.locate,
  spell: (path) => path,
});
/** Kinds of the Gateway API v1.7 that lasthop does not implement yet. */
const OTHER_KINDS = new Set(["GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "ListenerSet"]);

function reasonToSkip({ ref, group }: RawObject): string {
  if (group === "gateway.networking.k8s.io") return `lasthop does not implement ${ref.kind} yet`;
  return "lasthop has no use for this kind";
}

/** Converts, identifies and validates one object. */
function admit(kind: Kind, raw: RawObject): Candidate {
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
  const known = (versions as readonly string[]).includes(raw.version);
  const problems: Problem[] = known ? [...conversion] : [unknownVersion(kind, raw)];
  const structure = validateStructure(kind, value);
  problems.push(...(structure.length > 0 ? structure : validateRules(kind, value)));
  return { kind, object, problems, text: () => canonicalJson(value) };
}

function unknownVersion(kind: Kind, raw: RawObject): Problem {
  const { group, versions } = KINDS[kind];
  return {
    code: kind === "BackendTLSPolicy" ? "policy-schema" : "object-version",
    path: ["apiVersion"],
    message: `this version of ${kind} is not supported`,
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
  for (const other of others) diagnostics.report(other.object, duplicate(other, first?.object ?? null));
  // By content, so that neither file names nor their order decide.
  const ordered = [...same].sort((a, b) => compareStrings(a.text(), b.text()));
  const chosen = ordered[0] ?? only;
  if (ordered.every(({ text }) => text() === chosen.text())) return entryOf(chosen.object, faultOf(chosen));
  const object = chosen.kind === "BackendTLSPolicy" ? unionOfTargets(chosen.object, ordered) : chosen.object;
  return entryOf(object, duplicate(chosen, null));
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

function duplicate({ kind }: Candidate, first: SourceObject | null): Problem {
  const at = first?.locate([]) ?? null;
  return {
    code: kind === "BackendTLSPolicy" ? "policy-schema" : "object-duplicate",
    path: ["metadata", "name"],
    message: "this object appears more than once in the inputs",
    expected: "each object once",
    ...(at === null ? {} : { found: `the first at ${at.file}:${at.line}` }),
    remedy: "remove all copies but one; copies that differ are all refused",
  };
}

function place(object: SourceObject): string {
  const at = object.locate([]);
  return at === null ? "" : `${at.file}\0${String(at.line).padStart(10, "0")}\0${String(at.column).padStart(10, "0")}`;
}

/** The targets of a policy that is otherwise at fault; null when any of them cannot be read. */
export function readTargets(value: unknown): PolicyTarget[] | null {
  const refs = field(field(value, "spec"), "targetRefs");
  if (!Array.isArray(refs) || refs.length === 0) return null;
  const targets: PolicyTarget[] = [];
  for (const ref of refs as unknown[]) {
    const [group, kind, name, sectionName] = ["group", "kind", "name", "sectionName"].map((key) => field(ref, key));
    if (typeof kind !== "string" || typeof name !== "string" || name === "") return null;
    if (
      (group !== undefined && typeof group !== "string") ||
      (sectionName !== undefined && typeof sectionName !== "string")
    )
      return null;
    targets.push({ group: group ?? "", kind, name, ...(sectionName === undefined ? {} : { sectionName }) });
  }
  return targets;
}

function unreadableTargets(object: SourceObject, diagnostics: Diagnostics): boolean {
  if (object.ref.name !== "" && readTargets(object.value) !== null) return false;
  diagnostics.report(object, {
    code: "policy-targets-unreadable",
    path: object.ref.name === "" ? ["metadata", "name"] : ["spec", "targetRefs"],
    message:
      "which Services this policy protects cannot be read, so nothing is built: one of them could be sent plaintext",
    expected: "targetRefs of group, kind Service and name",
    found: show(field(field(object.value, "spec"), "targetRefs")),
    remedy: "correct targetRefs, or remove the policy",
  });
  return true;
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
