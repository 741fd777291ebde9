/** `HTTPRouteRule.matches` in the form of the bundle, and their precedence. */
import { repeatedName } from "../filters/problems.ts";
import { RE2JS } from "re2js";
import type { BundleMatch, PathMatch, ValueMatch } from "../../bundle/types.ts";
import { compareStrings, type FieldPath, type Problem } from "../diagnostics/diagnostics.ts";
import type { HTTPRouteMatch, MatchValue } from "../kubernetes/objects.ts";
import { badExpression } from "./problems.ts";

/** A match in the form of the bundle; null when one of the problems is an error. */
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
    if (fault !== null) problems.push(badExpression(path, value, fault));
  }
  const headers = firstOfEachName(match.headers ?? [], (name) => name.toLowerCase(), [...at, "headers"], problems);
  const queryParams = firstOfEachName(match.queryParams ?? [], (name) => name, [...at, "queryParams"], problems);
  const refused = problems.some(({ severity }) => severity !== "warning");
  return {
    problems,
    match: refused ? null : { path: resolvePath(match.path), method: match.method ?? null, headers, queryParams },
  };
}

/** Characters of an error of RE2 that a message quotes. */
const MAX_FAULT = 160;
const shortened = (message: string): string =>
  message.length <= MAX_FAULT ? message : `${message.slice(0, MAX_FAULT)}…`;

/** Faults by expression, null for an expression that RE2 takes: each expression is compiled once. */
const faults = new Map<string, string | null>();
const MAX_FAULTS = 10_000;

/** Why RE2 does not take an expression; null: it does. */
function regexFault(value: string): string | null {
  const known = faults.get(value);
  if (known !== undefined) return known;
  let fault: string | null = null;
  try {
    RE2JS.compile(value);
  } catch (error) {
    fault = error instanceof Error ? shortened(error.message) : "it does not compile";
  }
  if (faults.size >= MAX_FAULTS) faults.clear();
  faults.set(value, fault);
  return fault;
}

/** `/foo` and `/foo/` are one prefix (`PathMatchPathPrefix`). */
function resolvePath({ type, value }: HTTPRouteMatch["path"]): PathMatch {
  return { type, value: type === "PathPrefix" && value.length > 1 ? value.replace(/\/+$/, "") || "/" : value };
}

/**
 * The first entry of each name: "Only the first entry with an equivalent name MUST be considered"
 * (`HTTPHeaderMatch.name`).
 */
function firstOfEachName(
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
