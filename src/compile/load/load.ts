/** The cluster, made from raw objects: every object of a known kind by its name, valid or refused. */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { type Skipped, sortSkipped } from "../diagnostics/skipped.ts";
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
import { isDefinition, readDefinitions } from "../schema/definitions.ts";
import { type Entry, type NamedObject, resolveCopies } from "./duplicates.ts";
import { type Generated, generatedFrom } from "./generated.ts";
import { admit, asSourceObject, type Origin, validate } from "./admission.ts";

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

/** Where the objects come from, and what else their cluster would hold. */
interface ObjectSource {
  readonly origin: Origin;
  /**
   * Objects that other controllers would generate from the inputs; empty for a cluster, which has the generated
   * objects.
   */
  readonly generated: readonly Generated[];
}

/**
 * The objects by kind, then by `namespace/name` (the name alone of cluster-scoped kinds), in order of that name:
 * `cluster.Service.get("shop/app")`.
 */
export type Cluster = { readonly [K in Kind]: ReadonlyMap<string, Entry<Types[K]>> } & {
  readonly source: ObjectSource;
};

/** The result of {@link load}. */
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
  // Validation is a pass of its own, because its result depends on nothing but the object.
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

/** Entries by name, in order of the names. */
const entriesOf = (
  byName: ReadonlyMap<string, Group<NamedObject>>,
  diagnostics: Diagnostics,
): Map<string, Entry<unknown>> =>
  new Map([...byName].map(([name, { items }]) => [name, resolveCopies(items, diagnostics)]));
