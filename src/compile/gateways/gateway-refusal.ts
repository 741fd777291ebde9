/** The refusal of a Gateway as a whole: because of its class, of its own fields, or of its listeners. */
import type { GatewayReason } from "../diagnostics/conditions.ts";
import { type Diagnostics, explain, type Problem, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Gateway } from "../kubernetes/objects.ts";
import { selectorFault } from "../references/namespaces.ts";
import type { ClassState } from "./classes.ts";
import { listenerFaults } from "./listener-sets.ts";
import type { ListenerState } from "./listener-state.ts";
import {
  addressRoutability,
  addressType,
  badListenersSelector,
  defaultGateway,
  gatewayParameters,
} from "./problems.ts";

/** Why a Gateway is not accepted. */
export interface GatewayRefusal {
  readonly reason: GatewayReason;
  readonly message: string;
}

/** Why the Gateway as a whole is refused, because of its class or of its own fields; null: it is not. */
export function refuseGateway(
  object: SourceObject<Gateway>,
  { refusal }: ClassState,
  diagnostics: Diagnostics,
): GatewayRefusal | null {
  const { gatewayClassName, addresses = [], infrastructure, allowedListeners, defaultScope } = object.value.spec;
  if (refusal !== null)
    return { reason: "InvalidParameters", message: `GatewayClass ${gatewayClassName} is not accepted: ${refusal}` };
  const found: [GatewayReason, Problem][] = [];
  for (const [index, { type, routability = "" }] of addresses.entries()) {
    // The controller, which assigns addresses, decides which of them a Gateway may have.
    if (type !== "IPAddress") found.push(["UnsupportedAddress", addressType(index, type)]);
    if (routability !== "") found.push(["UnsupportedAddress", addressRoutability(index, routability)]);
  }
  if (infrastructure?.parametersRef !== undefined)
    found.push(["InvalidParameters", gatewayParameters(infrastructure.parametersRef)]);
  const selector = allowedListeners === undefined ? null : selectorFault(allowedListeners.namespaces);
  if (selector !== null) found.push(["Invalid", badListenersSelector(selector)]);
  if ((defaultScope ?? "None") !== "None") found.push(["Invalid", defaultGateway(defaultScope)]);
  for (const [, problem] of found) diagnostics.report(object, problem);
  const [first] = found;
  if (first === undefined) return null;
  return { reason: first[0], message: found.map(([, problem]) => explain(object, problem)).join("; ") };
}

/**
 * The refusal of a Gateway with no listener that is accepted; null: it has one. "At least one distinct Listener MUST be
 * present, or else … must be rejected from processing as a whole."
 */
export function refuseForListeners(listeners: readonly ListenerState[]): GatewayRefusal | null {
  // "`Accepted` and `Programmed` top-level conditions … reflect the status of the local configuration" (GEP-1713).
  const own = listeners.filter(({ owner }) => owner.kind === "Gateway");
  if (own.some(({ verdict }) => verdict.kind === "accepted")) return null;
  return { reason: "ListenersNotValid", message: listenerFaults(own) };
}
