/** `HTTPRouteRule.filters` and `HTTPBackendRef.filters`: into the bundle's form, in the order they stand. */
import type {
  BundleAction,
  BundleCors,
  BundleExternalAuth,
  BundleFilter,
  BundleMirror,
  PathModifier,
} from "../../bundle/types.ts";
import { type BackendContext, type Reference, resolveReference, targetOf } from "../backends/backends.ts";
import { type Referrer } from "../references/grants.ts";
import { compareStrings, type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";
import { resolveFieldNames, resolveHeaderEdit } from "./header-edits.ts";
import { isIpAddress } from "../kubernetes/hostnames.ts";
import type {
  BackendObjectReference,
  HTTPCORSFilter,
  HTTPExternalAuthFilter,
  HTTPPathModifier,
  HTTPRequestMirrorFilter,
  HTTPRequestRedirectFilter,
  HTTPRouteFilter,
} from "../kubernetes/objects.ts";
import { FILTER_FIELDS, pathFault } from "../schema/route-rules.ts";

export type Redirect = Extract<BundleAction, { kind: "redirect" }>;

export interface FilterSet {
  readonly filters: readonly BundleFilter[];
  /** It answers in place of a backend, after the other filters. */
  readonly redirect: Redirect | null;
  /** Backends of mirrors and external auth. */
  readonly references: readonly Reference[];
  /** Any but a warning refuses the set: "the filter MUST NOT be skipped" (`HTTPRouteFilter.type`). */
  readonly problems: readonly Problem[];
}

export function resolveFilters(
  given: readonly HTTPRouteFilter[],
  referrer: Referrer,
  at: FieldPath,
  context: BackendContext,
): FilterSet {
  const filters: BundleFilter[] = [];
  const references: Reference[] = [];
  const problems: Problem[] = [];
  let redirect: Redirect | null = null;
  for (const [index, filter] of given.entries()) {
    const path = [...at, index, FILTER_FIELDS[filter.type]];
    const refer = (ref: BackendObjectReference): Reference => {
      const reference = resolveReference(ref, referrer, [...path, "backendRef"], context);
      references.push(reference);
      return reference;
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
        filters.push(resolveMirror(filter.requestMirror, refer(filter.requestMirror.backendRef)));
        break;
      case "CORS":
        filters.push(resolveCors(filter.cors, path, problems));
        break;
      case "ExternalAuth":
        filters.push(resolveExternalAuth(filter.externalAuth, refer(filter.externalAuth.backendRef), path, problems));
        break;
      case "ExtensionRef":
        // "If a reference to a custom filter type cannot be resolved, the filter MUST NOT be skipped."
        problems.push({
          code: "route-feature-unsupported",
          path,
          message: "lasthop has no filters of its own, so it answers 500 rather than skipping this one",
          expected: "a filter of the Gateway API",
          found: `${filter.extensionRef.group}/${filter.extensionRef.kind}`,
          remedy: "remove the filter",
        });
    }
  }
  return { filters, redirect, references, problems };
}

function resolveRedirect(filter: HTTPRequestRedirectFilter, at: FieldPath, problems: Problem[]): Redirect {
  const { scheme = null, port = null, statusCode } = filter;
  const { hostname, path } = resolveTarget(filter, at, problems);
  return { kind: "redirect", scheme, hostname, path, port, statusCode };
}

/** What rewrites and redirects replace. */
function resolveTarget(
  filter: { readonly hostname?: string; readonly path?: HTTPPathModifier },
  at: FieldPath,
  problems: Problem[],
): { hostname: string | null; path: PathModifier | null } {
  const { hostname = null, path: modifier } = filter;
  // PreciseHostname: "numeric IP addresses are not allowed"
  if (hostname !== null && isIpAddress(hostname))
    problems.push(unsupported([...at, "hostname"], "a hostname must not be an IP address", "a DNS name", hostname));
  if (modifier === undefined) return { hostname, path: null };
  const { type, replaceFullPath, replacePrefixMatch } = modifier;
  const value = (type === "ReplaceFullPath" ? replaceFullPath : replacePrefixMatch) ?? "";
  // The table of `HTTPPathModifier.replacePrefixMatch` has the empty string; a whole path is never empty.
  const fault = value === "" && type === "ReplacePrefixMatch" ? null : pathFault(value);
  if (fault !== null) {
    const name = type === "ReplaceFullPath" ? "replaceFullPath" : "replacePrefixMatch";
    problems.push(unsupported([...at, "path", name], fault, "an absolute path of plain segments", value));
  }
  return { hostname, path: { type, value } };
}

/** "If neither field is specified, 100% of requests will be mirrored." */
function resolveMirror({ percent, fraction }: HTTPRequestMirrorFilter, reference: Reference): BundleMirror {
  const { numerator, denominator } =
    fraction ?? (percent === undefined ? { numerator: 1, denominator: 1 } : { numerator: percent, denominator: 100 });
  return { kind: "mirror", target: targetOf(reference), numerator, denominator };
}

function resolveCors(filter: HTTPCORSFilter, at: FieldPath, problems: Problem[]): BundleCors {
  const origins = filter.allowOrigins ?? [];
  for (const [index, origin] of origins.entries()) {
    const port = /:(\d+)$/.exec(origin)?.[1];
    // "Valid values for port are any integer between 1 and 65535"
    if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
      problems.push(unsupported([...at, "allowOrigins", index], "there is no such port", "1 to 65535", origin));
  }
  return {
    kind: "cors",
    allowOrigins: [...new Set(origins.map(originOf))].sort(compareStrings),
    allowCredentials: filter.allowCredentials ?? false,
    allowMethods: [...(filter.allowMethods ?? [])].sort(compareStrings),
    allowHeaders: namesOf(filter.allowHeaders),
    exposeHeaders: namesOf(filter.exposeHeaders),
    maxAgeSeconds: filter.maxAge,
  };
}

/** As a browser writes it: lower case, without the port that its scheme has anyway (RFC 6454 §6.2). */
const originOf = (origin: string): string =>
  origin
    .toLowerCase()
    .replace(/^(http:.*):80$/, "$1")
    .replace(/^(https:.*):443$/, "$1");

const namesOf = (names: readonly string[] = []): string[] =>
  [...new Set(names.map((name) => name.toLowerCase()))].sort(compareStrings);

/** Listeners have it too. */
export function resolveExternalAuth(
  { protocol, http, forwardBody }: HTTPExternalAuthFilter,
  reference: Reference,
  at: FieldPath,
  problems: Problem[],
): BundleExternalAuth {
  if (protocol === "GRPC")
    problems.push(unsupported([...at, "protocol"], "lasthop does not speak ext_authz over gRPC", "HTTP", protocol));
  const path = http?.path ?? "";
  const fault = path === "" ? null : pathFault(path);
  if (fault !== null)
    problems.push(unsupported([...at, "http", "path"], fault, "an absolute path of plain segments", path));
  const copied = resolveFieldNames(
    http?.allowedResponseHeaders ?? [],
    [...at, "http", "allowedResponseHeaders"],
    problems,
  );
  return {
    kind: "external-auth",
    target: targetOf(reference),
    // The request's own path follows, with its slash.
    pathPrefix: path.replace(/\/$/, ""),
    requestHeaders: resolveFieldNames(
      http?.allowedHeaders ?? [],
      [...at, "http", "allowedHeaders"],
      problems,
      ALWAYS_SENT,
    ),
    // "If this list is empty, then all headers from the authorization server except Authority or Host must be copied."
    responseHeaders: copied.length === 0 ? null : copied,
    maxBodyBytes: forwardBody?.maxSize ?? 0,
  };
}

/** "The following headers must always be sent to the authorization server, regardless of this setting" */
const ALWAYS_SENT = ["authorization", "content-length", "host"];

const unsupported = (path: FieldPath, message: string, expected: string, found: string): Problem => ({
  code: "route-feature-unsupported",
  path,
  message,
  expected,
  found: show(found),
  remedy: `write ${expected}`,
});
