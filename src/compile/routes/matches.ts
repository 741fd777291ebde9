/** `HTTPRouteRule.matches`: into the bundle's form, and their precedence. Pure. */
import { repeatedName } from "../filters/header-edits.ts";
import { RE2JS } from "re2js";
import type { BundleMatch, PathMatch, ValueMatch } from "../../bundle/types.ts";
import { compareStrings, type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";
import type { HTTPRouteMatch, MatchValue } from "../kubernetes/objects.ts";

/** The match, or what of it lasthop cannot do; warnings may come with either. */
export function resolveMatch(match: HTTPRouteMatch, at: FieldPath): { match: BundleMatch | null; problems: Problem[] } {
  const problems: Problem[] = [];
  const expressions: [value: string, path: FieldPath][] = [];
  if (match.path.type === "RegularExpression") expressions.push([match.path.value, [...at, "path", "value"]]);
  for (const list of ["headers", "queryParams"] as const) {
    for (const [index, { type, value }] of (match[list] ?? []).entries()) {
      if (type === "RegularExpression") expressions.push([value, [...at, list, index, "value"]]);
    }
  }
  for (const [value, path] of expressions) {
    const fault = regexFault(value);
    if (fault !== null)
      problems.push({
        code: "route-feature-unsupported",
        path,
        message: `not a regular expression of RE2: ${fault}`,
        expected: "RE2 syntax (https://github.com/google/re2/wiki/Syntax), which runs in linear time",
        found: show(value),
        remedy: "rewrite it without look-around and back-references",
      });
  }
  const headers = distinct(match.headers ?? [], (name) => name.toLowerCase(), [...at, "headers"], problems);
  const queryParams = distinct(match.queryParams ?? [], (name) => name, [...at, "queryParams"], problems);
  const refused = problems.some(({ severity }) => severity !== "warning");
  return {
    problems,
    match: refused ? null : { path: pathOf(match.path), method: match.method ?? null, headers, queryParams },
  };
}

const MAX_FAULT = 160;
const bounded = (message: string): string =>
  message.length <= MAX_FAULT ? message : `${message.slice(0, MAX_FAULT)}…`;

/** RE2JS compiles each distinct expression once. */
const faults = new Map<string, string | null>();
const MAX_FAULTS = 10_000;

function regexFault(value: string): string | null {
  const known = faults.get(value);
  if (known !== undefined) return known;
  let fault: string | null = null;
  try {
    RE2JS.compile(value);
  } catch (error) {
    fault = error instanceof Error ? bounded(error.message) : "it does not compile";
  }
  if (faults.size >= MAX_FAULTS) faults.clear();
  faults.set(value, fault);
  return fault;
}

/** `/foo` and `/foo/` are one prefix (`PathMatchPathPrefix`). */
function pathOf({ type, value }: HTTPRouteMatch["path"]): PathMatch {
  return { type, value: type === "PathPrefix" && value.length > 1 ? value.replace(/\/+$/, "") || "/" : value };
}

/** "Only the first entry with an equivalent name MUST be considered" (`HTTPHeaderMatch.name`). */
function distinct(
  values: readonly MatchValue[],
  normalize: (name: string) => string,
  at: FieldPath,
  problems: Problem[],
): ValueMatch[] {
  const first = new Map<string, ValueMatch>();
  for (const [index, { type, name, value }] of values.entries()) {
    const key = normalize(name);
    if (first.has(key)) problems.push(repeatedName([...at, index, "name"], name));
    else first.set(key, { type, name: key, value });
  }
  return [...first].sort(([a], [b]) => compareStrings(a, b)).map(([, value]) => value);
}

/**
 * Negative when `a` takes precedence (`HTTPRouteRule.matches`): exact path, longest path, a method, most headers, most
 * query parameters. The spec leaves regular expressions open: they rank with prefixes, by length.
 */
export function compareMatches(a: BundleMatch, b: BundleMatch): number {
  const exact = Number(b.path.type === "Exact") - Number(a.path.type === "Exact");
  if (exact !== 0) return exact;
  if (a.path.type !== "Exact" && a.path.value.length !== b.path.value.length)
    return b.path.value.length - a.path.value.length;
  const method = Number(b.method !== null) - Number(a.method !== null);
  if (method !== 0) return method;
  return b.headers.length - a.headers.length || b.queryParams.length - a.queryParams.length;
}
