/** The `status` of routes: conditions under each of their parents. */
import { fullPolicy } from "../ancestors/ancestors.ts";
import { closedPort } from "../backends/problems.ts";
import {
  accepted,
  type Condition,
  type Generation,
  notAccepted,
  partiallyInvalid,
  resolvedRefs,
  type UnresolvedReason,
  unresolvedRefs,
} from "../diagnostics/conditions.ts";
import { explain, namespacedName } from "../diagnostics/diagnostics.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import type { Model } from "../model.ts";
import { CONTROLLER_NAME } from "../kubernetes/names.ts";
import { generationOf, type ObjectStatus, statusOf } from "./object-status.ts";
import type { ListenerAttachment, ParentState } from "../routes/parents.ts";
import type { RouteState } from "../routes/routes.ts";
import { backendRefsOf, isRefused } from "../routes/rules.ts";
import type { UnservedState } from "../routes/unserved.ts";

/** The status of an HTTPRoute; null: none of its parents is served by lasthop. */
export function routeStatus(route: RouteState, model: Model): ObjectStatus | null {
  if (route.parents.length === 0) return null;
  const parents = route.parents.map((parent) => ({
    parentRef: parentRef(parent.ref),
    controllerName: CONTROLLER_NAME,
    conditions: parentConditions(route, parent, model),
  }));
  return statusOf(route.object, { parents });
}

/** The status of a route whose kind lasthop does not serve. */
export function unservedStatus({ object, parents }: UnservedState): ObjectStatus {
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

/**
 * Message of `Accepted` for an attached route, which says whether its listeners are served: "The route's availability
 * is also subject to the Gateway's own status conditions and listener status."
 */
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
