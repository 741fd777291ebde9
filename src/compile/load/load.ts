/** From raw objects to the cluster: each known kind by name, valid or refused; seed versions converted. */
import { canonicalJson } from "../../bundle/codec.ts";
import {
  type Diagnostics,
  type FieldPath,
  namespacedName,
  type Problem,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import type { RawObject } from "../kubernetes/raw-object.ts";
import { templateIn } from "../document/templates.ts";
import { kindOf, misspeltKind, reasonToSkip } from "./misspelt.ts";
import type { Group, Memory } from "../memory.ts";
import { type Candidate, type Entry, entryOf, settle } from "./duplicates.ts";
import { type Skipped, sortSkipped } from "../diagnostics/skipped.ts";
import { type Made, madeOf } from "./makers.ts";
import { SERVICE_LABEL } from "../kubernetes/names.ts";
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
} from "../kubernetes/objects.ts";
import { unreadableTargets, unrenderedTargets } from "./policy-targets.ts";
import { type Definitions, isDefinition, readDefinitions } from "../schema/definitions.ts";
import { validateRules } from "../schema/rules.ts";
import { field, type Kind, KINDS } from "../kubernetes/kinds.ts";
import { validateStructure } from "../schema/validate.ts";
import { type Converted, convertSeed, convertXListenerSet, isXListenerSet } from "./seed.ts";

export type { Entry } from "./duplicates.ts";
export type { Skipped } from "../diagnostics/skipped.ts";

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

/** What is known of objects beside those that are read. */
export interface Surroundings {
  readonly origin: Origin;
  /** What a cluster would make of the inputs; nothing where the origin is a cluster, which has made it. */
  readonly made: readonly Made[];
}

/** By kind, then `namespace/name` (the name alone for cluster-scoped kinds), in order of that name. */
export type Cluster = { readonly [K in Kind]: ReadonlyMap<string, Entry<Types[K]>> } & {
  readonly surroundings: Surroundings;
};

export interface Loaded {
  readonly cluster: Cluster;
  readonly skipped: readonly Skipped[];
  /** A policy's targets cannot be read: some Service would be served in plaintext against its owner's will. */
  readonly fatal: boolean;
}

export function load(raws: readonly RawObject[], origin: Origin, memory: Memory, diagnostics: Diagnostics): Loaded {
  const definitions = memory.once("definitions", raws.filter(isDefinition), diagnostics, (own) =>
    readDefinitions(raws, (raw, problem) => own.report(bare(raw), problem)),
  );
  // Apart, because it sets defaults in the object: once in its life.
  const judged = memory.each("structure", [], raws, diagnostics, judge);
  const admitted = memory.each("admission", [definitions], judged, diagnostics, (each, own) =>
    admit(each, definitions, origin, own),
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
  const made = origin === "cluster" ? [] : raws.map(madeOf).filter((each) => each !== null);
  const whole = { ...cluster, surroundings: { origin, made } } as unknown as Cluster;
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
function admit(judged: Judged, definitions: Definitions, origin: Origin, diagnostics: Diagnostics): Admission {
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
  const fatal =
    kind === "BackendTLSPolicy" &&
    ((fault !== undefined && unreadableTargets(object, diagnostics)) ||
      (origin === "inputs" && unrenderedTargets(object, diagnostics)));
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

const faultOf = (problems: readonly Problem[]): Problem | undefined =>
  problems.find(({ severity }) => severity !== "warning");

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
