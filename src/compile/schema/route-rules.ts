/** The cross-field rules of HTTPRoutes, which are CEL in their CRD; each cites the rule's message. */
import { show, type FieldPath, type Problem } from "../diagnostics/diagnostics.ts";
import { parseDuration } from "../kubernetes/durations.ts";
import type {
  BackendObjectReference,
  HTTPExternalAuthFilter,
  HTTPPathModifier,
  HTTPRequestMirrorFilter,
  HTTPRoute,
  HTTPRouteFilter,
  HTTPRouteRule,
  SessionPersistence,
} from "../kubernetes/objects.ts";
import { distinctRefs, rule } from "./rule.ts";
import { field } from "../kubernetes/kinds.ts";

const MAX_MATCHES = 128;

/** The rules that an HTTPRoute breaks. */
export function routeRules({ spec }: HTTPRoute): Problem[] {
  const problems: Problem[] = [];
  const names = new Set<string>();
  let matches = 0;
  for (const [index, own] of spec.rules.entries()) {
    const at = ["spec", "rules", index];
    // "Rule name must be unique within the route"
    if (own.name !== undefined && names.has(own.name))
      problems.push(
        rule([...at, "name"], "rule name must be unique within the route", "rename one of the rules", show(own.name)),
      );
    if (own.name !== undefined) names.add(own.name);
    matches += own.matches.length;
    problems.push(...ruleRules(own, at));
  }
  // "the total number of matches across all rules in a route must be less than 128"
  if (matches > MAX_MATCHES)
    problems.push(
      rule(["spec", "rules"], `a route has at most ${MAX_MATCHES} matches`, "split the route", String(matches)),
    );
  const parents = (spec.parentRefs ?? []).map((ref) => ({
    ...ref,
    section: `${ref.sectionName ?? ""}:${ref.port ?? ""}`,
    shape: `${ref.sectionName === undefined} ${ref.port === undefined}`,
  }));
  problems.push(...distinctRefs(["spec", "parentRefs"], parents));
  return problems;
}

function ruleRules(own: HTTPRouteRule, at: FieldPath): Problem[] {
  const problems: Problem[] = [];
  for (const [index, { path }] of own.matches.entries()) {
    const fault = path.type === "RegularExpression" ? null : pathFault(path.value);
    if (fault !== null)
      problems.push(
        rule(
          [...at, "matches", index, "path", "value"],
          fault,
          "write an absolute path of plain segments",
          show(path.value),
        ),
      );
  }
  const [match] = own.matches;
  const onePrefix = own.matches.length === 1 && match?.path.type === "PathPrefix";
  problems.push(...filterListRules(own.filters ?? [], [...at, "filters"], onePrefix));
  const refs = own.backendRefs ?? [];
  for (const [index, ref] of refs.entries()) {
    const path = [...at, "backendRefs", index];
    problems.push(...portRule(ref, path), ...filterListRules(ref.filters ?? [], [...path, "filters"], onePrefix));
  }
  // "RequestRedirect filter must not be used together with backendRefs"
  if (refs.length > 0 && own.filters?.some(({ type }) => type === "RequestRedirect") === true)
    problems.push(
      rule(
        [...at, "backendRefs"],
        "RequestRedirect filter must not be used together with backendRefs",
        "remove the backendRefs, or the filter",
      ),
    );
  problems.push(...persistenceRules(own.sessionPersistence, [...at, "sessionPersistence"]));
  const { request, backendRequest } = own.timeouts ?? {};
  const [wholeMs, backendMs] = [parseDuration(request), parseDuration(backendRequest)];
  // "backendRequest timeout cannot be longer than request timeout"
  if (wholeMs !== null && wholeMs > 0 && backendMs !== null && backendMs > wholeMs)
    problems.push(
      rule(
        [...at, "timeouts", "backendRequest"],
        "backendRequest timeout cannot be longer than request timeout",
        "shorten it, or lengthen request",
        show(backendRequest),
      ),
    );
  return problems;
}

