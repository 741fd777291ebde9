/** The cross-field rules of HTTPRoutes, which are CEL in their CRD; each cites the rule's message. */
import { show, type FieldPath, type Problem } from "../diagnostics/diagnostics.ts";
import { parseDuration } from "../kubernetes/durations.ts";
import type { HTTPRoute, HTTPRouteRule, SessionPersistence } from "../kubernetes/objects.ts";
import { filterListRules } from "./filter-rules.ts";
import { distinctRefs, portRule, rule, unionRules } from "./rule.ts";

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
