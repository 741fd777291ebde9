/** The `status` of a BackendTLSPolicy: conditions under each Gateway that is its ancestor. */
import { describeUnusable } from "../references/anchor-faults.ts";
import {
  accepted,
  type Condition,
  notAccepted,
  type PolicyReason,
  resolvedRefs,
  unresolvedRefs,
} from "../diagnostics/conditions.ts";
import { compareStrings } from "../diagnostics/diagnostics.ts";
import type { Model } from "../model.ts";
import { CONTROLLER_NAME, GATEWAY_GROUP } from "../kubernetes/names.ts";
import { generationOf, type ObjectStatus, statusOf } from "./object-status.ts";
import type { PolicyState } from "../policies/state.ts";
import { targetsPort } from "../policies/coverage.ts";
import type { TargetState } from "../policies/attachments.ts";
import { describeCrlDates } from "../references/crl-dates.ts";
import { describeCrls } from "../policies/crls.ts";
import type { Clock } from "../clock.ts";
import { describeDates } from "./validity.ts";

/** The status of a policy. Without an ancestor it has no conditions. */
export function policyStatus(policy: PolicyState, model: Model, now: Clock): ObjectStatus {
  const gateways = model.ancestors.listed.get(policy.name) ?? [];
  const ancestors = gateways.map((gateway) => {
    const [namespace = "", name = ""] = gateway.split("/");
    return {
      ancestorRef: { group: GATEWAY_GROUP, kind: "Gateway", namespace, name },
      controllerName: CONTROLLER_NAME,
      conditions: policyConditions(policy, gateway, model, now),
    };
  });
  return statusOf(policy.object, { ancestors });
}

/**
 * Conditions of a policy under one Gateway. The conditions summarise all targets of the policy: one target that another
 * policy has makes them Conflicted.
 */
function policyConditions(policy: PolicyState, gateway: string, model: Model, now: Clock): Condition[] {
  const generation = generationOf(policy.object);
  const own = policy.targets.filter((target) => isUsedBy(target, gateway, model));
  const messages: [PolicyReason, string][] = [];
  for (const { verdict } of own) if (verdict.kind === "lost") messages.push(["Conflicted", verdict.message]);
  if (policy.effect.kind === "refused") messages.push([policy.effect.reason, policy.effect.message]);
  // A missing target is reported under every Gateway, since none of them uses it.
  for (const { verdict } of policy.targets)
    if (verdict.kind === "not-found") messages.push(["TargetNotFound", verdict.message]);
  const [first] = messages;
  const text = [...new Set(messages.map(([, message]) => message))].join("; ");
  const won = own
    .filter(({ verdict }) => verdict.kind === "won")
    .map((target) => nameTarget(target, model))
    .sort(compareStrings);
  const enforced =
    policy.effect.kind === "enforced" && won.length > 0
      ? [
          `enforced for ${won.join(", ")}, trusting ${policy.effect.sources.map((source) => source.name).join(", ")}`,
          describeUnusable(policy.effect.sources),
          describeCrls(policy.effect.crls),
          describeDates(policy.effect.sources, now),
          describeCrlDates(policy.effect.crls, now),
        ]
          .filter((part) => part !== "")
          .join("; ")
      : "";
  const conditions = [
    first === undefined
      ? accepted(generation, sentence(enforced))
      : notAccepted(generation, first[0], [text, enforced].filter((part) => part !== "").join("; ")),
  ];
  if (policy.unresolved !== null)
    conditions.push(unresolvedRefs(generation, policy.unresolved.reason, policy.unresolved.message));
  else if (policy.readable) conditions.push(resolvedRefs(generation));
  return conditions;
}

/** A text that starts with a capital letter. */
const sentence = (text: string): string => (text === "" ? "Accepted" : text.charAt(0).toUpperCase() + text.slice(1));

/** Whether a Gateway uses a port that the target is about. */
function isUsedBy(target: TargetState, gateway: string, { ancestors, cluster }: Model): boolean {
  if (target.service === null) return false;
  const entry = cluster.Service.get(target.service);
  const service = entry?.kind === "valid" ? entry.object : null;
  if (target.sectionName === null || service === null) return ancestors.uses(gateway, target.service, null);
  return service.value.spec.ports.some(
    ({ port }) => targetsPort(target, service, port) && ancestors.uses(gateway, target.service ?? "", port),
  );
}

/** Text for a condition: `Service shop/app port https`. */
function nameTarget({ service, sectionName }: TargetState, { policies }: Model): string {
  if (sectionName !== null) return `Service ${service} port ${sectionName}`;
  // A policy for the whole Service does not decide about ports that have a policy of their own.
  const others = [...(policies.coverage.get(service ?? "")?.sections.keys() ?? [])].sort(compareStrings);
  return `Service ${service}${others.length === 0 ? "" : ` but port ${others.join(", ")}`}`;
}
