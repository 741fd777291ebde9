/** GatewayClasses and Gateways that lasthop serves, with the ListenerSets attached to them. */
import type { BackendContext } from "../backends/backends.ts";
import { type Diagnostics, explain, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Gateway, ListenerSet } from "../kubernetes/objects.ts";
import type { Entry } from "../load/load.ts";
import type { Memory } from "../memory/memory.ts";
import { absent, absentFrom } from "../references/absent.ts";
import type { CertificateContext } from "../references/certificates.ts";
import { type ClientIdentity, resolveIdentity } from "./client-identity.ts";
import { resolveClientValidation, type ValidationContext } from "./client-validation.ts";
import {
  judgeListeners,
  type ListenerSetState,
  type NamedSet,
  refuseSet,
  setsByGateway,
  type SetRefusal,
} from "./listener-sets.ts";
import type { ListenerOwner, ListenerState } from "./listener-state.ts";
import { resolveListeners } from "./listeners.ts";
import { type GatewayRefusal, refuseForListeners, refuseGateway } from "./gateway-refusal.ts";
import { missingClass } from "./problems.ts";
import type { ClassState } from "./classes.ts";

/** A Gateway of a class that lasthop serves, or of a class that does not exist. */
export type GatewayState =
  | {
      readonly kind: "valid";
      readonly name: string;
      readonly object: SourceObject<Gateway>;
      /** Listeners of the Gateway itself, then those of the ListenerSets attached to the Gateway. */
      readonly listeners: readonly ListenerState[];
      readonly clientIdentity: ClientIdentity;
      /** Why the Gateway as a whole serves nothing; null: it does. */
      readonly refusal: GatewayRefusal | null;
    }
  /** A Gateway that its schema refuses, or whose class does not exist: nothing of it is served. */
  | {
      readonly kind: "unusable";
      readonly name: string;
      readonly object: SourceObject;
      readonly message: string;
      /**
       * Whether lasthop is the controller of the Gateway. False: the class does not exist, so the controller is not
       * known.
       */
      readonly ours: boolean;
    };

/** The Gateways and ListenerSets of the cluster, by `namespace/name`. */
export interface Gateways {
  readonly gateways: ReadonlyMap<string, GatewayState>;
  /** The ListenerSets whose parent is one of the Gateways. */
  readonly listenerSets: ReadonlyMap<string, ListenerSetState>;
}

/** The context in which Gateways are resolved. */
interface GatewayContext extends BackendContext, CertificateContext, ValidationContext {
  readonly classes: ReadonlyMap<string, ClassState>;
}

/** Resolves every Gateway of the classes, and each whose class does not exist. Others belong to other controllers. */
export function resolveGateways(context: GatewayContext, memory: Memory, diagnostics: Diagnostics): Gateways {
  const { gateways, listenerSets } = memory.once(
    "gateways",
    [context.allowExternalName, context.requireBackendTls],
    diagnostics,
    (own) => resolveAll(context, own),
  );
  return {
    gateways: memory.source("gateways", gateways),
    listenerSets: memory.source("listener sets", listenerSets),
  };
}

function resolveAll(context: GatewayContext, diagnostics: Diagnostics): Gateways {
  const sets = setsByGateway(context.cluster, diagnostics);
  const gateways = new Map<string, GatewayState>();
  const listenerSets = new Map<string, ListenerSetState>();
  for (const [name, entry] of context.cluster.Gateway) {
    const found = resolveGateway(entry, { gateway: name, sets: sets.get(name) ?? [] }, context, diagnostics);
    if (found === null) continue;
    gateways.set(name, found.gateway);
    for (const set of found.sets) listenerSets.set(set.name, set);
  }
  return { gateways, listenerSets };
}

interface ResolvedGateway {
  readonly gateway: GatewayState;
  readonly sets: readonly ListenerSetState[];
}

/** The name of a Gateway, and the ListenerSets that name it. */
interface SetsOfGateway {
  readonly gateway: string;
  readonly sets: readonly NamedSet[];
}

/** The state of one Gateway; null: the Gateway belongs to another controller. */
function resolveGateway(
  entry: Entry<Gateway>,
  { gateway: name, sets: named }: SetsOfGateway,
  context: GatewayContext,
  diagnostics: Diagnostics,
): ResolvedGateway | null {
  const { cluster, classes } = context;
  const parentRefusal = (message: string): SetRefusal => ({ reason: "ParentNotAccepted", message });
  if (entry.kind === "refused") {
    const message = explain(entry.object, entry.problem);
    const sets = named.map((set) => refusedSet(set, name, parentRefusal(`Gateway ${name} is refused`)));
    return { gateway: { kind: "unusable", name, object: entry.object, message, ours: true }, sets };
  }
  const { object } = entry;
  const { gatewayClassName } = object.value.spec;
  const gatewayClass = classes.get(gatewayClassName);
  if (gatewayClass === undefined) {
    if (cluster.GatewayClass.get(gatewayClassName)?.kind === "valid") return null;
    const isRefused = cluster.GatewayClass.has(gatewayClassName);
    const state = isRefused ? "refused itself" : absentFrom(cluster.source.origin);
    const problem = missingClass(gatewayClassName, state, absent(cluster, "GatewayClass", gatewayClassName));
    diagnostics.report(object, problem);
    return { gateway: { kind: "unusable", name, object, message: explain(object, problem), ours: false }, sets: [] };
  }
  const asked = named.map((set) => ({ set, refusal: refuseSet(set, object, cluster, diagnostics) }));
  const owners = [
    ownerOf("Gateway", name, object),
    ...asked.flatMap(({ set, refusal }) =>
      refusal === null && set.entry.kind === "valid" ? [ownerOf("ListenerSet", set.name, set.entry.object)] : [],
    ),
  ];
  const validationByPort = resolveClientValidation(object, context, diagnostics);
  const listeners = resolveListeners(owners, { ...context, validationByPort }, diagnostics);
  const refusal = refuseGateway(object, gatewayClass, diagnostics) ?? refuseForListeners(listeners);
  const sets = asked.map(({ set, refusal: setRefusal }): ListenerSetState => {
    if (setRefusal !== null) return refusedSet(set, name, setRefusal);
    if (refusal !== null) return refusedSet(set, name, parentRefusal(`Gateway ${name} is not accepted`));
    const own = listeners.filter(({ owner }) => owner.name === set.name && owner.kind === "ListenerSet");
    return { ...setOf(set, name), verdict: judgeListeners(own), listeners: own };
  });
  const clientIdentity = resolveIdentity(object, context, diagnostics);
  return { gateway: { kind: "valid", name, object, refusal, clientIdentity, listeners }, sets };
}

const ownerOf = (
  kind: ListenerOwner["kind"],
  name: string,
  object: SourceObject<Gateway | ListenerSet>,
): ListenerOwner => ({ kind, name, namespace: object.ref.namespace ?? "default", object });

const setOf = ({ name, entry: { object } }: NamedSet, gateway: string) => ({ name, object, gateway });

const refusedSet = (set: NamedSet, gateway: string, refusal: SetRefusal): ListenerSetState => ({
  ...setOf(set, gateway),
  verdict: { kind: "refused", ...refusal },
  listeners: [],
});
