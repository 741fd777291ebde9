/** From Services and EndpointSlices to the endpoints of a Service port. */
import type { BundleEndpoint } from "../../bundle/types.ts";
import { type AddressRules, isDnsName, isLocalName, judgeAddress, parseHostPort } from "./addresses.ts";
import {
  compareStrings,
  type Diagnostics,
  type FieldPath,
  namespacedName,
  type Problem,
  show,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import { nearMiss } from "./endpoint-misses.ts";
import type { Cluster, Entry } from "../load/load.ts";
import type { Group, Memory } from "../memory.ts";
import { SERVICE_LABEL, SKIP_MIRROR_LABEL } from "../kubernetes/names.ts";
import type { Endpoints, EndpointSlice, Service, ServicePort } from "../kubernetes/objects.ts";

export const ADDRESSES_ANNOTATION = "lasthop.dev/addresses";

export interface EndpointOptions extends AddressRules {
  readonly allowAddressAnnotation: boolean;
  readonly allowExternalName: boolean;
}

export interface Slices {
  /** By `namespace/service`. */
  readonly byService: ReadonlyMap<string, Group<SourceObject<EndpointSlice>>>;
  readonly cluster: Cluster;
}

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

interface Found {
  readonly endpoints: BundleEndpoint[];
  /** Addresses that were there and are refused. */
  refused: number;
}

/** The endpoints of one Service port, sorted, each once. Refused addresses are diagnosed. */
export function resolveEndpoints(
  service: SourceObject<Service>,
  port: ServicePort,
  slices: Slices,
  options: EndpointOptions,
  diagnostics: Diagnostics,
): BundleEndpoint[] {
  const found = findEndpoints(service, port, slices, options, diagnostics);
  const unique = new Map(
    found.endpoints.map((endpoint) => [`${endpoint.host}\0${String(endpoint.port).padStart(5, "0")}`, endpoint]),
  );
  const endpoints = [...unique].sort(([a], [b]) => compareStrings(a, b)).map(([, endpoint]) => endpoint);
  if (endpoints.length === 0) diagnostics.report(service, noEndpoints(service, port, found.refused, slices));
  return endpoints;
}

function noEndpoints(
  service: SourceObject<Service>,
  port: ServicePort,
  refused: number,
  { byService, cluster }: Slices,
): Problem {
  const index = service.value.spec.ports.indexOf(port);
  const path = index < 0 ? ["spec"] : ["spec", "ports", index];
  if (refused > 0)
    return {
      code: "backend-no-usable-address",
      path,
      message: `every address of port ${port.port} is refused, so requests are answered 503`,
      expected: "an address that the gateway may connect to",
      found: `${refused} refused`,
      remedy: "see the warnings about its addresses",
    };
  const own = byService.get(namespacedName(service.ref))?.items ?? [];
  return {
    code: "backend-no-endpoints",
    severity: "warning",
    path,
    message: `port ${port.port} has no ready endpoint, so requests are answered 503`,
    expected: `an EndpointSlice labelled ${SERVICE_LABEL}: ${service.ref.name} with a ready endpoint and a port named ${JSON.stringify(port.name)}`,
    remedy: "add the EndpointSlice: kubectl get endpointslices -o yaml",
    ...nearMiss(service, port, own, cluster),
  };
}

function findEndpoints(
  service: SourceObject<Service>,
  port: ServicePort,
  slices: Slices,
  options: EndpointOptions,
  diagnostics: Diagnostics,
): Found {
  const annotation = service.value.metadata.annotations?.[ADDRESSES_ANNOTATION];
  if (annotation !== undefined) return fromAnnotation(service, port, annotation, options, diagnostics);
  if (service.value.spec.type === "ExternalName") return fromExternalName(service, port, options, diagnostics);
  const name = namespacedName(service.ref);
  const own = slices.byService.get(name)?.items ?? [];
  if (own.length === 0) return fromEndpoints(slices.cluster.Endpoints.get(name), port, options, diagnostics);
  // A terminating endpoint serves only when nothing else does (KEP-1669).
  const ready = fromSlices(own, port, "ready", options, diagnostics);
  return ready.endpoints.length > 0 || ready.refused > 0
    ? ready
    : fromSlices(own, port, "terminating", options, diagnostics);
}

function fromSlices(
  slices: readonly SourceObject<EndpointSlice>[],
  port: ServicePort,
  wanted: "ready" | "terminating",
  options: EndpointOptions,
  diagnostics: Diagnostics,
): Found {
  const found: Found = { endpoints: [], refused: 0 };
  for (const slice of slices) {
    const { addressType, endpoints, ports } = slice.value;
    // A slice's port carries the Service port's name; its number is the pods'.
    const target = ports.find(({ name, protocol }) => name === port.name && protocol === port.protocol)?.port;
    if (target === undefined) continue;
    for (const [index, { addresses, conditions }] of endpoints.entries()) {
      // "A nil value should be interpreted as true" for ready, and as ready for serving (EndpointConditions).
      const ready = conditions.ready ?? true;
      const terminating = !ready && conditions.terminating === true && (conditions.serving ?? false);
      if (wanted === "ready" ? !ready : !terminating) continue;
      for (const [number, address] of addresses.entries()) {
        const path = ["endpoints", index, "addresses", number];
        addAddress(found, slice, path, address, target, addressType, options, diagnostics);
      }
    }
  }
  return found;
}

/** Of a Service without slices: what the EndpointSliceMirroring controller of a cluster would make slices of. */
function fromEndpoints(
  entry: Entry<Endpoints> | undefined,
  port: ServicePort,
  options: EndpointOptions,
  diagnostics: Diagnostics,
): Found {
  const found: Found = { endpoints: [], refused: 0 };
  if (entry?.kind !== "valid" || entry.object.value.metadata.labels?.[SKIP_MIRROR_LABEL] === "true") return found;
  for (const [index, { addresses, ports }] of entry.object.value.subsets.entries()) {
    const target = ports.find(({ name, protocol }) => name === port.name && protocol === port.protocol)?.port;
    if (target === undefined) continue;
    for (const [number, { ip }] of addresses.entries()) {
      const path = ["subsets", index, "addresses", number, "ip"];
      addAddress(found, entry.object, path, ip, target, ip.includes(":") ? "IPv6" : "IPv4", options, diagnostics);
    }
  }
  return found;
}

function addAddress(
  found: Found,
  object: SourceObject,
  path: FieldPath,
  host: string,
  port: number,
  family: "IPv4" | "IPv6" | "FQDN",
  options: EndpointOptions,
  diagnostics: Diagnostics,
): void {
  const verdict =
    family === "FQDN" ? judgeName(host, options, options.allowExternalName) : judgeAddress(host, family, options);
  if (verdict.kind === "usable") {
    found.endpoints.push({ host: verdict.host, port });
    return;
  }
  found.refused++;
  diagnostics.report(object, {
    severity: "warning",
    code: "endpoint-address",
    path,
    message: "this address is refused",
    expected: "an address that the gateway may connect to",
    found: verdict.found,
    remedy: verdict.remedy,
  });
}

function judgeName(name: string, options: EndpointOptions, allowed: boolean): ReturnType<typeof judgeAddress> {
  if (!isDnsName(name))
    return { kind: "refused", found: `${show(name)}, which is no DNS name`, remedy: "write a DNS name" };
  if (!allowed)
    return {
      kind: "refused",
      found: `${name}, a name that its author can point anywhere (CVE-2021-25740)`,
      remedy: "use IP addresses, or build with --allow-external-name",
    };
  if (isLocalName(name) && !options.allowLoopback)
    return {
      kind: "refused",
      found: `${name}, a name of the gateway's own host or its metadata`,
      remedy: "use the backend's own name",
    };
  return { kind: "usable", host: name.toLowerCase().replace(/\.$/, "") };
}

/** Reached only with --allow-external-name: backends.ts refuses the reference otherwise. */
function fromExternalName(
  service: SourceObject<Service>,
  port: ServicePort,
  options: EndpointOptions,
  diagnostics: Diagnostics,
): Found {
  const found: Found = { endpoints: [], refused: 0 };
  const { externalName = "" } = service.value.spec;
  addAddress(found, service, ["spec", "externalName"], externalName, port.port, "FQDN", options, diagnostics);
  return found;
}

/**
 * `lasthop.dev/addresses: HOST:PORT[,…]` overrides the slices, since a deployed worker cannot reach pods. A Service of
 * several ports says which one each entry is for: `NAME=HOST:PORT`.
 */
function fromAnnotation(
  service: SourceObject<Service>,
  port: ServicePort,
  annotation: string,
  options: EndpointOptions,
  diagnostics: Diagnostics,
): Found {
  const found: Found = { endpoints: [], refused: 0 };
  const path = ["metadata", "annotations", ADDRESSES_ANNOTATION];
  const refuse = (message: string, remedy: string): void => {
    found.refused++;
    diagnostics.report(service, {
      code: "address-annotation",
      path,
      message,
      expected: "HOST:PORT, or NAME=HOST:PORT where the Service has several ports, comma separated",
      found: show(annotation),
      remedy,
    });
  };
  if (!options.allowAddressAnnotation) {
    refuse(
      "the annotation is not honoured, and the Service's slices are not what its author wants",
      "build with --allow-address-annotation, or remove the annotation",
    );
    return found;
  }
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
    // The annotation's own flag stands for trust in names; addresses of this host stay forbidden.
    else if (parsed.family === null) addName(found, service, path, parsed.host, parsed.port, options, diagnostics);
    else addAddress(found, service, path, parsed.host, parsed.port, parsed.family, options, diagnostics);
  }
  return found;
}

function addName(
  found: Found,
  service: SourceObject<Service>,
  path: FieldPath,
  host: string,
  port: number,
  options: EndpointOptions,
  diagnostics: Diagnostics,
): void {
  addAddress(found, service, path, host, port, "FQDN", { ...options, allowExternalName: true }, diagnostics);
}