function persistenceRules(own: SessionPersistence | undefined, at: FieldPath): Problem[] {
  if (own === undefined) return [];
  // "cookie must be specified for Cookie type", "cookie must be nil if type is not Cookie", and so on
  const problems = unionRules(
    { field: "type", chosen: own.type, members: { Cookie: own.cookie, Header: own.header } },
    at,
  );
  // "AbsoluteTimeout must be specified when cookie lifetimeType is Permanent"
  if (own.cookie?.lifetimeType === "Permanent" && own.absoluteTimeout === undefined)
    problems.push(
      rule(
        [...at, "absoluteTimeout"],
        "a cookie of lifetimeType Permanent needs absoluteTimeout",
        "add absoluteTimeout",
      ),
    );
  return problems;
}

/** Filters that may stand once in a list. */
const ONCE: readonly HTTPRouteFilter["type"][] = [
  "CORS",
  "RequestHeaderModifier",
  "ResponseHeaderModifier",
  "RequestRedirect",
  "URLRewrite",
];

function filterListRules(filters: readonly HTTPRouteFilter[], at: FieldPath, onePrefix: boolean): Problem[] {
  const problems = filters.flatMap((filter, index) => filterRules(filter, [...at, index], onePrefix));
  const types = filters.map(({ type }) => type);
  // "May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both"
  if (types.includes("RequestRedirect") && types.includes("URLRewrite"))
    problems.push(incompatible(at, "RequestRedirect and URLRewrite exclude each other"));
  // "… filter cannot be repeated"
  for (const type of ONCE)
    if (types.indexOf(type) !== types.lastIndexOf(type))
      problems.push(incompatible([...at, types.lastIndexOf(type), "type"], `${type} filter cannot be repeated`));
  return problems;
}

/** A list of filters that exclude each other. The code leads to `RouteReasonIncompatibleFilters`. */
const incompatible = (path: FieldPath, message: string): Problem => ({
  ...rule(path, message, "remove one of the filters"),
  code: "route-filters-incompatible",
});

/** The field that belongs to each type of filter; a filter has no other. */
export const FILTER_FIELDS: Readonly<Record<HTTPRouteFilter["type"], string>> = {
  CORS: "cors",
  RequestHeaderModifier: "requestHeaderModifier",
  ResponseHeaderModifier: "responseHeaderModifier",
  RequestMirror: "requestMirror",
  RequestRedirect: "requestRedirect",
  URLRewrite: "urlRewrite",
  ExternalAuth: "externalAuth",
  ExtensionRef: "extensionRef",
};

function filterRules(filter: HTTPRouteFilter, at: FieldPath, onePrefix: boolean): Problem[] {
  const { type } = filter;
  const own = FILTER_FIELDS[type];
  const problems: Problem[] = [];
  for (const name of Object.values(FILTER_FIELDS)) {
    const there = field(filter, name) !== undefined;
    // "filter.… must be specified for … filter.type", "filter.… must be nil if the filter.type is not …"
    if (there !== (name === own))
      problems.push(
        rule(
          [...at, name],
          there ? `${name} must not be there for a filter of type ${type}` : `a filter of type ${type} needs ${name}`,
          there ? `remove ${name}, or correct type` : `add ${name}`,
        ),
      );
  }
  if (problems.length > 0) return problems;
  switch (filter.type) {
    case "RequestRedirect":
      return modifierRules(filter.requestRedirect.path, [...at, own, "path"], onePrefix);
    case "URLRewrite":
      return modifierRules(filter.urlRewrite.path, [...at, own, "path"], onePrefix);
    case "RequestMirror":
      return mirrorRules(filter.requestMirror, [...at, own]);
    case "ExternalAuth":
      return authRules(filter.externalAuth, [...at, own]);
    case "CORS":
      // "AllowOrigins cannot contain '*' alongside other origins", and so on
      return (["allowOrigins", "allowMethods", "allowHeaders"] as const).flatMap((name) => {
        const values = filter.cors[name] ?? [];
        return values.length > 1 && values.includes("*")
          ? [rule([...at, own, name], `${name} cannot contain '*' alongside others`, "keep '*' alone, or remove it")]
          : [];
      });
    case "RequestHeaderModifier":
    case "ResponseHeaderModifier":
    case "ExtensionRef":
      return [];
  }
}

