/** Faults of one target of a BackendTLSPolicy (`LocalPolicyTargetReferenceWithSectionName`). */
import type { Problem, SourceObject } from "../diagnostics/diagnostics.ts";
import type { PolicyTarget } from "../kubernetes/objects.ts";
import { nearNames } from "../kubernetes/spelling.ts";
import { likelyServices } from "./likely-services.ts";
import { missingSection, missingTarget, refusedTarget, wrongTargetKind } from "./target-problems.ts";
import type { TargetContext } from "./target-context.ts";

/** Why a target attaches to nothing. */
interface TargetFault {
  /** The problem, whose path starts at the target: `["name"]`. */
  readonly problem: Problem;
  /** Services that the target may mean, as `namespace/name`. */
  readonly likely: readonly string[];
}

/** Why the target is no Service, or no port of one; null: it is. `service` is its `namespace/name`, null for another kind. */
export function targetFault(
  ref: PolicyTarget,
  service: string | null,
  policy: SourceObject,
  { cluster, services }: Pick<TargetContext, "cluster" | "services">,
): TargetFault | null {
  const { group, kind, name, sectionName } = ref;
  const namespace = policy.ref.namespace ?? "default";
  const likelyNow = (): readonly string[] => likelyServices(services, namespace, name, policy.assumesNamespace);
  if (group !== "" || kind !== "Service" || service === null) {
    const likely = service === null ? likelyNow() : [];
    return { problem: wrongTargetKind(ref, service !== null, likely), likely };
  }
  const entry = cluster.Service.get(service);
  if (entry === undefined) {
    const likely = likelyNow();
    return { problem: missingTarget(service, cluster.source.origin, likely), likely };
  }
  if (entry.kind === "refused") return { problem: refusedTarget(service), likely: [] };
  // TLS runs over TCP: a policy for a port of another protocol would be accepted, and enforced nowhere.
  const ports = entry.object.value.spec.ports.filter(({ protocol }) => protocol === "TCP");
  if (sectionName === undefined || ports.some((port) => port.name === sectionName)) return null;
  const known = ports.map((port) => port.name).filter((port) => port !== "");
  const [near] = nearNames(sectionName, known);
  return { problem: missingSection(service, sectionName, known, near), likely: [] };
}
