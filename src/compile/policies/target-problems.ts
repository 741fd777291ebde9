/** Problems of the targets of policies. */
import { causeOf, type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";
import type { Origin } from "../load/admission.ts";
import type { PolicyTarget } from "../kubernetes/objects.ts";
import { absentFrom } from "../references/absent.ts";
import { nameServices } from "./likely-services.ts";

/** A target that policy `winner` has too, which takes precedence. */
export function policyConflict(path: FieldPath, ref: PolicyTarget, winner: string): Problem {
  const target = `Service ${ref.name}${ref.sectionName === undefined ? "" : ` port ${ref.sectionName}`}`;
  return {
    code: "policy-conflict",
    path,
    message: `${target} already has policy ${winner}, which is older or comes first by name`,
    expected: "one policy for each Service and port",
    found: show(ref.name),
    remedy: `remove one of the two policies, or tell them apart by sectionName`,
  };
}

const PROTECTS_NOTHING = ", so this target protects nothing";

const mayBeMeant = (likely: readonly string[]): string =>
  likely.length === 0 ? "" : `; ${nameServices(likely)} may be meant`;

/**
 * A target of another kind than Service. `isService`: only its group, or the spelling of its kind, is wrong; the policy then
 * closes the ports of that Service.
 */
export const wrongTargetKind = (
  { group, kind }: PolicyTarget,
  isService: boolean,
  likely: readonly string[],
): Problem => ({
  code: isService ? "policy-schema" : "policy-target-kind",
  path: [kind === "Service" ? "group" : "kind"],
  message: `lasthop applies BackendTLSPolicy to Services alone${isService ? "" : PROTECTS_NOTHING}${mayBeMeant(likely)}`,
  expected: 'group "" and kind Service',
  found: `${show(group)} ${kind}`,
  remedy: "target the Service",
});

/** A target `namespace/name` that does not exist. */
export function missingTarget(service: string, origin: Origin, likely: readonly string[]): Problem {
  const slash = service.indexOf("/");
  return {
    ...targetProblem(service, `${absentFrom(origin)}${PROTECTS_NOTHING}${mayBeMeant(likely)}`),
    remedy: targetRemedy(service.slice(0, slash), service.slice(slash + 1), likely),
  };
}

/** A target `namespace/name` that is refused itself. */
export const refusedTarget = (service: string): Problem => ({
  ...targetProblem(service, `refused itself${PROTECTS_NOTHING}`),
  remedy: "correct the Service",
});

const targetProblem = (service: string, state: string): Omit<Problem, "remedy"> => ({
  code: "policy-target-not-found",
  path: ["name"],
  message: `Service ${service} is ${state}`,
  expected: "a Service of the policy's namespace",
  found: show(service.slice(service.indexOf("/") + 1)),
  cause: causeOf("Service", service),
});

function targetRemedy(namespace: string, name: string, likely: readonly string[]): string {
  const near = likely.some((service) => service.startsWith(`${namespace}/`));
  const [elsewhere, other] = likely.find((service) => !service.startsWith(`${namespace}/`))?.split("/") ?? [];
  if (elsewhere === undefined) return near ? "correct the name" : "add the Service, or correct the name";
  const move = `move the policy to the Service's namespace (${elsewhere})${other === name ? "" : " and correct the name"}`;
  return `${move}, or ${near ? "correct the name" : "add the Service"}`;
}

/** A sectionName that is not one of `known`, the names of the Service's TCP ports. `near` is a similar one of them. */
export const missingSection = (
  service: string,
  sectionName: string,
  known: readonly string[],
  near: string | undefined,
): Problem => ({
  code: "policy-section-not-found",
  path: ["sectionName"],
  message: `Service ${service} has no TCP port of this name, so every port of it that no accepted policy covers is closed`,
  expected: known.length === 0 ? "no sectionName: the Service's ports have no names" : `one of ${known.join(", ")}`,
  found: show(sectionName),
  remedy: near === undefined ? "use the name of one of the Service's ports" : `use ${near}, if that is meant`,
});

/** A policy whose target names the namespace `foreign`, where `own` is the policy's. `consequence` ends the message. */
export const misplacedPolicy = (
  path: FieldPath,
  { own, foreign }: { readonly own: string; readonly foreign: string | null },
  consequence: string,
): Problem => ({
  code: "policy-misplaced",
  path,
  message: `a policy applies to Services of its own namespace only; ${consequence}`,
  expected: own,
  found: show(foreign),
  remedy: `move the policy to namespace ${foreign}, and leave the field out`,
});

/**
 * A policy without a namespace of its own. `others` are the Services named `name` in other namespaces; `isMissing`: there is
 * none in the namespace that was assumed.
 */
export function missingNamespace(
  name: string,
  others: readonly string[],
  isMissing: boolean,
  consequence: string,
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
