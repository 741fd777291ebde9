/** EndpointSlices and Endpoints that one wrong field keeps from giving endpoints to a Service port. */
import { namespacedName, type Note, show, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Cluster } from "../load/load.ts";
import { isNear } from "../kubernetes/spelling.ts";
import { SERVICE_LABEL, SKIP_MIRROR_LABEL } from "../kubernetes/names.ts";
import type { Endpoints, EndpointSlice, Service, ServicePort } from "../kubernetes/core-objects.ts";

/** An object that one wrong field keeps from a Service port, and the correction: parts of a problem. */
interface Miss {
  readonly found: string;
  readonly remedy: string;
  readonly note: Note;
}

/** The object that nearly belongs to a port without endpoints; null: there is none. `own` are the slices of the Service. */
export function nearMiss(
  service: SourceObject<Service>,
  port: ServicePort,
  own: readonly SourceObject<EndpointSlice>[],
  cluster: Cluster,
): Miss | null {
  for (const slice of own) {
    const name = `EndpointSlice ${namespacedName(slice.ref)}`;
    const miss = portMiss({ object: slice, name, path: ["ports"] }, slice.value.ports, port);
    if (miss !== null) return miss;
  }
  const [first] = own;
  if (first !== undefined)
    return notReady({ object: first, name: `EndpointSlice ${namespacedName(first.ref)}`, path: ["endpoints"] });
  const endpoints = cluster.Endpoints.get(namespacedName(service.ref));
  if (endpoints?.kind === "valid") return endpointsMiss(endpoints.object, port);
  // In a cluster, Kubernetes writes the label, so it is never wrong there. And a pass that reads every slice would be
  // made again after each change of any slice.
  if (cluster.source.origin === "cluster") return null;
  for (const entry of cluster.EndpointSlice.values()) {
    const miss = entry.kind === "valid" ? labelMiss(entry.object, service) : null;
    if (miss !== null) return miss;
  }
  return null;
}

function endpointsMiss(object: SourceObject<Endpoints>, port: ServicePort): Miss {
  const name = `Endpoints ${namespacedName(object.ref)}`;
  if (object.value.metadata.labels?.[SKIP_MIRROR_LABEL] === "true")
    return {
      found: `${name} with the label ${SKIP_MIRROR_LABEL}: "true", which no cluster makes EndpointSlices of`,
      remedy: "remove the label, or add EndpointSlices",
      note: { message: `${name} is here`, object, path: ["metadata", "labels", SKIP_MIRROR_LABEL] },
    };
  const ports = object.value.subsets.flatMap((subset) => subset.ports);
  const missed = { object, name, path: ["subsets"] };
  return portMiss(missed, ports, port) ?? notReady(missed);
}

/** An object that may belong to the port, its name for messages, and the field that keeps it from doing so. */
interface MissedObject {
  readonly object: SourceObject;
  readonly name: string;
  readonly path: Note["path"];
}

/** An object whose ports do not include the one of the Service; null: they do. */
function portMiss(
  { object, name, path }: MissedObject,
  ports: readonly { readonly name: string; readonly protocol: string; readonly port?: number }[],
  { name: wanted, protocol }: ServicePort,
): Miss | null {
  if (ports.some((each) => each.name === wanted && each.protocol === protocol)) return null;
  const named = ports.map((each) => `${show(each.name)} (${each.port ?? "any"} ${each.protocol})`).join(", ");
  return {
    found: ports.length === 0 ? `${name}, which has no port` : `${name}, whose port is ${named}`,
    remedy: `give both ports one name and protocol: the Service says ${show(wanted)} ${protocol}`,
    note: { message: `${name} is here`, object, path },
  };
}

const notReady = ({ object, name, path }: MissedObject): Miss => ({
  found: `${name}, which has no endpoint that is ready`,
  remedy: "see why the pods are not ready: kubectl get pods",
  note: { message: `${name} is here`, object, path },
});

/** A slice that may be meant for the Service although its label is wrong or missing, or its namespace is another one. */
function labelMiss(slice: SourceObject<EndpointSlice>, service: SourceObject<Service>): Miss | null {
  const { labels = {}, name } = slice.value.metadata;
  const { namespace, name: wanted } = service.ref;
  const label = labels[SERVICE_LABEL];
  const known = `EndpointSlice ${namespacedName(slice.ref)}`;
  const miss = (what: string, remedy: string, path: Note["path"]): Miss => ({
    found: `${known}, ${what}`,
    remedy,
    note: { message: `${known} is here`, object: slice, path },
  });
  if (slice.ref.namespace !== namespace)
    return label === wanted
      ? miss(`in another namespace than the Service`, `write namespace: ${namespace}`, ["metadata", "namespace"])
      : null;
  const remedy = `label it ${SERVICE_LABEL}: ${wanted}`;
  const misspelt = Object.entries(labels).find(
    ([key, value]) => value === wanted && key !== SERVICE_LABEL && /service/i.test(key),
  );
  if (label === undefined && misspelt !== undefined)
    return miss(`labelled ${misspelt[0]} instead`, remedy, ["metadata", "labels", misspelt[0]]);
  // A cluster names a slice after its Service, with a suffix.
  const isNamedSo = name === wanted || new RegExp(`^${wanted}-[a-z0-9]+$`).test(name);
  if (label === undefined)
    return isNamedSo ? miss(`without the label ${SERVICE_LABEL}`, remedy, ["metadata", "labels"]) : null;
  return isNear(label, wanted) || isNamedSo
    ? miss(`labelled ${SERVICE_LABEL}: ${label}`, remedy, ["metadata", "labels", SERVICE_LABEL])
    : null;
}
