/** GatewayClasses and Gateways of ours, with the ListenerSets attached to them. */
import { absent, absentFrom } from "../references/absent.ts";
import type { BackendContext } from "../backends/backends.ts";
import type { CertificateContext } from "../references/certificates.ts";
import { type ClientIdentity, resolveIdentity } from "./client-identity.ts";
import { resolveClientValidation, type ValidationContext } from "./client-validation.ts";
import type { GatewayReason, ListenerSetReason } from "../diagnostics/conditions.ts";
import {
  causeOf,
  type Diagnostics,
  explain,
  type Problem,
  show,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import {
  type Applicant,
  applicantsByGateway,
  judgeListeners,
  listenerFaults,
  type ListenerSetState,
  refuseApplicant,
} from "./listener-sets.ts";
import { type ListenerOwner, type ListenerState, resolveListeners } from "./listeners.ts";
import type { Cluster, Entry } from "../load/load.ts";
import type { Memory } from "../memory.ts";
import { CONTROLLER_NAME } from "../kubernetes/names.ts";
import { selectorFault } from "../references/namespaces.ts";
import type { Gateway, GatewayClass, ListenerSet } from "../kubernetes/objects.ts";

export interface ClassState {
  readonly object: SourceObject<GatewayClass>;
  /** Null: accepted. */
  readonly refusal: string | null;
}

export type GatewayState =
  | {
      readonly kind: "valid";
      readonly name: string;
      readonly object: SourceObject<Gateway>;
      /** Its own, then those of the ListenerSets it lets in. */
      readonly listeners: readonly ListenerState[];
      readonly clientIdentity: ClientIdentity;
      /** Null unless the whole Gateway is refused. */
      readonly refusal: { readonly reason: GatewayReason; readonly message: string } | null;
    }
  /** Its class is unknown, or the object is at fault: nothing of it is served. */
  | {
      readonly kind: "unusable";
      readonly name: string;
      readonly object: SourceObject;
      readonly message: string;
      readonly ours: boolean;
    };

export interface Gateways {
  readonly gateways: ReadonlyMap<string, GatewayState>;
  /** Those whose parent is a Gateway of ours. */
  readonly listenerSets: ReadonlyMap<string, ListenerSetState>;
}

export function resolveClasses(
  cluster: Cluster,
  memory: Memory,
  diagnostics: Diagnostics,
): ReadonlyMap<string, ClassState> {
  const classes = memory.once("classes", [], diagnostics, (own) => readClasses(cluster, own));
  return memory.source("classes", classes);
}

function readClasses(cluster: Cluster, diagnostics: Diagnostics): Map<string, ClassState> {
  const classes = new Map<string, ClassState>();
  for (const [name, entry] of cluster.GatewayClass) {
    if (entry.kind === "refused" || entry.object.value.spec.controllerName !== CONTROLLER_NAME) continue;
    const { object } = entry;
    let refusal: string | null = null;
    if (object.value.spec.parametersRef !== undefined) {
      const problem: Problem = {
        code: "gateway-class-parameters",
        path: ["spec", "parametersRef"],
        message: "lasthop takes no parameters",
        expected: "no parametersRef",
        found: show(object.value.spec.parametersRef),
        remedy: "remove parametersRef",
      };
      diagnostics.report(object, problem);
      refusal = explain(object, problem);
    }
    classes.set(name, { object, refusal });
  }
  return classes;
}

export interface GatewayContext extends BackendContext, CertificateContext, ValidationContext {
  readonly classes: ReadonlyMap<string, ClassState>;
}

/** Every Gateway of our classes, and those whose class is not there at all. Others belong to other controllers. */
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
  const applicants = applicantsByGateway(context.cluster, diagnostics);
  const gateways = new Map<string, GatewayState>();
  const listenerSets = new Map<string, ListenerSetState>();
  for (const [name, entry] of context.cluster.Gateway) {
    const found = resolveGateway(name, entry, applicants.get(name) ?? [], context, diagnostics);
    if (found === null) continue;
    gateways.set(name, found.gateway);
    for (const set of found.sets) listenerSets.set(set.name, set);
  }
  return { gateways, listenerSets };
}

interface Resolved {
  readonly gateway: GatewayState;
  readonly sets: readonly ListenerSetState[];
}

