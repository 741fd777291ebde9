/**
 * Candidates of one path, indexed by their rarest exact predicate (method, header or query parameter), so that a
 * thousand variants of one path cost no more than a few: the request's own headers and parameters are looked up, not
 * the candidates tried in turn.
 */
import { RE2JS } from "re2js";
import type { BundleMatch, ValueMatch } from "../../bundle/types.ts";
import type { MatchRequest } from "./request.ts";

/** One `[rule, match]` of a host. Lower ordinals take precedence. */
export interface Candidate {
  readonly ordinal: number;
  readonly rule: number;
  readonly match: BundleMatch;
}

/** Compiles on first use: most patterns of a large bundle are never asked. */
const patterns = new Map<string, RE2JS>();
const MAX_PATTERNS = 10_000;

/** Whether a RE2 pattern matches all of `value`. Linear in both (RE2 syntax, no backtracking). */
export function fullMatch(pattern: string, value: string): boolean {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    if (patterns.size >= MAX_PATTERNS) patterns.clear();
    compiled = RE2JS.compile(pattern);
    patterns.set(pattern, compiled);
  }
  return compiled.matches(value);
}

export class PredicateIndex {
  /** Sorted by ordinal; candidates without an exact predicate. */
  readonly #plain: readonly Candidate[];
  /** Sorted by ordinal within a key; null when all are plain, as most are: a small index stays in the cache. */
  readonly #keyed: ReadonlyMap<string, readonly Candidate[]> | null;
  readonly #byQuery: boolean = false;

  /** `candidates` sorted by ordinal. */
  constructor(candidates: readonly Candidate[]) {
    if (candidates.every(({ match }) => exactKeys(match).length === 0)) {
      this.#plain = candidates;
      this.#keyed = null;
      return;
    }
    const plain: Candidate[] = [];
    const keyed = new Map<string, Candidate[]>();
    const uses = new Map<string, number>();
    for (const { match } of candidates) {
      for (const key of exactKeys(match)) uses.set(key, (uses.get(key) ?? 0) + 1);
    }
    for (const candidate of candidates) {
      const key = rarest(exactKeys(candidate.match), uses);
      if (key === null) plain.push(candidate);
      else {
        const list = keyed.get(key);
        if (list === undefined) keyed.set(key, [candidate]);
        else list.push(candidate);
        if (key.startsWith("q")) this.#byQuery = true;
      }
    }
    this.#plain = plain;
    this.#keyed = keyed;
  }

  /** The best candidate that matches and precedes `best`, else `best`. The path has been matched by the caller. */
  find(request: MatchRequest, best: Candidate | null): Candidate | null {
    let found = firstMatch(this.#plain, request, best);
    if (this.#keyed === null) return found;
    const keyed = this.#keyed;
    const look = (key: string): void => {
      const list = keyed.get(key);
      if (list !== undefined) found = firstMatch(list, request, found);
    };
    look(methodKey(request.method));
    for (const [name, value] of request.headers) look(headerKey(name, value));
    if (this.#byQuery) for (const [name, value] of request.query()) look(queryKey(name, value));
    return found;
  }
}

function firstMatch(list: readonly Candidate[], request: MatchRequest, best: Candidate | null): Candidate | null {
  for (const candidate of list) {
    if (best !== null && candidate.ordinal >= best.ordinal) return best;
    if (matches(candidate.match, request)) return candidate;
  }
  return best;
}

/** All of a match but its path (`HTTPRouteMatch`: every condition must hold). */
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
/** NUL cannot stand in a header name, so the pair is unambiguous. */
const headerKey = (name: string, value: string): string => `h${name}\0${value}`;
/** A query name may hold any character: its length makes the pair unambiguous. */
const queryKey = (name: string, value: string): string => `q${name.length}:${name}${value}`;

function exactKeys(match: BundleMatch): string[] {
  const keys = match.method === null ? [] : [methodKey(match.method)];
  for (const { type, name, value } of match.headers) if (type === "Exact") keys.push(headerKey(name, value));
  for (const { type, name, value } of match.queryParams) if (type === "Exact") keys.push(queryKey(name, value));
  return keys;
}

function rarest(keys: readonly string[], uses: ReadonlyMap<string, number>): string | null {
  let best: string | null = null;
  for (const key of keys) {
    if (best === null || (uses.get(key) ?? 0) < (uses.get(best) ?? 0)) best = key;
  }
  return best;
}
