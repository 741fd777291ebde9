/** HTTPRoutes: to which listeners each parentRef attaches, and what the rules mean. */
import { canonicalJson } from "../bundle/codec.ts";
import type { BackendContext } from "./backends.ts";
import type { RouteReason } from "./conditions.ts";
import { type Diagnostics, explain, type FieldPath, type Problem, show, type SourceObject } from "./diagnostics.ts";
import { GATEWAY_GROUP, type GatewayState, gatewayNamespace, type ListenerState } from "./gateways.ts";
import { intersectHostnames, isIpAddress } from "./hostnames.ts";
import type { Cluster, Entry } from "./load.ts";
import { allowsNamespace } from "./namespaces.ts";
import type { HTTPRoute, ParentReference } from "./objects.ts";
import { type RuleState, resolveRule } from "./rules.ts";
import { field } from "./schema/validate.ts";
import { type Seniority, seniorityOf } from "./seniority.ts";

export interface Attachment {
  readonly listener: ListenerState;
  /** Never empty, sorted. */
  readonly hostnames: readonly string[];
}

export interface ParentState {
  readonly ref: ParentReference;
  /** `namespace/name`. */
  readonly gateway: string;
  readonly verdict:
    | { readonly kind: "attached"; readonly to: readonly Attachment[] }
    | { readonly kind: "detached"; readonly reason: RouteReason; readonly message: string };
}

export interface RouteState {
  readonly name: string;
  readonly object: SourceObject;
  readonly seniority: Seniority;
  /** Gateways of ours alone, in the order of `spec.parentRefs`. */
  readonly parents: readonly ParentState[];
  readonly rules: readonly RuleState[];
  /** False when the schema refuses the object, so that its references were never looked at. */
  readonly readable: boolean;
  /** The route as a whole is refused: each of its rules answers 500. */
  readonly refusal: { readonly reason: RouteReason; readonly message: string } | null;
}

export interface RouteContext extends BackendContext {
  readonly gateways: ReadonlyMap<string, GatewayState>;
}

export function resolveRoutes(context: RouteContext, diagnostics: Diagnostics): RouteState[] {
  return [...context.cluster.HTTPRoute].map(([name, entry]) => resolveRoute(name, entry, context, diagnostics));
}

function resolveRoute(
  name: string,
  entry: Entry<HTTPRoute>,
  context: RouteContext,
  diagnostics: Diagnostics,
): RouteState {
  const { object } = entry;
  const base = { name, object, seniority: seniorityOf(name, object.value) };
  if (entry.kind === "refused") {
    const refusal = { reason: "UnsupportedValue" as const, message: explain(object, entry.problem) };
    return { ...base, readable: false, refusal, rules: [], parents: unreadableParents(object, context, refusal) };
  }
  const { spec } = entry.object.value;
  const namespace = object.ref.namespace ?? "default";
  const problems = refuseRoute(entry.object.value);
  for (const problem of problems) diagnostics.report(object, problem);
  const rules = spec.rules.map((rule, index) => resolveRule(rule, index, namespace, context));
  for (const { problems: own, refs } of rules) {
    for (const problem of own) diagnostics.report(object, problem);
    for (const { state } of refs) if (state.problem !== null) diagnostics.report(object, state.problem);
  }
  const parents = (spec.parentRefs ?? []).flatMap((ref, index) =>
    attach(entry.object, ref, ["spec", "parentRefs", index], context, diagnostics),
  );
  if ((spec.parentRefs ?? []).length === 0) diagnostics.report(object, NO_PARENTS);
  const [problem] = problems;
  return {
    ...base,
    readable: true,
    parents,
    rules,
    refusal:
      problem === undefined
        ? wholeRefusal(object, rules)
        : { reason: "UnsupportedValue", message: explain(object, problem) },
  };
}

const NO_PARENTS: Problem = {
  severity: "warning",
  code: "route-parent-not-found",
  path: ["spec"],
  message: "the route has no parentRefs, so no Gateway serves it",
  expected: "parentRefs that name a Gateway",
  remedy: "add parentRefs",
};

/** Features of the route as a whole that lasthop refuses. */
function refuseRoute({ spec }: HTTPRoute): Problem[] {
  const problems: Problem[] = [];
  for (const [index, hostname] of (spec.hostnames ?? []).entries()) {
    // Hostname: "IPs are not allowed".
    if (isIpAddress(hostname))
      problems.push({
        code: "route-feature-unsupported",
        path: ["spec", "hostnames", index],
        message: "a hostname must not be an IP address",
        expected: "a DNS name",
        found: show(hostname),
        remedy: "use a DNS name",
      });
  }
  if ((spec.useDefaultGateways ?? "None") !== "None") {
    problems.push({
      code: "route-feature-unsupported",
      path: ["spec", "useDefaultGateways"],
      message: "lasthop has no default Gateways yet",
      expected: "None",
      found: show(spec.useDefaultGateways),
      remedy: "name the Gateway in parentRefs",
    });
  }
  return problems;
}

/** "A Route MUST be considered Accepted if at least one of the Route's rules is implemented by the Gateway." */
function wholeRefusal(object: SourceObject, rules: readonly RuleState[]): RouteState["refusal"] {
  const [first] = rules;
  if (first === undefined || first.refusal === null || !rules.every(({ refusal }) => refusal !== null)) return null;
  const faults = rules.flatMap(({ problems }) => problems).filter(({ severity }) => severity !== "warning");
  return { reason: first.refusal.reason, message: faults.map((problem) => explain(object, problem)).join("; ") };
}

