/**
 * The `status` of every object, as the controller writes it and `build --status` shows it. The controller adds what only it
 * knows: `lastTransitionTime`, `addresses`, `Programmed` and the entries of other controllers.
 */
import { fullPolicy } from "../ancestors/ancestors.ts";
import { describeUnusable } from "../references/anchor-faults.ts";
import { closedPort } from "../backends/problems.ts";
import {
  accepted,
  type Condition,
  type Generation,
  notAccepted,
  partiallyInvalid,
  type PolicyReason,
  resolvedRefs,
  type UnresolvedReason,
  unresolvedRefs,
} from "../diagnostics/conditions.ts";
import { compareStrings, Diagnostics, explain, namespacedName } from "../diagnostics/diagnostics.ts";
import { gatewayStatuses } from "./gateways.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import type { Memory } from "../memory/memory.ts";
import type { Model } from "../model.ts";
import { CONTROLLER_NAME, GATEWAY_GROUP } from "../kubernetes/names.ts";
import { generationOf, type ObjectStatus, statusOf } from "./object-status.ts";
import { type PolicyState, targetsPort } from "../policies/policies.ts";
import type { TargetState } from "../policies/attachments.ts";
import type { ListenerAttachment, ParentState } from "../routes/parents.ts";
import type { RouteState } from "../routes/routes.ts";
import { backendRefsOf, isRefused } from "../routes/rules.ts";
import { KINDS } from "../kubernetes/kinds.ts";
import type { UnservedState } from "../routes/unserved.ts";
import { describeCrlDates } from "../references/crl-dates.ts";
import { describeCrls } from "../policies/crls.ts";
import type { Clock } from "../clock.ts";
import { describeDates, validityOf } from "./validity.ts";

/** Statuses of every object that lasthop answers for, sorted by kind, namespace and name. */
export function computeStatuses(model: Model, memory: Memory, now: Clock): ObjectStatus[] {
  // Passes take diagnostics, and these report nothing.
  const silent = new Diagnostics();
  const validity = validityOf(model, now);
  const policies = [...model.policies.all.values()];
  const statuses = [
    ...memory.once("statuses of Gateways", [model.routes, validity], silent, () => gatewayStatuses(model, now)),
    ...memory.each("statuses of routes", { items: model.routes }, silent, (route) => routeStatus(route, model)),
    ...memory.each("statuses of unserved routes", { items: model.unserved }, silent, unservedStatus),
    ...memory.each("statuses of policies", { items: policies, given: [validity] }, silent, (policy) =>
      policyStatus(policy, model, now),
    ),
  ].filter((status) => status !== null);
  const sorted = memory.group(
    "statuses",
    statuses,
    (status) => [statusKey(status)],
    () => 0,
  );
  return [...sorted.values()].flatMap(({ items }) => items);
}

/** The order of kinds. */
const ORDER: readonly string[] = Object.keys(KINDS);
const statusKey = ({ kind, metadata }: ObjectStatus): string =>
  [String(ORDER.indexOf(kind)).padStart(2, "0"), metadata.namespace ?? "", metadata.name].join("\0");

function routeStatus(route: RouteState, model: Model): ObjectStatus | null {
  if (route.parents.length === 0) return null;
  const parents = route.parents.map((parent) => ({
    parentRef: parentRef(parent.ref),
    controllerName: CONTROLLER_NAME,
    conditions: parentConditions(route, parent, model),
  }));
  return statusOf(route.object, { parents });
}

function unservedStatus({ object, parents }: UnservedState): ObjectStatus {
  const generation = generationOf(object);
  const entries = parents.flatMap(({ ref, verdict }) =>
    verdict.kind === "attached"
      ? []
      : {
          parentRef: parentRef(ref),
          controllerName: CONTROLLER_NAME,
          conditions: [notAccepted(generation, verdict.reason, verdict.message)],
        },
  );
  return statusOf(object, { parents: entries });
}

/** A parentRef as the API server stores it: with defaults, and with its fields in one order. */
function parentRef({ group, kind, namespace, name, sectionName, port }: ParentState["ref"]): object {
  const optional = { namespace, name, sectionName, port };
  return { group, kind, ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) };
}

function parentConditions(route: RouteState, { gateway, verdict }: ParentState, model: Model): Condition[] {
  const generation = generationOf(route.object);
  const { object, refusal, rules } = route;
  const conditions = [
    verdict.kind === "detached"
      ? notAccepted(generation, verdict.reason, verdict.message)
      : refusal !== null
        ? notAccepted(generation, refusal.reason, refusal.message)
        : accepted(generation, attachedMessage(verdict.to, model.gateways.get(gateway))),
  ];
  if (route.readable) conditions.push(routeRefs(route, gateway, model, generation));
  const faulty = rules.filter(({ problems }) => isRefused(problems));
  // "This condition MUST NOT be set if a Route is fully valid, fully invalid, or not accepted."
  if (verdict.kind === "attached" && refusal === null && faulty.length > 0) {
    const message = faulty
      .flatMap(({ problems }) =>
        problems.filter(({ severity }) => severity !== "warning").map((problem) => explain(object, problem)),
      )
      .join("; ");
    conditions.push(partiallyInvalid(generation, message));
  }
  return conditions;
}

/** "The route's availability is also subject to the Gateway's own status conditions and listener status." */
function attachedMessage(to: readonly ListenerAttachment[], gateway: GatewayState | undefined): string {
  const refused = gateway?.kind === "valid" && gateway.refusal !== null;
  const served = to.filter(({ listener }) => !refused && listener.verdict.kind === "accepted").length;
  if (served === to.length) return "The route is attached";
  return served === 0
    ? "The route is attached, but to no listener that is served"
    : "The route is attached; some of its listeners are not served";
}

function routeRefs(
  { object, rules }: RouteState,
  gateway: string,
  { ancestors }: Model,
  generation: Generation,
): Condition {
  const faults: { reason: UnresolvedReason; message: string }[] = [];
  for (const { path, state } of rules.flatMap(backendRefsOf)) {
    const { problem } = state;
    const full =
      state.kind === "backend" && problem === null ? fullPolicy(state.target.policy, gateway, ancestors) : null;
    if (problem !== null) faults.push({ reason: problem.reason, message: explain(object, problem) });
    else if (full !== null && state.kind === "backend") {
      const { service, port } = state.target;
      const closing = closedPort(path, namespacedName(service.ref), port, {
        code: "policy-ancestors-full",
        policies: [full.name],
      });
      faults.push({ reason: closing.reason, message: explain(object, closing) });
    }
  }
  const [first] = faults;
  return first === undefined
    ? resolvedRefs(generation)
    : unresolvedRefs(generation, first.reason, faults.map(({ message }) => message).join("; "));
}

function policyStatus(policy: PolicyState, model: Model, now: Clock): ObjectStatus {
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

/** Conditions of a policy under one Gateway. They summarise all its targets: one lost target makes them Conflicted. */
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
