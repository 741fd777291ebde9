/** Listeners that no request could tell apart (`GatewaySpec.listeners`), and those that a Gateway or older ListenerSet has. */
import type { NamespacedName } from "../../bundle/types.ts";
import type { ConflictReason } from "../diagnostics/conditions.ts";
import type { Listener } from "../kubernetes/objects.ts";

interface Placed {
  readonly owner: { readonly kind: "Gateway" | "ListenerSet"; readonly name: NamespacedName };
  readonly spec: Listener;
}

/**
 * Between objects "the first Listener in the precedence list MUST be accepted" (GEP-1713); `all` is in that order. Within
 * one object none is picked as winner: "ALL indistinct Listeners must not be accepted"; the CRD's rules leave protocols
 * alone to differ there.
 */
export function conflictOf<T extends Placed>(
  own: T,
  all: readonly T[],
): { reason: ConflictReason; message: string } | null {
  const first = all.findIndex(({ owner }) => owner === own.owner);
  // A listener of a protocol that nobody serves holds no port.
  const earlier = all.slice(0, first).filter(({ spec }) => spec.port === own.spec.port && SERVED.has(spec.protocol));
  const { port, protocol, hostname = "" } = own.spec;
  const same = earlier.filter(({ spec }) => spec.protocol === protocol && (spec.hostname ?? "") === hostname);
  if (same.length > 0)
    return {
      reason: "HostnameConflict",
      message: `port ${port}, protocol ${protocol} and hostname ${JSON.stringify(hostname)} are also those of ${names(same)}`,
    };
  const siblings = all.filter(({ owner, spec }) => owner === own.owner && spec.port === port);
  const mixed = [
    ...earlier.filter(({ spec }) => protocol === "TCP" || isMixed(own.spec, spec)),
    // A TCP one among them is refused for its protocol, and is no conflict: "If an implementation does not support TCP …".
    ...siblings.filter(({ spec }) => isMixed(own.spec, spec)),
  ];
  if (mixed.length === 0) return null;
  return {
    reason: "ProtocolConflict",
    message: `port ${port} has protocol ${protocol} here and another one in ${names(mixed, own)}`,
  };
}

const SERVED = new Set(["HTTP", "HTTPS"]);

/** Plain HTTP and TLS cannot be told apart before the first byte. */
function isMixed(own: Listener, other: Listener): boolean {
  const isTls = ({ protocol }: Listener): boolean => protocol === "HTTPS" || protocol === "TLS";
  return (own.protocol === "HTTP" && isTls(other)) || (isTls(own) && other.protocol === "HTTP");
}

/** "Implementations SHOULD be cautious about what information from the parent or siblings [is] reported." */
function names(listeners: readonly Placed[], own?: Placed): string {
  const all = listeners.map(({ owner, spec }) => {
    if (owner === own?.owner) return `listener ${spec.name}`;
    return owner.kind === "Gateway" ? "the Gateway" : "an older ListenerSet";
  });
  return [...new Set(all)].sort().join(", ");
}
