/** `HTTPRouteRule.filters` and `HTTPBackendRef.filters` in the form of the bundle, in their order. */
import type { BundleAction, BundleCors, BundleFilter, BundleMirror, PathModifier } from "../../bundle/types.ts";
import { type BackendContext, type ResolvedBackendRef, resolveBackendRef, targetOf } from "../backends/backends.ts";
import type { Referrer } from "../references/grants.ts";
import { compareStrings, type FieldPath, type Problem } from "../diagnostics/diagnostics.ts";
import { resolveExternalAuth } from "./external-auth.ts";
import { resolveHeaderEdit } from "./header-edits.ts";
import { customFilter, unsupportedFilterValue } from "./problems.ts";
import { isIpAddress } from "../kubernetes/hostnames.ts";
import type {
  BackendObjectReference,
  HTTPCORSFilter,
  HTTPPathModifier,
  HTTPRequestMirrorFilter,
  HTTPRequestRedirectFilter,
  HTTPRouteFilter,
} from "../kubernetes/objects.ts";
import { FILTER_FIELDS } from "../schema/filter-rules.ts";
import { pathFault } from "../schema/route-rules.ts";

/** The answer of a RequestRedirect filter. */
type Redirect = Extract<BundleAction, { kind: "redirect" }>;

/** The filters of one rule or backendRef. */
export interface FilterSet {
  readonly filters: readonly BundleFilter[];
  /** The redirect that is answered in place of a backend, after the other filters; null: there is none. */
  readonly redirect: Redirect | null;
  /** The backendRefs of mirrors and of external auth. */
  readonly backendRefs: readonly ResolvedBackendRef[];
  /**
   * Problems of the filters: unless all are warnings, the rule or backendRef is refused: "the filter MUST NOT be
   * skipped" (`HTTPRouteFilter.type`).
   */
  readonly problems: readonly Problem[];
}

/** Resolves the list of filters that stands at the path `at`. */
export function resolveFilters(
  given: readonly HTTPRouteFilter[],
  referrer: Referrer,
  at: FieldPath,
  context: BackendContext,
): FilterSet {
  const filters: BundleFilter[] = [];
  const backendRefs: ResolvedBackendRef[] = [];
  const problems: Problem[] = [];
  let redirect: Redirect | null = null;
  for (const [index, filter] of given.entries()) {
    const path = [...at, index, FILTER_FIELDS[filter.type]];
    const resolveRef = (ref: BackendObjectReference): ResolvedBackendRef => {
      const resolved = resolveBackendRef(ref, referrer, [...path, "backendRef"], context);
      backendRefs.push(resolved);
      return resolved;
    };
    switch (filter.type) {
      case "RequestHeaderModifier":
        filters.push({
          kind: "request-headers",
          edit: resolveHeaderEdit(filter.requestHeaderModifier, path, problems),
        });
        break;
      case "ResponseHeaderModifier":
        filters.push({
          kind: "response-headers",
          edit: resolveHeaderEdit(filter.responseHeaderModifier, path, problems),
        });
        break;
      case "URLRewrite":
        filters.push({ kind: "rewrite", ...resolveTarget(filter.urlRewrite, path, problems) });
        break;
      case "RequestRedirect":
        redirect = resolveRedirect(filter.requestRedirect, path, problems);
        break;
      case "RequestMirror":
        filters.push(resolveMirror(filter.requestMirror, resolveRef(filter.requestMirror.backendRef)));
        break;
      case "CORS":
        filters.push(resolveCors(filter.cors, path, problems));
        break;
      case "ExternalAuth":
        filters.push(
          resolveExternalAuth(filter.externalAuth, resolveRef(filter.externalAuth.backendRef), path, problems),
        );
        break;
      case "ExtensionRef":
        problems.push(customFilter(path, filter.extensionRef));
    }
  }
  return { filters, redirect, backendRefs, problems };
}

function resolveRedirect(filter: HTTPRequestRedirectFilter, at: FieldPath, problems: Problem[]): Redirect {
  const { scheme = null, port = null, statusCode } = filter;
  const { hostname, path } = resolveTarget(filter, at, problems);
  return { kind: "redirect", scheme, hostname, path, port, statusCode };
}

/** The hostname and path that a rewrite or redirect puts in place of the request's. */
function resolveTarget(
  filter: { readonly hostname?: string; readonly path?: HTTPPathModifier },
  at: FieldPath,
  problems: Problem[],
): { hostname: string | null; path: PathModifier | null } {
  const { hostname = null, path: modifier } = filter;
  // PreciseHostname: "numeric IP addresses are not allowed"
  if (hostname !== null && isIpAddress(hostname))
    problems.push(
      unsupportedFilterValue([...at, "hostname"], "a hostname must not be an IP address", "a DNS name", hostname),
    );
  if (modifier === undefined) return { hostname, path: null };
  const { type, replaceFullPath, replacePrefixMatch } = modifier;
  const value = (type === "ReplaceFullPath" ? replaceFullPath : replacePrefixMatch) ?? "";
  // `HTTPPathModifier.replacePrefixMatch` may be the empty string; a full path is never empty.
  const fault = value === "" && type === "ReplacePrefixMatch" ? null : pathFault(value);
  if (fault !== null) {
    const name = type === "ReplaceFullPath" ? "replaceFullPath" : "replacePrefixMatch";
    problems.push(unsupportedFilterValue([...at, "path", name], fault, "an absolute path of plain segments", value));
  }
  return { hostname, path: { type, value } };
}

/**
 * A RequestMirror filter in the form of the bundle. "If neither field is specified, 100% of requests will be mirrored."
 */
function resolveMirror({ percent, fraction }: HTTPRequestMirrorFilter, backendRef: ResolvedBackendRef): BundleMirror {
  const { numerator, denominator } =
    fraction ?? (percent === undefined ? { numerator: 1, denominator: 1 } : { numerator: percent, denominator: 100 });
  return { kind: "mirror", target: targetOf(backendRef), numerator, denominator };
}

function resolveCors(filter: HTTPCORSFilter, at: FieldPath, problems: Problem[]): BundleCors {
  const origins = filter.allowOrigins ?? [];
  for (const [index, origin] of origins.entries()) {
    const port = /:(\d+)$/.exec(origin)?.[1];
    // "Valid values for port are any integer between 1 and 65535"
    if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
      problems.push(
        unsupportedFilterValue([...at, "allowOrigins", index], "there is no such port", "1 to 65535", origin),
      );
  }
  return {
    kind: "cors",
    allowOrigins: [...new Set(origins.map(originOf))].sort(compareStrings),
    allowCredentials: filter.allowCredentials ?? false,
    allowMethods: [...(filter.allowMethods ?? [])].sort(compareStrings),
    allowHeaders: lowerCaseNames(filter.allowHeaders),
    exposeHeaders: lowerCaseNames(filter.exposeHeaders),
    maxAgeSeconds: filter.maxAge,
  };
}

/** An origin as browsers write it: in lower case, without the default port of its scheme (RFC 6454 §6.2). */
const originOf = (origin: string): string =>
  origin
    .toLowerCase()
    .replace(/^(http:.*):80$/, "$1")
    .replace(/^(https:.*):443$/, "$1");

const lowerCaseNames = (names: readonly string[] = []): string[] =>
  [...new Set(names.map((name) => name.toLowerCase()))].sort(compareStrings);
