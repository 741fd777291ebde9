/** The endpoints of a Service port: from EndpointSlices, Endpoints, an annotation or an external name. */
import type { BundleEndpoint } from "../../bundle/types.ts";
import {
  compareStrings,
  type Diagnostics,
  namespacedName,
  type Problem,
  show,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import { SERVICE_LABEL, SKIP_MIRROR_LABEL } from "../kubernetes/names.ts";
import type { Endpoints, EndpointSlice, Service, ServicePort } from "../kubernetes/core-objects.ts";
import type { Cluster, Entry } from "../load/load.ts";
import type { Group } from "../memory/groups.ts";
import type { Memory } from "../memory/memory.ts";
import { parseHostPort } from "./addresses.ts";
import { badAnnotation, noReadyEndpoint, noUsableAddress } from "./problems.ts";
import { nearMiss } from "./near-miss-slices.ts";
import { type EndpointOptions, FoundEndpoints } from "./found-endpoints.ts";

const ADDRESSES_ANNOTATION = "lasthop.dev/addresses";

/** The valid EndpointSlices of the cluster. */
export interface Slices {
  /** EndpointSlices by `namespace/name` of the Service. */
  readonly byService: ReadonlyMap<string, Group<SourceObject<EndpointSlice>>>;
  readonly cluster: Cluster;
}

/** Groups the EndpointSlices of the cluster by their Service. */
export function indexSlices(cluster: Cluster, memory: Memory, diagnostics: Diagnostics): Slices {
  const valid = memory.once("slices", [], diagnostics, () =>
    [...cluster.EndpointSlice.values()].flatMap((entry) => (entry.kind === "valid" ? [entry.object] : [])),
  );
  const serviceOf = ({ ref, value }: SourceObject<EndpointSlice>): string[] => {
    const service = value.metadata.labels?.[SERVICE_LABEL];
    return service === undefined ? [] : [`${ref.namespace}/${service}`];
  };
  const byName = (a: SourceObject, b: SourceObject): number =>
    compareStrings(namespacedName(a.ref), namespacedName(b.ref));
  return { byService: memory.source("slices", memory.group("slices", valid, serviceOf, byName)), cluster };
}

/** A Service port whose endpoints are wanted. */
interface PortOfService {
  readonly service: SourceObject<Service>;
  readonly port: ServicePort;
}

/** The endpoints of a Service port, sorted, each once. Reports refused addresses, and a port without endpoints. */
export function resolveEndpoints(
  target: PortOfService,
  slices: Slices,
  options: EndpointOptions,
  diagnostics: Diagnostics,
): BundleEndpoint[] {
  const found = new FoundEndpoints(options, diagnostics);
  findEndpoints(target, slices, found);
  const endpoints = found.sorted();
  if (endpoints.length === 0) diagnostics.report(target.service, noEndpoints(target, found.refused, slices));
  return endpoints;
}

function noEndpoints({ service, port }: PortOfService, refused: number, { byService, cluster }: Slices): Problem {
  const index = service.value.spec.ports.indexOf(port);
  const path = index < 0 ? ["spec"] : ["spec", "ports", index];
  if (refused > 0) return noUsableAddress(path, port.port, refused);
  const slice = `an EndpointSlice labelled ${SERVICE_LABEL}: ${service.ref.name} with a ready endpoint and a port named ${JSON.stringify(port.name)}`;
  const own = byService.get(namespacedName(service.ref))?.items ?? [];
  return { ...noReadyEndpoint(path, port.port, slice), ...nearMiss(service, port, own, cluster) };
}

function findEndpoints(target: PortOfService, slices: Slices, found: FoundEndpoints): void {
  const { service, port } = target;
  const annotation = service.value.metadata.annotations?.[ADDRESSES_ANNOTATION];
  if (annotation !== undefined) return fromAnnotation(target, annotation, found);
  if (service.value.spec.type === "ExternalName") {
    // Reached only with --allow-external-name: backends.ts refuses the backendRef otherwise.
    const { externalName: host = "" } = service.value.spec;
    return found.add(service, ["spec", "externalName"], { host, port: port.port, family: "FQDN" });
  }
  const name = namespacedName(service.ref);
  const own = slices.byService.get(name)?.items ?? [];
  if (own.length === 0) return fromEndpoints(slices.cluster.Endpoints.get(name), port, found);
  fromSlices(own, port, "ready", found);
  // A terminating endpoint serves only when no other one does (KEP-1669).
  if (found.isEmpty) fromSlices(own, port, "terminating", found);
}

function fromSlices(
  slices: readonly SourceObject<EndpointSlice>[],
  port: ServicePort,
  wanted: "ready" | "terminating",
  found: FoundEndpoints,
): void {
  for (const slice of slices) {
    const { addressType, endpoints, ports } = slice.value;
    // The port of a slice has the name of the Service port; its number is the one on which the pods listen.
    const target = ports.find(({ name, protocol }) => name === port.name && protocol === port.protocol)?.port;
    if (target === undefined) continue;
    for (const [index, { addresses, conditions }] of endpoints.entries()) {
      // "A nil value should be interpreted as true" for ready, and as ready for serving (EndpointConditions).
      const ready = conditions.ready ?? true;
      const terminating = !ready && conditions.terminating === true && (conditions.serving ?? false);
      if (wanted === "ready" ? !ready : !terminating) continue;
      for (const [number, host] of addresses.entries())
        found.add(slice, ["endpoints", index, "addresses", number], { host, port: target, family: addressType });
    }
  }
}

/** Endpoints of which the EndpointSliceMirroring controller of a cluster would make slices. */
function fromEndpoints(entry: Entry<Endpoints> | undefined, port: ServicePort, found: FoundEndpoints): void {
  if (entry?.kind !== "valid" || entry.object.value.metadata.labels?.[SKIP_MIRROR_LABEL] === "true") return;
  for (const [index, { addresses, ports }] of entry.object.value.subsets.entries()) {
    const target = ports.find(({ name, protocol }) => name === port.name && protocol === port.protocol)?.port;
    if (target === undefined) continue;
    for (const [number, { ip: host }] of addresses.entries()) {
      const family = host.includes(":") ? "IPv6" : "IPv4";
      found.add(entry.object, ["subsets", index, "addresses", number, "ip"], { host, port: target, family });
    }
  }
}

/**
 * `lasthop.dev/addresses: HOST:PORT[,…]` replaces the slices, since a deployed worker cannot reach pods. Where a Service has
 * several ports, each entry says for which one it is: `NAME=HOST:PORT`.
 */
function fromAnnotation({ service, port }: PortOfService, annotation: string, found: FoundEndpoints): void {
  const path = ["metadata", "annotations", ADDRESSES_ANNOTATION];
  const refuse = (message: string, remedy: string): void =>
    found.refuse(service, badAnnotation(path, annotation, message, remedy));
  if (!found.options.allowAddressAnnotation)
    return refuse(
      "the annotation is not honoured, and the Service's slices are not what its author wants",
      "build with --allow-address-annotation, or remove the annotation",
    );
  for (const entry of annotation.split(",").map((part) => part.trim())) {
    const equals = entry.indexOf("=");
    const name = equals < 0 ? null : entry.slice(0, equals);
    if (name === null && service.value.spec.ports.length > 1) {
      refuse(
        `${show(entry)} does not say which of the Service's ports it is for`,
        "write NAME=HOST:PORT with the port's name",
      );
      continue;
    }
    if (name !== null && !service.value.spec.ports.some((own) => own.name === name)) {
      refuse(`the Service has no port named ${show(name)}`, "use the name of one of its ports");
      continue;
    }
    if (name !== null && name !== port.name) continue;
    const parsed = parseHostPort(entry.slice(equals + 1));
    if (parsed === null)
      refuse(`${show(entry)} is no HOST:PORT`, "write a public IP address or DNS name and a port, as 203.0.113.7:443");
    // --allow-address-annotation lets names in, too; names and addresses of the gateway's host stay forbidden.
    else if (parsed.family === null) found.addTrustedName(service, path, parsed);
    else found.add(service, path, { ...parsed, family: parsed.family });
  }
}
