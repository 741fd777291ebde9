/**
 * The `status` of every object, as the controller writes it and `build --status` shows it. The controller adds what no
 * other part knows: `lastTransitionTime`, `addresses`, `Programmed` and the entries of other controllers.
 */
import { Diagnostics } from "../diagnostics/diagnostics.ts";
import { gatewayStatuses } from "./gateways.ts";
import type { Memory } from "../memory/memory.ts";
import type { Model } from "../model.ts";
import type { ObjectStatus } from "./object-status.ts";
import { KINDS } from "../kubernetes/kinds.ts";
import type { Clock } from "../clock.ts";
import { validityOf } from "./validity.ts";
import { policyStatus } from "./policies.ts";
import { routeStatus, unservedStatus } from "./routes.ts";

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
