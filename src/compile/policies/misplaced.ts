/**
 * BackendTLSPolicies in another namespace than a Service that they name. Manifests of a build may lack metadata.namespace:
 * kubectl would put the policy into its context's namespace, which nobody here knows, so every Service of the target's name
 * may be the one to protect. A target may have a namespace, as in v1alpha2, that is not the policy's. What no policy covers
 * of these Services is closed.
 */
import { type FieldPath, type Problem, show, type SourceObject } from "../diagnostics/diagnostics.ts";
import { nameServices, sameNameElsewhere, type ServiceIndex } from "./meant.ts";
import type { Service } from "../kubernetes/objects.ts";
import type { WrittenTarget } from "../load/policy-targets.ts";

export interface Misplaced {
  /** `namespace/name`. */
  readonly service: string;
  /** The one port that the policy names; null: all. */
  readonly sectionName: string | null;
}

export interface Misplacements {
  /** `namespace/name` of every Service that may be meant, all in other namespaces than the policy. */
  readonly named: readonly string[];
  /** Of them, those with ports that no policy covers. */
  readonly closed: readonly Misplaced[];
}

/** `winners`: the policy of each {@link slotOf}. Null: policy and target agree about the namespace. */
export function misplacements(
  target: WrittenTarget,
  policy: SourceObject,
  winners: ReadonlyMap<string, string>,
  services: ServiceIndex,
): Misplacements | null {
  const { name, sectionName } = target;
  const foreign = foreignNamespace(target, policy);
  if (!policy.assumesNamespace && foreign === null) return null;
  const elsewhere = sameNameElsewhere(services, namespaceOf(policy), name).filter(
    ({ ref }) => foreign === null || ref.namespace === foreign,
  );
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

const namespaceOf = ({ ref }: SourceObject): string => ref.namespace ?? "default";

/** The namespace that a target names, where it is not the policy's. */
const foreignNamespace = ({ namespace }: WrittenTarget, policy: SourceObject): string | null =>
  namespace === undefined || namespace === namespaceOf(policy) ? null : namespace;

/** What one policy can win: a Service, or a port of it. */
export const slotOf = (service: string | null, sectionName = ""): string => `${service}\0${sectionName}`;

/**
 * `at`: the target's path. `isMissing`: no Service of the name is in the policy's namespace. Null: one is, and nothing else
 * has the name uncovered.
 */
export function misplacedProblem(
  target: WrittenTarget,
  at: FieldPath,
  policy: SourceObject,
  { named, closed }: Misplacements,
  isMissing: boolean,
): Problem | null {
  if (named.length === 0 || (closed.length === 0 && !isMissing)) return null;
  const foreign = foreignNamespace(target, policy);
  const others = closed.length === 0 ? named : closed.map(({ service }) => service);
  const consequence =
    closed.length === 0
      ? `${nameServices(others)} ${others.length > 1 ? "have" : "has"} policies already`
      : `what no policy covers of ${nameServices(others)} is closed, because it ${foreign === null ? "may be" : "is"} meant`;
  return policy.assumesNamespace
    ? unplaced(target, others, consequence, isMissing)
    : {
        code: "policy-misplaced",
        path: [...at, "namespace"],
        message: `a policy applies to Services of its own namespace only; ${consequence}`,
        expected: namespaceOf(policy),
        found: show(foreign),
        remedy: `move the policy to namespace ${foreign}, and leave the field out`,
      };
}

function unplaced(
  { name }: WrittenTarget,
  others: readonly string[],
  consequence: string,
  isMissing: boolean,
): Problem {
  const plural = others.length > 1;
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
