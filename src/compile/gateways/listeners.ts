/** Listeners of a Gateway and of the ListenerSets attached to it: what each can serve, or why it serves nothing. */
import type { BundleExternalAuth } from "../../bundle/types.ts";
import { type BackendContext, type ResolvedBackendRef, resolveBackendRef } from "../backends/backends.ts";
import type { ListenerReason, Unresolved } from "../diagnostics/conditions.ts";
import { type Diagnostics, explain, type FieldPath, type Problem } from "../diagnostics/diagnostics.ts";
import { resolveExternalAuth } from "../filters/external-auth.ts";
import { intersectHostnames, isIpAddress } from "../kubernetes/hostnames.ts";
import { GATEWAY_GROUP } from "../kubernetes/names.ts";
import type { Listener } from "../kubernetes/objects.ts";
import { remarksOf, warningOf } from "../references/certificate-facts.ts";
import { type Certificate, type CertificateContext, resolveCertificate } from "../references/certificates.ts";
import { selectorFault } from "../references/namespaces.ts";
import type { ValidationByPort } from "./client-validation.ts";
import { conflictOf } from "./conflicts.ts";
import {
  badRoutesSelector,
  customListenerFilter,
  listenerConflict,
  listenerHostnameIsIp,
  listenerProtocol,
  listenerTlsOption,
  missingCertificate,
  unservedRouteKinds,
} from "./problems.ts";
import { listenerName, type ListenerOwner, type ListenerState, type ListenerVerdict } from "./listener-state.ts";

/** The context in which listeners are resolved. */
interface ListenerContext extends BackendContext, CertificateContext {
  readonly validationByPort: ValidationByPort;
}

/**
 * Resolves the listeners of all owners. `owners` are in order of precedence: the Gateway, then ListenerSets, the oldest first
 * (`ListenerSetSpec.listeners`).
 */
export function resolveListeners(
  owners: readonly ListenerOwner[],
  context: ListenerContext,
  diagnostics: Diagnostics,
): ListenerState[] {
  const all = owners.flatMap((owner) =>
    owner.object.value.spec.listeners.map((spec, index) => ({ owner, spec, index })),
  );
  const states = all.map((place): ListenerState => {
    const { owner, spec, index } = place;
    const at = ["spec", "listeners", index];
    const report = (problem: Problem): string => {
      diagnostics.report(owner.object, problem);
      return explain(owner.object, problem);
    };
    const resolved = resolveListener({ owner, spec, at, report, unresolved: [] }, context);
    const conflict = conflictOf(place, all);
    const hostname = spec.hostname?.toLowerCase() ?? null;
    const state: ListenerState = { ...place, ...resolved, hostname, overlaps: [] };
    if (conflict === null) return state;
    report(listenerConflict(at, conflict.reason, conflict.message));
    return { ...state, verdict: { kind: "conflicted", ...conflict } };
  });
  return states.map((state) => ({ ...state, overlaps: overlapsOf(state, states) }));
}

/** A listener that is being resolved. */
interface Resolving {
  readonly owner: ListenerOwner;
  readonly spec: Listener;
  /** Path of the listener. */
  readonly at: FieldPath;
  /** Reports a problem, and gives its text for a condition. */
  readonly report: (problem: Problem) => string;
  /** References that could not be resolved so far. */
  readonly unresolved: Unresolved[];
}

type ResolvedListener = Pick<ListenerState, "verdict" | "takesHttpRoutes" | "unresolved" | "filters" | "backendRefs">;

function resolveListener(listener: Resolving, context: ListenerContext): ResolvedListener {
  const { spec, at, report, unresolved } = listener;
  const refusal = refuseListener(spec, at);
  let verdict: ListenerVerdict =
    refusal === null
      ? { kind: "accepted", tls: null }
      : { kind: "refused", reason: refusal.reason, message: report(refusal.problem) };
  if (refusal === null && spec.protocol === "HTTPS") verdict = resolveTls(listener, context);
  const { refusal: filterRefusal, ...filters } = resolveListenerFilters(listener, context);
  // "If a filter is unsupported …, the listener MUST be rejected via status (`Accepted=False`, `Reason=UnsupportedValue`)"
  if (filterRefusal !== null && verdict.kind === "accepted")
    verdict = { kind: "refused", reason: "UnsupportedValue", message: filterRefusal };
  const { takesHttpRoutes, problem } = routeKinds(spec, at);
  if (problem !== null) unresolved.push({ reason: "InvalidRouteKinds", message: report(problem) });
  return { verdict, takesHttpRoutes, unresolved, ...filters };
}

/** Why a listener cannot be served, whatever its references lead to; null: it can be. */
function refuseListener(spec: Listener, at: FieldPath): { reason: ListenerReason; problem: Problem } | null {
  const { protocol, hostname, allowedRoutes, tls } = spec;
  if (protocol !== "HTTP" && protocol !== "HTTPS")
    return { reason: "UnsupportedProtocol", problem: listenerProtocol(at, protocol) };
  const unsupported = (problem: Problem): { reason: ListenerReason; problem: Problem } => ({
    reason: "UnsupportedValue",
    problem,
  });
  if (hostname !== undefined && isIpAddress(hostname)) return unsupported(listenerHostnameIsIp(at, hostname));
  const selector = selectorFault(allowedRoutes.namespaces);
  if (selector !== null) return unsupported(badRoutesSelector(at, selector));
  if (protocol === "HTTP") return null;
  const [option] = Object.keys(tls?.options ?? {}).sort();
  if (option !== undefined) return unsupported(listenerTlsOption(at, option));
  return (tls?.certificateRefs ?? []).length === 0 ? unsupported(missingCertificate(at, tls !== undefined)) : null;
}

