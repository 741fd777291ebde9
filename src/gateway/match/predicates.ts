/**
 * The candidates of one path, indexed by their rarest exact predicate (method, header or query parameter). The request's
 * headers and parameters are looked up in the index, so a thousand candidates cost no more than a few.
 */
import { RE2JS } from "re2js";
import type { BundleMatch, BundleRule, ValueMatch } from "../../bundle/types.ts";
import type { MatchRequest } from "./request.ts";

/** A match of a rule that is a candidate for a request. Candidates with lower ordinals take precedence. */
export interface Candidate {
  readonly ordinal: number;
  readonly rule: BundleRule;
  readonly match: BundleMatch;
  /** Whether the match has no predicate but its path. Most have none; skipping the others' check is measurable. */
  readonly byPathAlone: boolean;
}

/** A candidate of `rule` and one of its matches. */
export function candidateOf(ordinal: number, rule: BundleRule, match: BundleMatch): Candidate {
  const byPathAlone = match.method === null && match.headers.length === 0 && match.queryParams.length === 0;
  return { ordinal, rule, match, byPathAlone };
}

/** Compiled patterns. A pattern is compiled at its first use: most patterns of a large bundle are never used. */
const patterns = new Map<string, RE2JS>();
const MAX_PATTERNS = 10_000;

/** Whether a RE2 pattern matches the whole of `value`. RE2 does not backtrack: time is linear in both lengths. */
export function fullMatch(pattern: string, value: string): boolean {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    if (patterns.size >= MAX_PATTERNS) patterns.clear();
    compiled = RE2JS.compile(pattern);
    patterns.set(pattern, compiled);
  }
  return compiled.matches(value);
}

const NONE: ReadonlySet<string> = new Set();

/** An index of the candidates of one path. */
export class PredicateIndex {
  /** Candidates without an exact predicate, sorted by ordinal. */
  readonly #unkeyed: readonly Candidate[];
  /** The only candidate, when it is `byPathAlone`. Most indexes are so, and need no lookup then. */
  readonly #only: Candidate | null;
  /** Candidates by their rarest exact predicate, sorted by ordinal; null when there are none, which saves memory. */
  readonly #keyed: ReadonlyMap<string, readonly Candidate[]> | null;
  /** Names of the headers and query parameters in the keys of `#keyed`. */
  readonly #headers: ReadonlySet<string> = NONE;
  readonly #params: ReadonlySet<string> = NONE;

  /** `candidates` must be sorted by ordinal. */
  constructor(candidates: readonly Candidate[]) {
    const [first, second] = candidates;
    this.#only = first !== undefined && second === undefined && first.byPathAlone ? first : null;
    if (candidates.every(({ match }) => exactKeys(match).length === 0)) {
      this.#unkeyed = candidates;
      this.#keyed = null;
      return;
    }
    const unkeyed: Candidate[] = [];
    const keyed = new Map<string, Candidate[]>();
    const uses = new Map<string, number>();
    const [headers, params] = [new Set<string>(), new Set<string>()];
    for (const { match } of candidates) {
      for (const { key } of exactKeys(match)) uses.set(key, (uses.get(key) ?? 0) + 1);
    }
    for (const candidate of candidates) {
      const rare = rarest(exactKeys(candidate.match), uses);
      if (rare === null) unkeyed.push(candidate);
      else {
        const list = keyed.get(rare.key);
        if (list === undefined) keyed.set(rare.key, [candidate]);
        else list.push(candidate);
        if (rare.header !== undefined) headers.add(rare.header);
        if (rare.param !== undefined) params.add(rare.param);
      }
    }
    this.#unkeyed = unkeyed;
    this.#keyed = keyed;
    [this.#headers, this.#params] = [headers, params];
  }

  /** The first candidate that matches and precedes `best`; `best` if there is none. The caller has matched the path. */
  find(request: MatchRequest, best: Candidate | null): Candidate | null {
    if (this.#only !== null) return best === null || this.#only.ordinal < best.ordinal ? this.#only : best;
    let found = firstMatch(this.#unkeyed, request, best);
    if (this.#keyed === null) return found;
    const keyed = this.#keyed;
    const lookUp = (key: string): void => {
      const list = keyed.get(key);
      if (list !== undefined) found = firstMatch(list, request, found);
    };
    lookUp(methodKey(request.method));
    for (const [name, value] of shared(this.#headers, request.headers)) lookUp(headerKey(name, value));
    if (this.#params.size > 0) {
      for (const [name, value] of shared(this.#params, request.query())) lookUp(queryKey(name, value));
    }
    return found;
  }
}

/** The values whose name is in `names`. Walks the smaller of the two: a request, or a rule set, may have 10,000 names. */
function* shared(
  names: ReadonlySet<string>,
  values: ReadonlyMap<string, string>,
): Generator<readonly [string, string]> {
  for (const name of names.size < values.size ? names : values.keys()) {
    const value = values.get(name);
    if (value !== undefined) yield [name, value];
  }
}

function firstMatch(list: readonly Candidate[], request: MatchRequest, best: Candidate | null): Candidate | null {
  for (const candidate of list) {
    if (best !== null && candidate.ordinal >= best.ordinal) return best;
    if (candidate.byPathAlone || matches(candidate.match, request)) return candidate;
  }
  return best;
}

/** Whether all predicates of a match but its path hold (`HTTPRouteMatch`: "all conditions are satisfied"). */
export function matches(match: BundleMatch, request: MatchRequest): boolean {
  if (match.method !== null && match.method !== request.method) return false;
  if (!match.headers.every((wanted) => holds(wanted, request.headers.get(wanted.name)))) return false;
  if (match.queryParams.length === 0) return true;
  const query = request.query();
  return match.queryParams.every((wanted) => holds(wanted, query.get(wanted.name)));
}

function holds(wanted: ValueMatch, value: string | undefined): boolean {
  if (value === undefined) return false;
  return wanted.type === "Exact" ? value === wanted.value : fullMatch(wanted.value, value);
}

const methodKey = (method: string): string => `m${method}`;
/** The key of a header predicate. NUL is in no header name, so two pairs never have the same key. */
const headerKey = (name: string, value: string): string => `h${name}\0${value}`;
/** The key of a query predicate. A query name may hold any character; with its length no two pairs have the same key. */
const queryKey = (name: string, value: string): string => `q${name.length}:${name}${value}`;

interface ExactKey {
  readonly key: string;
  readonly header?: string;
  readonly param?: string;
}

function exactKeys(match: BundleMatch): ExactKey[] {
  const keys: ExactKey[] = match.method === null ? [] : [{ key: methodKey(match.method) }];
  for (const { type, name, value } of match.headers) {
    if (type === "Exact") keys.push({ key: headerKey(name, value), header: name });
  }
  for (const { type, name, value } of match.queryParams) {
    if (type === "Exact") keys.push({ key: queryKey(name, value), param: name });
  }
  return keys;
}

function rarest(keys: readonly ExactKey[], uses: ReadonlyMap<string, number>): ExactKey | null {
  let best: ExactKey | null = null;
  for (const each of keys) {
    if (best === null || (uses.get(each.key) ?? 0) < (uses.get(best.key) ?? 0)) best = each;
  }
  return best;
}
