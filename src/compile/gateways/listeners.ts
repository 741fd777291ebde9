/** Listeners of a Gateway and of the ListenerSets attached to it, merged: what each can serve, or why it cannot. */
import type { BundleExternalAuth, NamespacedName } from "../../bundle/types.ts";
import { type BackendContext, type Reference, resolveReference } from "../backends/backends.ts";
import { remarksOf, warningOf } from "../references/certificate-facts.ts";
import { type Certificate, type CertificateContext, resolveCertificate } from "../references/certificates.ts";
import type { ClientValidation, ValidationByPort } from "./client-validation.ts";
import type { ConflictReason, ListenerReason } from "../diagnostics/conditions.ts";
import {
  type Diagnostics,
  explain,
  type FieldPath,
  type Problem,
  show,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import { resolveExternalAuth } from "../filters/filters.ts";
import { intersectHostnames, isIpAddress } from "../kubernetes/hostnames.ts";
import { conflictOf } from "./conflicts.ts";
import { GATEWAY_GROUP } from "../kubernetes/names.ts";
import { selectorFault } from "../references/namespaces.ts";
import type { Gateway, Listener, ListenerSet } from "../kubernetes/objects.ts";
import type { Unresolved } from "../policies/effect.ts";

/** The object that a listener stands in. */
export interface ListenerOwner {
  readonly kind: "Gateway" | "ListenerSet";
  readonly name: NamespacedName;
  readonly namespace: string;
  readonly object: SourceObject<Gateway | ListenerSet>;
}

/** Null exactly for HTTP. */
export interface ListenerTls {
  readonly certificates: readonly Certificate[];
  readonly clientValidation: Exclude<ClientValidation, { kind: "refused" }>;
}

export type ListenerVerdict =
  | { readonly kind: "accepted"; readonly tls: ListenerTls | null }
  | { readonly kind: "refused"; readonly reason: ListenerReason; readonly message: string }
  | { readonly kind: "conflicted"; readonly reason: ConflictReason; readonly message: string };

export interface ListenerState {
  readonly owner: ListenerOwner;
  readonly spec: Listener;
  /** In its owner's `spec.listeners`. */
  readonly index: number;
  /** Lower case; null: every host. */
  readonly hostname: string | null;
  readonly verdict: ListenerVerdict;
  readonly takesHttpRoutes: boolean;
  /** Why `ResolvedRefs` is False; empty: it is True. */
  readonly unresolved: readonly Unresolved[];
  readonly filters: readonly BundleExternalAuth[];
  /** Backends of the filters. */
  readonly references: readonly Reference[];
  /** HTTPS listeners of the port that serve a hostname of this one too (`OverlappingTLSConfig`). */
  readonly overlaps: readonly string[];
}

export interface ListenerContext extends BackendContext, CertificateContext {
  readonly validationByPort: ValidationByPort;
}

/** `owners` in order of precedence: the Gateway, then ListenerSets, the oldest first (`ListenerSetSpec.listeners`). */
export function resolveListeners(
  owners: readonly ListenerOwner[],
  context: ListenerContext,
  diagnostics: Diagnostics,
): ListenerState[] {
  const all = owners.flatMap((owner) =>
    owner.object.value.spec.listeners.map((spec, index) => ({ owner, spec, index })),
  );
  const states = all.map((placed) => {
    const { owner, spec, index } = placed;
    const resolved = resolveListener(owner, spec, ["spec", "listeners", index], context, diagnostics);
    const conflict = conflictOf(placed, all);
    const hostname = spec.hostname?.toLowerCase() ?? null;
    const state: ListenerState = { ...placed, ...resolved, hostname, overlaps: [] };
    if (conflict === null) return state;
    diagnostics.report(owner.object, {
      code: "listener-conflict",
      path: ["spec", "listeners", index, conflict.reason === "HostnameConflict" ? "hostname" : "protocol"],
      message: conflict.message,
      expected: "a port, protocol and hostname of its own",
      remedy: "change one of the listeners; none is served but that of the parent, or of the older ListenerSet",
    });
    return { ...state, verdict: { kind: "conflicted" as const, ...conflict } };
  });
  return states.map((state) => ({ ...state, overlaps: overlapsOf(state, states) }));
}

/** `ListenerSetSpec.listeners` need no name of their own in the Gateway. */
export const listenerName = ({ owner, spec }: Pick<ListenerState, "owner" | "spec">): string =>
  owner.kind === "Gateway" ? spec.name : `${owner.name}/${spec.name}`;

type Resolved = Pick<ListenerState, "verdict" | "takesHttpRoutes" | "unresolved" | "filters" | "references">;

function resolveListener(
  owner: ListenerOwner,
  spec: Listener,
  at: FieldPath,
  context: ListenerContext,
  diagnostics: Diagnostics,
): Resolved {
  const report = (problem: Problem): string => {
    diagnostics.report(owner.object, problem);
    return explain(owner.object, problem);
  };
  const unresolved: Unresolved[] = [];
  const kinds = routeKinds(spec, at);
  const refusal = refuseListener(spec, at);
  let verdict: ListenerVerdict =
    refusal === null
      ? { kind: "accepted", tls: null }
      : { kind: "refused", reason: refusal.reason, message: report(refusal.problem) };
  if (refusal === null && spec.protocol === "HTTPS") verdict = resolveTls(owner, spec, at, context, report, unresolved);
  const filters = resolveFilters(owner, spec, at, context, report, unresolved);
  // "If a filter is unsupported …, the listener MUST be rejected via status (`Accepted=False`, `Reason=UnsupportedValue`)"
  if (filters.refusal !== null && verdict.kind === "accepted")
    verdict = { kind: "refused", reason: "UnsupportedValue", message: filters.refusal };
  if (kinds.problem !== null) unresolved.push({ reason: "InvalidRouteKinds", message: report(kinds.problem) });
  return { verdict, takesHttpRoutes: kinds.takesHttpRoutes, unresolved, ...filters };
}

/** What a listener cannot be, whatever it refers to. */
function refuseListener(spec: Listener, at: FieldPath): { reason: ListenerReason; problem: Problem } | null {
  const { protocol, hostname, allowedRoutes, tls } = spec;
  if (protocol !== "HTTP" && protocol !== "HTTPS") {
    const known = ["TLS", "TCP", "UDP"].includes(protocol);
    return {
      reason: "UnsupportedProtocol",
      problem: {
        code: "listener-protocol",
        path: [...at, "protocol"],
        message: known ? `lasthop does not serve ${protocol} listeners yet` : "no protocol that lasthop knows",
        expected: "HTTP or HTTPS",
        found: show(protocol),
        remedy: "use protocol HTTP or HTTPS",
      },
    };
  }
  const unsupported = (problem: Omit<Problem, "code">): { reason: ListenerReason; problem: Problem } => ({
    reason: "UnsupportedValue",
    problem: { code: "listener-feature-unsupported", ...problem },
  });
  if (hostname !== undefined && isIpAddress(hostname))
    return {
      reason: "UnsupportedValue",
      problem: {
        code: "listener-hostname",
        path: [...at, "hostname"],
        message: "a hostname must not be an IP address",
        expected: "a DNS name",
        found: show(hostname),
        remedy: "use a DNS name, or no hostname",
      },
    };
  const selector = selectorFault(allowedRoutes.namespaces);
  if (selector !== null)
    return unsupported({
      path: [...at, "allowedRoutes", "namespaces", "selector"],
      message: selector,
      expected: "a label selector",
      remedy: "correct the selector",
    });
  if (protocol === "HTTP") return null;
  const [option] = Object.keys(tls?.options ?? {}).sort();
  if (option !== undefined)
    return unsupported({
      path: [...at, "tls", "options", option],
      message: "lasthop has no TLS options for listeners, and ignores none",
      expected: "no options",
      found: show(option),
      remedy: "remove the option",
    });
  if ((tls?.certificateRefs ?? []).length === 0)
    return unsupported({
      path: tls === undefined ? at : [...at, "tls"],
      message: "an HTTPS listener needs a certificate",
      expected: "certificateRefs with a Secret of type kubernetes.io/tls",
      remedy: "add tls.certificateRefs",
    });
  return null;
}

/** One valid certificate of several is served; without any the listener has nothing to show. */
function resolveTls(
  owner: ListenerOwner,
  { tls, port, hostname }: Listener,
  at: FieldPath,
  context: ListenerContext,
  report: (problem: Problem) => string,
  unresolved: Unresolved[],
): ListenerVerdict {
  const certificates = new Map<string, Certificate>();
  const faults: { reason: "RefNotPermitted" | "InvalidCertificateRef"; message: string }[] = [];
  for (const [index, ref] of (tls?.certificateRefs ?? []).entries()) {
    const path = [...at, "tls", "certificateRefs", index];
    const result = resolveCertificate(ref, owner, path, "listener-certificates", context);
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
    const message = clientValidation.unresolved.map((own) => own.message).join("; ");
    return { kind: "refused", reason: "NoValidCACertificate", message };
  }
  return { kind: "accepted", tls: { certificates: [...certificates.values()], clientValidation } };
}

/** `ListenerFilters.requests`: in their order, none skipped. */
function resolveFilters(
  owner: ListenerOwner,
  { filters: given }: Listener,
  at: FieldPath,
  context: BackendContext,
  report: (problem: Problem) => string,
  unresolved: Unresolved[],
): Pick<Resolved, "filters" | "references"> & { readonly refusal: string | null } {
  const filters: BundleExternalAuth[] = [];
  const references: Reference[] = [];
  const problems: Problem[] = [];
  for (const [index, filter] of (given?.requests ?? []).entries()) {
    const path = [...at, "filters", "requests", index];
    if (filter.type === "ExtensionRef") {
      problems.push({
        code: "listener-feature-unsupported",
        path: [...path, "extensionRef"],
        message: "lasthop has no filters of its own, so it refuses the listener rather than skipping this one",
        expected: "ExternalAuth",
        found: `${filter.extensionRef.group}/${filter.extensionRef.kind}`,
        remedy: "remove the filter",
      });
      continue;
    }
    const to = [...path, "externalAuth"];
    const reference = resolveReference(filter.externalAuth.backendRef, owner, [...to, "backendRef"], context);
    references.push(reference);
    filters.push(resolveExternalAuth(filter.externalAuth, reference, to, problems));
    const { problem } = reference.state;
    if (problem !== null) {
      // GEP-5224: RefNotPermitted for want of a ReferenceGrant, else `InvalidListenerFilterRef`.
      const reason = problem.reason === "RefNotPermitted" ? problem.reason : "InvalidListenerFilterRef";
      unresolved.push({ reason, message: report(problem) });
    }
  }
  const messages = problems.map(report);
  return { filters, references, refusal: messages.length === 0 ? null : messages.join("; ") };
}

/** `RouteGroupKind`s of a listener: HTTP and HTTPS serve HTTPRoute; no other listener serves anything yet. */
function routeKinds(
  { protocol, allowedRoutes }: Listener,
  at: FieldPath,
): { takesHttpRoutes: boolean; problem: Problem | null } {
  const http = protocol === "HTTP" || protocol === "HTTPS";
  const { kinds = [] } = allowedRoutes;
  if (kinds.length === 0) return { takesHttpRoutes: http, problem: null };
  const isHttpRoute = ({ group, kind }: { group: string; kind: string }): boolean =>
    http && group === GATEWAY_GROUP && kind === "HTTPRoute";
  const invalid = kinds.filter((kind) => !isHttpRoute(kind)).map(({ group, kind }) => `${group}/${kind}`);
  const problem: Problem | null =
    invalid.length === 0
      ? null
      : {
          code: "listener-route-kinds",
          path: [...at, "allowedRoutes", "kinds"],
          message: http ? "lasthop serves HTTPRoute alone" : `lasthop serves no routes on ${protocol} listeners`,
          expected: http ? `${GATEWAY_GROUP}/HTTPRoute` : "no kinds",
          found: invalid.sort().join(", "),
          remedy: "remove the kind",
        };
  return { takesHttpRoutes: kinds.some(isHttpRoute), problem };
}

/** "Controllers MUST detect the presence of overlapping hostnames" (`OverlappingTLSConfig`). */
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
