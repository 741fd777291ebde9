/** `status` of GatewayClasses, Gateways, ListenerSets and listeners. */
import { describeUnusable } from "../references/anchor-faults.ts";
import { insecureModes } from "../gateways/client-validation.ts";
import {
  accepted,
  type Condition,
  conflicted,
  type Generation,
  insecureValidation,
  noConflicts,
  notAccepted,
  overlappingTls,
  partlyAccepted,
  resolvedRefs,
  unresolvedRefs,
} from "../diagnostics/conditions.ts";
import { SUPPORTED_FEATURES } from "./features.ts";
import type { ClassState } from "../gateways/classes.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import { listenerFaults, type ListenerSetState } from "../gateways/listener-sets.ts";
import type { ListenerState } from "../gateways/listener-state.ts";
import type { Model } from "../model.ts";
import { GATEWAY_GROUP } from "../kubernetes/names.ts";
import { generationOf, type ObjectStatus, statusOf } from "./object-status.ts";
import type { RouteState } from "../routes/routes.ts";
import type { Clock } from "../clock.ts";
import { describeCertificates, describeDates } from "./validity.ts";

/** The number of routes that attach to each listener. */
type AttachedRoutes = ReadonlyMap<ListenerState, number>;

/** Statuses of every GatewayClass, Gateway and ListenerSet of the model. */
export function gatewayStatuses({ classes, gateways, listenerSets, routes }: Model, now: Clock): ObjectStatus[] {
  const attached = countAttached(routes);
  const sets = [...listenerSets.values()];
  return [
    ...[...classes.values()].map(classStatus),
    ...[...gateways.values()].flatMap((gateway) => gatewayStatus(gateway, sets, attached, now)),
    ...sets.map((set) => listenerSetStatus(set, attached, now)),
  ];
}

function classStatus({ object, refusal }: ClassState): ObjectStatus {
  const generation = generationOf(object);
  const condition =
    refusal === null
      ? accepted(generation, "lasthop serves Gateways of this class")
      : notAccepted(generation, "InvalidParameters", refusal);
  return statusOf(object, { conditions: [condition], supportedFeatures: SUPPORTED_FEATURES.map((name) => ({ name })) });
}

function gatewayStatus(
  gateway: GatewayState,
  sets: readonly ListenerSetState[],
  attached: AttachedRoutes,
  now: Clock,
): ObjectStatus[] {
  const generation = generationOf(gateway.object);
  if (gateway.kind === "unusable") {
    // Where the class of a Gateway does not exist, the Gateway's controller is not known.
    return gateway.ours
      ? [statusOf(gateway.object, { conditions: [notAccepted(generation, "Invalid", gateway.message)] })]
      : [];
  }
  const own = gateway.listeners.filter(({ owner }) => owner.kind === "Gateway");
  const insecure = insecureModes(gateway.object.value);
  const conditions = [gatewayAccepted(gateway, own, generation, now), gatewayRefs(gateway, own, generation)];
  if (insecure.length > 0) {
    const where = `on ${insecure.join(", ")}`;
    conditions.push(insecureValidation(generation, `Clients without a valid certificate are served ${where}`));
  }
  const status = {
    conditions,
    listeners: own.map((listener) => listenerStatus(listener, generation, attached, now)),
    // "selected by the Gateway's AllowedListeners …, a valid ParentRef …, the condition `Accepted: true`"
    attachedListenerSets: sets.filter((set) => set.gateway === gateway.name && set.verdict.kind === "accepted").length,
  };
  return [statusOf(gateway.object, status)];
}

function gatewayAccepted(
  { refusal, clientIdentity }: Extract<GatewayState, { kind: "valid" }>,
  own: readonly ListenerState[],
  generation: Generation,
  now: Clock,
): Condition {
  if (refusal !== null) return notAccepted(generation, refusal.reason, refusal.message);
  const faults = listenerFaults(own);
  const identity =
    clientIdentity.kind === "certificate"
      ? describeCertificates([clientIdentity.certificate], { to: "backends" }, now)
      : "";
  return faults === ""
    ? accepted(generation, sentences("Every listener is accepted", identity))
    : partlyAccepted(generation, sentences(faults, identity));
}