/** A route that the API server would not have stored still hears why, wherever its parentRefs can be read. */
function unreadableParents(
  object: SourceObject,
  { gateways }: RouteContext,
  refusal: { reason: RouteReason; message: string },
): ParentState[] {
  const refs = field(field(object.value, "spec"), "parentRefs");
  if (!Array.isArray(refs)) return [];
  const seen = new Set<string>();
  return (refs as unknown[]).flatMap((value): ParentState[] => {
    const name = field(value, "name");
    const namespace = field(value, "namespace") ?? object.ref.namespace;
    if (typeof name !== "string" || typeof namespace !== "string" || !isGatewayRef(value)) return [];
    const gateway = `${namespace}/${name}`;
    const key = canonicalJson(value);
    if (seen.has(key)) return [];
    seen.add(key);
    const ours = gateways.get(gateway);
    if (ours === undefined || (ours.kind === "unusable" && !ours.ours)) return [];
    return [
      {
        ref: { ...(value as ParentReference), group: GATEWAY_GROUP, kind: "Gateway" },
        gateway,
        verdict: { kind: "detached", ...refusal },
      },
    ];
  });
}

const isGatewayRef = (ref: unknown): boolean =>
  (field(ref, "group") ?? GATEWAY_GROUP) === GATEWAY_GROUP && (field(ref, "kind") ?? "Gateway") === "Gateway";

/** No state for parents that are not ours. */
function attach(
  object: SourceObject<HTTPRoute>,
  ref: ParentReference,
  at: FieldPath,
  context: RouteContext,
  diagnostics: Diagnostics,
): ParentState[] {
  const gateway = `${ref.namespace ?? object.ref.namespace}/${ref.name}`;
  const report = (problem: Problem): string => {
    diagnostics.report(object, problem);
    return explain(object, problem);
  };
  if (!isGatewayRef(ref)) {
    // A Service is a parent for a mesh, and some mesh's business.
    if (ref.kind !== "Service")
      report({
        code: "route-parent-not-found",
        path: [...at, "kind"],
        message: `lasthop does not do ${ref.kind} parents yet`,
        expected: "Gateway",
        found: show(ref.kind),
        remedy: "name the Gateway",
      });
    return [];
  }
  const state = context.gateways.get(gateway);
  if (state === undefined) {
    // There, but of another controller's class.
    if (!context.cluster.Gateway.has(gateway))
      report({
        code: "route-parent-not-found",
        path: [...at, "name"],
        message: `Gateway ${gateway} is not among the inputs`,
        expected: "a Gateway",
        found: show(ref.name),
        remedy: "add the Gateway, or correct name and namespace",
      });
    return [];
  }
  if (state.kind === "unusable") {
    if (!state.ours) return [];
    const message = `Gateway ${gateway} is refused: ${state.message}`;
    return [{ ref, gateway, verdict: { kind: "detached", reason: "NoMatchingParent", message } }];
  }
  return [{ ref, gateway, verdict: attachTo(object, ref, at, state, context.cluster, report) }];
}

/**
 * Listener and Gateway status play no part: "Listener or Route status does not impact successful attachment"
 * (`ListenerStatus.attachedRoutes`). emit.ts serves accepted listeners alone.
 */
function attachTo(
  object: SourceObject<HTTPRoute>,
  ref: ParentReference,
  at: FieldPath,
  gateway: Extract<GatewayState, { kind: "valid" }>,
  cluster: Cluster,
  report: (problem: Problem) => string,
): ParentState["verdict"] {
  const { listeners } = gateway;
  const named = listeners.filter(
    ({ spec }) =>
      (ref.sectionName === undefined || spec.name === ref.sectionName) &&
      (ref.port === undefined || spec.port === ref.port),
  );
  if (named.length === 0) {
    const message = report({
      code: "route-parent-no-listener",
      path: ref.sectionName === undefined ? [...at, "port"] : [...at, "sectionName"],
      message: `Gateway ${gateway.name} has no such listener`,
      expected: listeners.map(({ spec }) => `${spec.name} (port ${spec.port})`).join(", "),
      found: show(ref.sectionName ?? ref.port),
      remedy: "use one of the Gateway's listeners",
    });
    return { kind: "detached", reason: "NoMatchingParent", message };
  }
  const namespace = object.ref.namespace ?? "default";
  const allowing = named.filter(
    (listener) =>
      listener.takesHttpRoutes && allowsNamespace(listener.spec, gatewayNamespace(gateway), namespace, cluster),
  );
  if (allowing.length === 0) {
    const message = report({
      code: "route-parent-not-allowed",
      path: at,
      message: `no listener of Gateway ${gateway.name} takes HTTPRoutes from namespace ${namespace}`,
      expected: "a listener whose allowedRoutes lets the route in",
      found: show(namespace),
      remedy: "change allowedRoutes of the listener, or move the route",
    });
    return { kind: "detached", reason: "NotAllowedByListeners", message };
  }
  const hostnames = (object.value.spec.hostnames ?? []).map((hostname) => hostname.toLowerCase());
  const to = allowing
    .map((listener): Attachment => ({ listener, hostnames: intersectHostnames(listener.hostname, hostnames) }))
    .filter((attachment) => attachment.hostnames.length > 0);
  if (to.length === 0) {
    const message = report({
      code: "route-parent-hostname",
      path: hostnames.length === 0 ? at : ["spec", "hostnames"],
      message: `none of the hostnames is one of Gateway ${gateway.name}'s`,
      expected: allowing.map(({ hostname }) => hostname ?? "any").join(", "),
      found: hostnames.join(", "),
      remedy: "correct the hostnames of the route or of the listener",
    });
    return { kind: "detached", reason: "NoMatchingListenerHostname", message };
  }
  return { kind: "attached", to };
}
