/**
 * BackendTLSPolicies that name a Service of another namespace than their own. Manifests of a build may lack
 * metadata.namespace: kubectl would put the policy into the namespace of its context, which is not known here, so the policy
 * may be meant for any Service of that name. And in v1alpha2 a target can name a namespace that is not the policy's. Ports of
 * such Services that no policy covers are closed.
 */
import type { FieldPath, Problem, SourceObject } from "../diagnostics/diagnostics.ts";
import type { WrittenTarget } from "../load/policy-targets.ts";
import { nameServices, sameNameElsewhere } from "./likely-services.ts";
import { misplacedPolicy, missingNamespace } from "./target-problems.ts";
import { type TargetContext, targetKey } from "./target-context.ts";

/** A Service with ports that a policy of another namespace closes. */
export interface ClosedService {
  /** `namespace/name`. */
  readonly service: string;
  /** The name of the one port that is closed; null: every port. */
  readonly sectionName: string | null;
}

/** The Services of other namespaces that a target may mean. */
interface Misplacements {
  /** All Services that the target may mean, as `namespace/name`. */
  readonly named: readonly string[];
  /** Services with ports that no policy covers. */
  readonly closed: readonly ClosedService[];
}

/** Services of other namespaces that the target may mean. Null: it can only mean one of the policy's namespace. */
export function misplacements(
  target: WrittenTarget,
  policy: SourceObject,
  { winners, services }: Pick<TargetContext, "winners" | "services">,
): Misplacements | null {
  const { name, sectionName } = target;
  const foreign = foreignNamespace(target, policy);
  if (!policy.assumesNamespace && foreign === null) return null;
  const elsewhere = sameNameElsewhere(services, namespaceOf(policy), name).filter(
    ({ ref }) => foreign === null || ref.namespace === foreign,
  );
  const closed = elsewhere.flatMap((other): ClosedService[] => {
    const service = `${other.ref.namespace}/${name}`;
    if (winners.has(targetKey(service))) return [];
    const ports = other.value.spec.ports.filter(({ protocol }) => protocol === "TCP");
    const named = ports.filter((port) => port.name === sectionName);
    // As in the policy's own namespace, a sectionName that no port has closes every port.
    const toClose = named.length > 0 ? named : ports;
    const areCovered =
      ports.length > 0 && toClose.every((port) => port.name !== "" && winners.has(targetKey(service, port.name)));
    return areCovered ? [] : [{ service, sectionName: named.length > 0 ? (sectionName ?? null) : null }];
  });
  return { named: elsewhere.map((other) => `${other.ref.namespace}/${name}`), closed };
}

const namespaceOf = ({ ref }: SourceObject): string => ref.namespace ?? "default";

/** The namespace that a target names, where it is not the policy's. */
const foreignNamespace = ({ namespace }: WrittenTarget, policy: SourceObject): string | null =>
  namespace === undefined || namespace === namespaceOf(policy) ? null : namespace;

/**
 * The problem of a target that may mean a Service of another namespace. Null: the policy's own namespace has the Service,
 * and every other Service of the name is covered. `isMissing`: the policy's own namespace has no such Service.
 */
export function misplacedProblem(
  { ref, at, isMissing }: { readonly ref: WrittenTarget; readonly at: FieldPath; readonly isMissing: boolean },
  policy: SourceObject,
  { named, closed }: Misplacements,
): Problem | null {
  if (named.length === 0 || (closed.length === 0 && !isMissing)) return null;
  const foreign = foreignNamespace(ref, policy);
  const others = closed.length === 0 ? named : closed.map(({ service }) => service);
  const consequence =
    closed.length === 0
      ? `${nameServices(others)} ${others.length > 1 ? "have" : "has"} policies already`
      : `what no policy covers of ${nameServices(others)} is closed, because it ${foreign === null ? "may be" : "is"} meant`;
  return policy.assumesNamespace
    ? missingNamespace(ref.name, others, isMissing, consequence)
    : misplacedPolicy([...at, "namespace"], { own: namespaceOf(policy), foreign }, consequence);
}