/**
 * Condition `ResolvedRefs` of a Gateway (`GatewayConditionResolvedRefs`): about the Gateway's own references, and "a
 * positive-polarity summary of Listener's".
 */
function gatewayRefs(
  { clientIdentity }: Extract<GatewayState, { kind: "valid" }>,
  own: readonly ListenerState[],
  generation: Generation,
): Condition {
  if (clientIdentity.kind === "refused") {
    const { reason, message } = clientIdentity.unresolved;
    return unresolvedRefs(generation, reason, `${message}; no backend that wants TLS is connected to`);
  }
  const names = own.filter(({ unresolved }) => unresolved.length > 0).map(({ spec }) => spec.name);
  return names.length === 0
    ? resolvedRefs(generation)
    : unresolvedRefs(generation, "ListenersNotResolved", `See listener ${names.join(", ")}`);
}

/**
 * The status of a ListenerSet. "`Accepted` … MUST only summarize the `status.listeners` conditions that are exclusive
 * to the `ListenerSet`."
 */
function listenerSetStatus(
  { object, verdict, listeners }: ListenerSetState,
  attached: AttachedRoutes,
  now: Clock,
): ObjectStatus {
  const generation = generationOf(object);
  const faults = listenerFaults(listeners);
  const condition =
    verdict.kind === "refused"
      ? notAccepted(generation, verdict.reason, verdict.message)
      : faults === ""
        ? accepted(generation, "Every listener is accepted")
        : partlyAccepted(generation, faults);
  return statusOf(object, {
    conditions: [condition],
    ...(listeners.length === 0
      ? {}
      : { listeners: listeners.map((listener) => listenerStatus(listener, generation, attached, now)) }),
  });
}

function listenerStatus(listener: ListenerState, generation: Generation, attached: AttachedRoutes, now: Clock): object {
  const { spec, verdict, takesHttpRoutes, unresolved, overlaps } = listener;
  const [first] = unresolved;
  const conditions = [
    verdict.kind === "accepted"
      ? accepted(generation, sentences("The listener is valid", ...tlsRemarks(listener, now)))
      : notAccepted(generation, verdict.reason, verdict.message),
    verdict.kind === "conflicted" ? conflicted(generation, verdict.reason, verdict.message) : noConflicts(generation),
    first === undefined
      ? resolvedRefs(generation)
      : unresolvedRefs(generation, first.reason, unresolved.map(({ message }) => message).join("; ")),
  ];
  if (overlaps.length > 0)
    conditions.push(overlappingTls(generation, `Hostnames of listener ${overlaps.join(", ")} are this one's too`));
  return {
    name: spec.name,
    supportedKinds: takesHttpRoutes ? [{ group: GATEWAY_GROUP, kind: "HTTPRoute" }] : [],
    attachedRoutes: attached.get(listener) ?? 0,
    conditions,
  };
}

/** Text for the condition of a listener that is served: what is unusual about its certificates and CAs. */
function tlsRemarks({ verdict, hostname }: ListenerState, now: Clock): string[] {
  if (verdict.kind !== "accepted" || verdict.tls === null) return [];
  const { certificates, clientValidation } = verdict.tls;
  const sources = clientValidation.kind === "valid" ? clientValidation.sources : [];
  return [
    describeCertificates(certificates, { to: "clients", hostname }, now),
    describeUnusable(sources),
    describeDates(sources, now),
  ];
}

const sentences = (...parts: readonly string[]): string => parts.filter((part) => part !== "").join("; ");

/**
 * Numbers for `attachedRoutes`: "The number of Routes with the Accepted condition set to True that have been attached
 * to this Listener".
 */
function countAttached(routes: readonly RouteState[]): AttachedRoutes {
  const count = new Map<ListenerState, number>();
  for (const { refusal, parents } of routes) {
    if (refusal !== null) continue;
    const seen: ListenerState[] = [];
    for (const { verdict } of parents) {
      if (verdict.kind !== "attached") continue;
      for (const { listener } of verdict.to) {
        // Two parentRefs of a route may lead to one listener, which counts the route once.
        if (seen.includes(listener)) continue;
        seen.push(listener);
        count.set(listener, (count.get(listener) ?? 0) + 1);
      }
    }
  }
  return count;
}
