/** Conflicts between listeners: those of one object that no request can tell apart (`GatewaySpec.listeners`), and those of several objects. */
import type { NamespacedName } from "../../bundle/types.ts";
import type { ConflictReason } from "../diagnostics/conditions.ts";
import type { Listener } from "../kubernetes/objects.ts";

/** A listener, and the object in which it stands. */
interface ListenerPlace {
  readonly owner: { readonly kind: "Gateway" | "ListenerSet"; readonly name: NamespacedName };
  readonly spec: Listener;
}

/**
 * Why a listener conflicts with others; null: it does not. `all` are the listeners of the Gateway in order of precedence.
 * Between objects "the first Listener in the precedence list MUST be accepted" (GEP-1713). Within one object, "ALL
 * indistinct Listeners must not be accepted". The CRD already refuses two listeners of one port, protocol and hostname in
 * one object, so only protocols that cannot share a port remain to be found.
 */
export function conflictOf<T extends ListenerPlace>(
  own: T,
  all: readonly T[],
): { reason: ConflictReason; message: string } | null {
  const first = all.findIndex(({ owner }) => owner === own.owner);
  // A listener of a protocol that lasthop does not serve takes no port.
  const earlier = all.slice(0, first).filter(({ spec }) => spec.port === own.spec.port && SERVED.has(spec.protocol));
  const { port, protocol, hostname = "" } = own.spec;
  const same = earlier.filter(({ spec }) => spec.protocol === protocol && (spec.hostname ?? "") === hostname);
  if (same.length > 0)
    return {
      reason: "HostnameConflict",
      message: `port ${port}, protocol ${protocol} and hostname ${JSON.stringify(hostname)} are also those of ${namesFor(same)}`,
    };
  const siblings = all.filter(({ owner, spec }) => owner === own.owner && spec.port === port);
  const mixed = [
    ...earlier.filter(({ spec }) => protocol === "TCP" || isMixed(own.spec, spec)),
    // A TCP listener of the same object is refused for its protocol, and is no conflict: "If an implementation does not support TCP …".
    ...siblings.filter(({ spec }) => isMixed(own.spec, spec)),
  ];
  if (mixed.length === 0) return null;
  return {
    reason: "ProtocolConflict",
    message: `port ${port} has protocol ${protocol} here and another one in ${namesFor(mixed, own)}`,
  };
}

const SERVED = new Set(["HTTP", "HTTPS"]);

/** Whether one listener is plain HTTP and the other one TLS, which one port cannot serve. */
function isMixed(own: Listener, other: Listener): boolean {
  const isTls = ({ protocol }: Listener): boolean => protocol === "HTTPS" || protocol === "TLS";
  return (own.protocol === "HTTP" && isTls(other)) || (isTls(own) && other.protocol === "HTTP");
}

/**
 * Names for a message: of the listeners of the same object, and else of the object's role alone. "Implementations
 * SHOULD be cautious about what information from the parent or siblings [is] reported."
 */
function namesFor(listeners: readonly ListenerPlace[], own?: ListenerPlace): string {
  const all = listeners.map(({ owner, spec }) => {
    if (owner === own?.owner) return `listener ${spec.name}`;
    return owner.kind === "Gateway" ? "the Gateway" : "an older ListenerSet";
  });
  return [...new Set(all)].sort().join(", ");
}
