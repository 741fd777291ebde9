/** The cross-field rules of filters, which are CEL in the CRDs; each cites the rule's message. */
import { show, type FieldPath, type Problem } from "../diagnostics/diagnostics.ts";
import { field } from "../kubernetes/kinds.ts";
import type {
  HTTPExternalAuthFilter,
  HTTPPathModifier,
  HTTPRequestMirrorFilter,
  HTTPRouteFilter,
} from "../kubernetes/objects.ts";
import { portRule, rule, unionRules } from "./rule.ts";

/** Filters that may stand once in a list. */
const ONCE: readonly HTTPRouteFilter["type"][] = [
  "CORS",
  "RequestHeaderModifier",
  "ResponseHeaderModifier",
  "RequestRedirect",
  "URLRewrite",
];

/** The rules that a list of filters breaks. `onePrefix`: the rule has exactly one match, of type PathPrefix. */
export function filterListRules(filters: readonly HTTPRouteFilter[], at: FieldPath, onePrefix: boolean): Problem[] {
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