function modifierRules(modifier: HTTPPathModifier | undefined, at: FieldPath, onePrefix: boolean): Problem[] {
  if (modifier === undefined) return [];
  const [own, other] =
    modifier.type === "ReplaceFullPath"
      ? (["replaceFullPath", "replacePrefixMatch"] as const)
      : (["replacePrefixMatch", "replaceFullPath"] as const);
  const problems: Problem[] = [];
  // "replaceFullPath must be specified when type is set to 'ReplaceFullPath'", and so on
  if (modifier[own] === undefined)
    problems.push(rule([...at, own], `type ${modifier.type} needs ${own}`, `add ${own}`));
  if (modifier[other] !== undefined)
    problems.push(rule([...at, other], `type ${modifier.type} takes no ${other}`, `remove ${other}, or correct type`));
  // "When using … filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified"
  if (problems.length === 0 && modifier.type === "ReplacePrefixMatch" && !onePrefix)
    problems.push(
      rule(
        [...at, "type"],
        "with replacePrefixMatch, the rule must have exactly one match, of type PathPrefix",
        "split the rule, or use ReplaceFullPath",
        show(modifier.type),
      ),
    );
  return problems;
}

function mirrorRules(mirror: HTTPRequestMirrorFilter, at: FieldPath): Problem[] {
  const { percent, fraction, backendRef } = mirror;
  const problems = portRule(backendRef, [...at, "backendRef"]);
  // "Only one of percent or fraction may be specified in HTTPRequestMirrorFilter"
  if (percent !== undefined && fraction !== undefined)
    problems.push(rule(at, "only one of percent or fraction may be specified", "remove one of the two"));
  // "numerator must be less than or equal to denominator"
  if (fraction !== undefined && fraction.numerator > fraction.denominator)
    problems.push(
      rule(
        [...at, "fraction"],
        "numerator must be less than or equal to denominator",
        "lower numerator",
        `${fraction.numerator}/${fraction.denominator}`,
      ),
    );
  return problems;
}

/** The rules that an ExternalAuth filter breaks, of a route or of a listener. */
export function authRules(auth: HTTPExternalAuthFilter, at: FieldPath): Problem[] {
  const problems = portRule(auth.backendRef, [...at, "backendRef"]);
  // "grpc must be specified when protocol is set to 'GRPC'", "protocol must be 'GRPC' when grpc is set", and so on
  const members = { GRPC: auth.grpc, HTTP: auth.http };
  problems.push(...unionRules({ field: "protocol", chosen: auth.protocol, members, hint: ", which may be {}" }, at));
  return problems;
}

interface Union {
  /** The field that chooses a member. */
  readonly field: string;
  readonly chosen: string | undefined;
  /** The members by choice; a member has the name of its choice in lower case. */
  readonly members: Readonly<Record<string, unknown>>;
  /** Added to the remedy for a member that is missing. */
  readonly hint?: string;
}

/** The rules of a union: the member that is chosen must be present, and no other. */
function unionRules({ field, chosen, members, hint = "" }: Union, at: FieldPath): Problem[] {
  const problems: Problem[] = [];
  for (const [choice, member] of Object.entries(members)) {
    const name = choice.toLowerCase();
    if ((chosen === choice) === (member !== undefined)) continue;
    problems.push(
      member === undefined
        ? rule([...at, name], `${field} ${choice} needs ${name}`, `add ${name}${hint}`)
        : rule([...at, name], `${name} is for ${field} ${choice} alone`, `remove ${name}, or correct ${field}`),
    );
  }
  return problems;
}

/** "Must have port for Service reference", "Must not have port for Backend reference" */
function portRule({ group, kind, port }: BackendObjectReference, at: FieldPath): Problem[] {
  if (group === "" && kind === "Service" && port === undefined)
    return [rule([...at, "port"], "a Service reference must have a port", "add the Service's port")];
  return group === "gateway.networking.x-k8s.io" && kind === "XBackend" && port !== undefined
    ? [rule([...at, "port"], "a Backend reference must not have a port", "remove port")]
    : [];
}

/** What is wrong with a path of type Exact or PathPrefix by the rules of `HTTPPathMatch`; null: nothing. */
export function pathFault(value: string): string | null {
  if (!value.startsWith("/")) return "value must be an absolute path and start with '/'";
  for (const part of ["//", "/./", "/../", "%2f", "%2F", "#"])
    if (value.includes(part)) return `must not contain '${part}'`;
  for (const end of ["/..", "/."]) if (value.endsWith(end)) return `must not end with '${end}'`;
  if (!/^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$/.test(value))
    return "must only contain valid path characters";
  return null;
}
