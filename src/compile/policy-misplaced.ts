/**
 * BackendTLSPolicies without metadata.namespace, which manifests of a build may lack: kubectl would put the policy into its
 * context's namespace, which nobody here knows. So every Service of the target's name may be the one to protect, and what
 * no policy covers of each is closed.
 */
import { type Problem, type SourceObject } from "./diagnostics.ts";
import { nameServices, sameNameElsewhere, type ServiceIndex } from "./meant.ts";
import type { PolicyTarget, Service } from "./objects.ts";

export interface Misplaced {
  /** `namespace/name`. */
  readonly service: string;
  /** The one port that the policy names; null: all. */
  readonly sectionName: string | null;
}

export interface Misplacements {
  /** `namespace/name` of every Service of the target's name in another namespace than the one assumed. */
  readonly named: readonly string[];
  /** Of them, those with ports that no policy covers. */
  readonly closed: readonly Misplaced[];
}

/** `winners`: the policy of each {@link slotOf}. */
export function misplacements(
  { name, sectionName }: PolicyTarget,
  service: string,
  winners: ReadonlyMap<string, string>,
  services: ServiceIndex,
): Misplacements {
  const [namespace = ""] = service.split("/");
  const elsewhere = sameNameElsewhere(services, namespace, name);
  const closed = elsewhere.flatMap((other): Misplaced[] => {
    const own = `${other.ref.namespace}/${name}`;
    if (winners.has(slotOf(own))) return [];
    const ports = other.value.spec.ports.filter(({ protocol }) => protocol === "TCP");
    const named = ports.filter((port) => port.name === sectionName);
    // As in its own namespace, a sectionName that is no port's closes them all.
    const meant = named.length > 0 ? named : ports;
    const isCovered =
      ports.length > 0 && meant.every((port) => port.name !== "" && winners.has(slotOf(own, port.name)));
    return isCovered ? [] : [{ service: own, sectionName: named.length > 0 ? (sectionName ?? null) : null }];
  });
  return { named: elsewhere.map((other: SourceObject<Service>) => `${other.ref.namespace}/${name}`), closed };
}

/** What one policy can win: a Service, or a port of it. */
export const slotOf = (service: string | null, sectionName = ""): string => `${service}\0${sectionName}`;

/** `isMissing`: no Service of the name is in the namespace assumed. Null: one is, and nothing else has the name uncovered. */
export function misplacedProblem(
  { name }: PolicyTarget,
  { named, closed }: Misplacements,
  isMissing: boolean,
): Problem | null {
  if (named.length === 0 || (closed.length === 0 && !isMissing)) return null;
  const others = closed.length === 0 ? named : closed.map(({ service }) => service);
  const plural = others.length > 1;
  const consequence =
    closed.length === 0
      ? `${nameServices(others)} ${plural ? "have" : "has"} policies already`
      : `what no policy covers of ${nameServices(others)} is closed, because it may be meant`;
  const [namespace] = (others[0] ?? "").split("/");
  return {
    code: "policy-misplaced",
    path: ["metadata", "namespace"],
    message: `metadata.namespace is missing, so default was assumed${isMissing ? `, where there is no Service ${name}` : ""}; ${consequence}`,
    expected: plural ? "the namespace of the Service that is meant" : `metadata.namespace: ${namespace}`,
    found: "no namespace",
    remedy: plural
      ? "add metadata.namespace to the policy, or build with --namespace"
      : `add metadata.namespace: ${namespace} to the policy, or build with --namespace ${namespace}`,
  };
}
