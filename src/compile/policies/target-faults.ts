/** What may be wrong with one target of a BackendTLSPolicy (`LocalPolicyTargetReferenceWithSectionName`). */
import { absentFrom } from "../references/absent.ts";
import { causeOf, type Problem, show, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Cluster } from "../load/load.ts";
import { meantServices, nameServices, type ServiceIndex } from "./meant.ts";
import type { PolicyTarget } from "../kubernetes/objects.ts";
import { nearNames } from "../kubernetes/spelling.ts";

/** An older policy has the same target and section. */
export function conflict(at: (string | number)[], ref: PolicyTarget, winner: string): Problem {
  const target = `Service ${ref.name}${ref.sectionName === undefined ? "" : ` port ${ref.sectionName}`}`;
  return {
    code: "policy-conflict",
    path: at,
    message: `${target} already has policy ${winner}, which is older or comes first by name`,
    expected: "one policy for each Service and port",
    found: show(ref.name),
    remedy: `remove one of the two policies, or tell them apart by sectionName`,
  };
}

export interface TargetFault {
  /** Its path is within the target. */
  readonly problem: Problem;
  /** `namespace/name` of the Services that may be meant. */
  readonly meant: readonly string[];
}

/** Why the target is no Service, or no port of one; null: it is. */
export function targetFault(
  { group, kind, name, sectionName }: PolicyTarget,
  service: string | null,
  policy: SourceObject,
  cluster: Cluster,
  services: ServiceIndex,
): TargetFault | null {
  const namespace = policy.ref.namespace ?? "default";
  const mean = (): readonly string[] => meantServices(services, namespace, name, policy.assumesNamespace);
  if (group !== "" || kind !== "Service" || service === null) {
    const meant = service === null ? mean() : [];
    // The wrong group or spelling of a Service closes its ports; another kind has none.
    const problem: Problem = {
      code: service === null ? "policy-target-kind" : "policy-schema",
      path: [kind === "Service" ? "group" : "kind"],
      message: `lasthop applies BackendTLSPolicy to Services alone${service === null ? PROTECTS_NOTHING : ""}${mayBeMeant(meant)}`,
      expected: 'group "" and kind Service',
      found: `${show(group)} ${kind}`,
      remedy: "target the Service",
    };
    return { problem, meant };
  }
  const entry = cluster.Service.get(service);
  if (entry?.kind !== "valid") {
    const meant = entry === undefined ? mean() : [];
    const problem: Problem = {
      code: "policy-target-not-found",
      path: ["name"],
      message: `Service ${service} is ${entry === undefined ? absentFrom(cluster.surroundings.origin) : "refused itself"}${PROTECTS_NOTHING}${mayBeMeant(meant)}`,
      expected: "a Service of the policy's namespace",
      found: show(name),
      remedy: entry === undefined ? remedyFor(namespace, name, meant) : "correct the Service",
      cause: causeOf("Service", service),
    };
    return { problem, meant };
  }
  // TLS runs over TCP: a policy for a port of another protocol would be accepted and enforced nowhere.
  const ports = entry.object.value.spec.ports.filter(({ protocol }) => protocol === "TCP");
  if (sectionName === undefined || ports.some((port) => port.name === sectionName)) return null;
  const known = ports.map((port) => port.name).filter((port) => port !== "");
  const [near] = nearNames(sectionName, known);
  const problem: Problem = {
    code: "policy-section-not-found",
    path: ["sectionName"],
    message: `Service ${service} has no TCP port of this name, so every port of it that no accepted policy covers is closed`,
    expected: known.length === 0 ? "no sectionName: the Service's ports have no names" : `one of ${known.join(", ")}`,
    found: show(sectionName),
    remedy: near === undefined ? "use the name of one of the Service's ports" : `use ${near}, if that is meant`,
  };
  return { problem, meant: [] };
}

const PROTECTS_NOTHING = ", so this target protects nothing";

const mayBeMeant = (meant: readonly string[]): string =>
  meant.length === 0 ? "" : `; ${nameServices(meant)} may be meant`;

function remedyFor(namespace: string, name: string, meant: readonly string[]): string {
  const near = meant.some((service) => service.startsWith(`${namespace}/`));
  const [elsewhere, other] = meant.find((service) => !service.startsWith(`${namespace}/`))?.split("/") ?? [];
  if (elsewhere === undefined) return near ? "correct the name" : "add the Service, or correct the name";
  const move = `move the policy to the Service's namespace (${elsewhere})${other === name ? "" : " and correct the name"}`;
  return `${move}, or ${near ? "correct the name" : "add the Service"}`;
}