/** The certificates of an HTTPS listener. One valid certificate of several suffices; without any, the listener is refused. */
function resolveTls({ owner, spec, at, report, unresolved }: Resolving, context: ListenerContext): ListenerVerdict {
  const { tls, port, hostname } = spec;
  const certificates = new Map<string, Certificate>();
  const faults: { reason: "RefNotPermitted" | "InvalidCertificateRef"; message: string }[] = [];
  for (const [index, ref] of (tls?.certificateRefs ?? []).entries()) {
    const path = [...at, "tls", "certificateRefs", index];
    const result = resolveCertificate(ref, owner, { path, code: "listener-certificates" }, context);
    if (result.kind === "resolved") {
      const { certificate } = result;
      certificates.set(certificate.digest, certificate);
      for (const remark of remarksOf(certificate, { to: "clients", hostname: hostname?.toLowerCase() ?? null }))
        report(warningOf(remark, path, certificate.facts));
    } else {
      const reason = result.permitted ? "InvalidCertificateRef" : "RefNotPermitted";
      faults.push({ reason, message: report(result.problem) });
    }
  }
  unresolved.push(...faults);
  const clientValidation = context.validationByPort(port);
  if (clientValidation.kind !== "none") unresolved.push(...clientValidation.unresolved);
  const [fault] = faults;
  if (fault !== undefined && certificates.size === 0) return { kind: "refused", ...fault };
  if (clientValidation.kind === "refused") {
    const message = clientValidation.unresolved.map((each) => each.message).join("; ");
    return { kind: "refused", reason: "NoValidCACertificate", message };
  }
  return { kind: "accepted", tls: { certificates: [...certificates.values()], clientValidation } };
}

/** `ListenerFilters.requests` in their order. `refusal` is why the listener is refused: no filter is ever skipped. */
function resolveListenerFilters(
  { owner, spec, at, report, unresolved }: Resolving,
  context: BackendContext,
): Pick<ResolvedListener, "filters" | "backendRefs"> & { readonly refusal: string | null } {
  const filters: BundleExternalAuth[] = [];
  const backendRefs: ResolvedBackendRef[] = [];
  const problems: Problem[] = [];
  for (const [index, filter] of (spec.filters?.requests ?? []).entries()) {
    const path = [...at, "filters", "requests", index];
    if (filter.type === "ExtensionRef") {
      problems.push(customListenerFilter(path, filter.extensionRef));
      continue;
    }
    const authPath = [...path, "externalAuth"];
    const backendRef = resolveBackendRef(filter.externalAuth.backendRef, owner, [...authPath, "backendRef"], context);
    backendRefs.push(backendRef);
    filters.push(resolveExternalAuth(filter.externalAuth, backendRef, authPath, problems));
    const { problem } = backendRef.state;
    if (problem !== null) {
      // GEP-5224: RefNotPermitted where a ReferenceGrant is missing, else `InvalidListenerFilterRef`.
      const reason = problem.reason === "RefNotPermitted" ? problem.reason : "InvalidListenerFilterRef";
      unresolved.push({ reason, message: report(problem) });
    }
  }
  const messages = problems.map(report);
  return { filters, backendRefs, refusal: messages.length === 0 ? null : messages.join("; ") };
}

/** Whether a listener takes HTTPRoutes (`RouteGroupKind`), and the kinds it names that lasthop cannot serve there. */
function routeKinds(
  { protocol, allowedRoutes }: Listener,
  at: FieldPath,
): { takesHttpRoutes: boolean; problem: Problem | null } {
  const servesHttp = protocol === "HTTP" || protocol === "HTTPS";
  const { kinds = [] } = allowedRoutes;
  if (kinds.length === 0) return { takesHttpRoutes: servesHttp, problem: null };
  const isServed = ({ group, kind }: { group: string; kind: string }): boolean =>
    servesHttp && group === GATEWAY_GROUP && kind === "HTTPRoute";
  const unserved = kinds.filter((kind) => !isServed(kind)).map(({ group, kind }) => `${group}/${kind}`);
  return {
    takesHttpRoutes: kinds.some(isServed),
    problem: unserved.length === 0 ? null : unservedRouteKinds(at, protocol, unserved),
  };
}

/**
 * Names of the listeners whose hostnames overlap with those of `own`: "Controllers MUST detect the presence of
 * overlapping hostnames" (`OverlappingTLSConfig`).
 */
function overlapsOf(own: ListenerState, all: readonly ListenerState[]): string[] {
  const isTls = ({ verdict }: ListenerState): boolean => verdict.kind === "accepted" && verdict.tls !== null;
  if (!isTls(own)) return [];
  const others = all.filter((other) => other !== own && other.spec.port === own.spec.port && isTls(other));
  return others
    .filter(
      ({ hostname }) =>
        own.hostname === null || hostname === null || intersectHostnames(own.hostname, [hostname]).length > 0,
    )
    .map(listenerName)
    .sort();
}