function resolveGateway(
  name: string,
  entry: Entry<Gateway>,
  applicants: readonly Applicant[],
  context: GatewayContext,
  diagnostics: Diagnostics,
): Resolved | null {
  const { cluster, classes } = context;
  const refuseAll = (message: string): ListenerSetState[] =>
    applicants.map((applicant) => refusedSet(applicant, name, { reason: "ParentNotAccepted", message }));
  if (entry.kind === "refused") {
    const message = explain(entry.object, entry.problem);
    const sets = refuseAll(`Gateway ${name} is refused`);
    return { gateway: { kind: "unusable", name, object: entry.object, message, ours: true }, sets };
  }
  const { object } = entry;
  const { gatewayClassName } = object.value.spec;
  const known = classes.get(gatewayClassName);
  if (known === undefined) {
    if (cluster.GatewayClass.get(gatewayClassName)?.kind === "valid") return null;
    const problem: Problem = {
      code: "gateway-class-not-found",
      path: ["spec", "gatewayClassName"],
      message: `this GatewayClass is ${cluster.GatewayClass.has(gatewayClassName) ? "refused itself" : absentFrom(cluster.surroundings.origin)}`,
      expected: `a GatewayClass with controllerName ${CONTROLLER_NAME}`,
      found: show(gatewayClassName),
      remedy: absent(cluster, "GatewayClass", gatewayClassName).remedy,
      cause: causeOf("GatewayClass", gatewayClassName),
    };
    diagnostics.report(object, problem);
    return { gateway: { kind: "unusable", name, object, message: explain(object, problem), ours: false }, sets: [] };
  }
  const asked = applicants.map((applicant) => ({
    applicant,
    refusal: refuseApplicant(applicant, object, cluster, diagnostics),
  }));
  const owners = [
    ownerOf("Gateway", name, object),
    ...asked.flatMap(({ applicant: { name: own, entry: set }, refusal }) =>
      refusal === null && set.kind === "valid" ? [ownerOf("ListenerSet", own, set.object)] : [],
    ),
  ];
  const validationByPort = resolveClientValidation(object, context, diagnostics);
  const listeners = resolveListeners(owners, { ...context, validationByPort }, diagnostics);
  const refusal = refuseGateway(object, known, diagnostics) ?? refuseListeners(listeners);
  const sets = asked.map(({ applicant, refusal: refused }): ListenerSetState => {
    if (refused !== null) return refusedSet(applicant, name, refused);
    const message = `Gateway ${name} is not accepted`;
    if (refusal !== null) return refusedSet(applicant, name, { reason: "ParentNotAccepted", message });
    const own = listeners.filter(({ owner }) => owner.name === applicant.name && owner.kind === "ListenerSet");
    return { ...setOf(applicant, name), verdict: judgeListeners(own), listeners: own };
  });
  const clientIdentity = resolveIdentity(object, context, diagnostics);
  return { gateway: { kind: "valid", name, object, refusal, clientIdentity, listeners }, sets };
}

const ownerOf = (
  kind: ListenerOwner["kind"],
  name: string,
  object: SourceObject<Gateway | ListenerSet>,
): ListenerOwner => ({ kind, name, namespace: object.ref.namespace ?? "default", object });

const setOf = ({ name, entry: { object } }: Applicant, gateway: string) => ({ name, object, gateway });

const refusedSet = (
  applicant: Applicant,
  gateway: string,
  refusal: { reason: ListenerSetReason; message: string },
): ListenerSetState => ({ ...setOf(applicant, gateway), verdict: { kind: "refused", ...refusal }, listeners: [] });

/** "At least one distinct Listener MUST be present, or else … must be rejected from processing as a whole." */
function refuseListeners(listeners: readonly ListenerState[]): { reason: GatewayReason; message: string } | null {
  // "`Accepted` and `Programmed` top-level conditions … reflect the status of the local configuration" (GEP-1713).
  const own = listeners.filter(({ owner }) => owner.kind === "Gateway");
  if (own.some(({ verdict }) => verdict.kind === "accepted")) return null;
  return { reason: "ListenersNotValid", message: listenerFaults(own) };
}

/** What of the Gateway as a whole lasthop does not do. */
function refuseGateway(
  object: SourceObject<Gateway>,
  { refusal }: ClassState,
  diagnostics: Diagnostics,
): { reason: GatewayReason; message: string } | null {
  const { gatewayClassName, addresses = [], infrastructure, allowedListeners, defaultScope } = object.value.spec;
  if (refusal !== null)
    return { reason: "InvalidParameters", message: `GatewayClass ${gatewayClassName} is not accepted: ${refusal}` };
  const found: { reason: GatewayReason; problem: Omit<Problem, "code"> }[] = [];
  for (const [index, { type, routability = "" }] of addresses.entries()) {
    // Who may have which address is for the controller, which alone can give one.
    if (type !== "IPAddress")
      found.push({
        reason: "UnsupportedAddress",
        problem: {
          path: ["spec", "addresses", index, "type"],
          message: "lasthop binds IP addresses alone",
          expected: "IPAddress",
          found: show(type),
          remedy: "use type IPAddress, with or without a value",
        },
      });
    // From where an address of the operator's pool is reached, lasthop does not know, so it promises nothing of it.
    if (routability !== "")
      found.push({
        reason: "UnsupportedAddress",
        problem: {
          path: ["spec", "addresses", index, "routability"],
          message: "lasthop knows only its host's addresses, and not from where they are reached",
          expected: "no routability",
          found: show(routability),
          remedy: "remove routability; for a ClusterIP, put a Service of your own in front of the Gateway's address",
        },
      });
  }
  if (infrastructure?.parametersRef !== undefined)
    found.push({
      reason: "InvalidParameters",
      problem: {
        path: ["spec", "infrastructure", "parametersRef"],
        message: "lasthop takes no parameters",
        expected: "no parametersRef",
        found: show(infrastructure.parametersRef),
        remedy: "remove parametersRef",
      },
    });
  const selector = allowedListeners === undefined ? null : selectorFault(allowedListeners.namespaces);
  if (selector !== null)
    found.push({
      reason: "Invalid",
      problem: {
        path: ["spec", "allowedListeners", "namespaces", "selector"],
        message: selector,
        expected: "a label selector",
        remedy: "correct the selector",
      },
    });
  if ((defaultScope ?? "None") !== "None")
    found.push({
      reason: "Invalid",
      problem: {
        path: ["spec", "defaultScope"],
        message: "lasthop has no default Gateways yet, so it refuses the Gateway",
        expected: "no defaultScope",
        found: show(defaultScope),
        remedy: "remove defaultScope, and name the Gateway in the routes' parentRefs",
      },
    });
  const messages = found.map(({ problem }) => {
    const full: Problem = { code: "gateway-feature-unsupported", ...problem };
    diagnostics.report(object, full);
    return explain(object, full);
  });
  const [first] = found;
  return first === undefined ? null : { reason: first.reason, message: messages.join("; ") };
}
