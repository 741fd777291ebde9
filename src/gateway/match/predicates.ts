/**
 * Candidates of one path, indexed by their rarest exact predicate (method, header or query parameter), so that a
 * thousand variants of one path cost no more than a few: the request's own headers and parameters are looked up, not
 * the candidates tried in turn.
 */
import { RE2JS } from "re2js";
import type { BundleMatch, BundleRule, ValueMatch } from "../../bundle/types.ts";
import type { MatchRequest } from "./request.ts";

/** One `[rule, match]` of a host. Lower ordinals take precedence. */
export interface Candidate {
  readonly ordinal: number;
  readonly rule: BundleRule;
  readonly match: BundleMatch;
  /** The path is all it asks for, as most do: then the match need not be looked at, which a large table notices. */
  readonly byPathAlone: boolean;
}

export function candidateOf(ordinal: number, rule: BundleRule, match: BundleMatch): Candidate {
  const byPathAlone = match.method === null && match.headers.length === 0 && match.queryParams.length === 0;
  return { ordinal, rule, match, byPathAlone };
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

const NONE: ReadonlySet<string> = new Set();

export class PredicateIndex {
  /** Sorted by ordinal; candidates without an exact predicate. */
  readonly #plain: readonly Candidate[];
  /** The only candidate, when it asks for the path alone: an index of one, as most are, is answered in one step. */
  readonly #only: Candidate | null;
  /** Sorted by ordinal within a key; null when all are plain, as most are: a small index stays in the cache. */
  readonly #keyed: ReadonlyMap<string, readonly Candidate[]> | null;
  /** Names among those keys. */
  readonly #headers: ReadonlySet<string> = NONE;
  readonly #params: ReadonlySet<string> = NONE;

  /** `candidates` sorted by ordinal. */
  constructor(candidates: readonly Candidate[]) {
    const [first, second] = candidates;
    this.#only = first !== undefined && second === undefined && first.byPathAlone ? first : null;
    if (candidates.every(({ match }) => exactKeys(match).length === 0)) {
      this.#plain = candidates;
      this.#keyed = null;
      return;
    }
    const plain: Candidate[] = [];
    const keyed = new Map<string, Candidate[]>();
    const uses = new Map<string, number>();
    const [headers, params] = [new Set<string>(), new Set<string>()];
    for (const { match } of candidates) {
      for (const { key } of exactKeys(match)) uses.set(key, (uses.get(key) ?? 0) + 1);
    }
    for (const candidate of candidates) {
      const rare = rarest(exactKeys(candidate.match), uses);
      if (rare === null) plain.push(candidate);
      else {
        const list = keyed.get(rare.key);
        if (list === undefined) keyed.set(rare.key, [candidate]);
        else list.push(candidate);
        if (rare.header !== undefined) headers.add(rare.header);
        if (rare.param !== undefined) params.add(rare.param);
      }
    }
    this.#plain = plain;
    this.#keyed = keyed;
    [this.#headers, this.#params] = [headers, params];
  }

  /** The best candidate that matches and precedes `best`, else `best`. The path has been matched by the caller. */
  find(request: MatchRequest, best: Candidate | null): Candidate | null {
    if (this.#only !== null) return best === null || this.#only.ordinal < best.ordinal ? this.#only : best;
    let found = firstMatch(this.#plain, request, best);
    if (this.#keyed === null) return found;
    const keyed = this.#keyed;
    const look = (key: string): void => {
      const list = keyed.get(key);
      if (list !== undefined) found = firstMatch(list, request, found);
    };
    look(methodKey(request.method));
    for (const [name, value] of shared(this.#headers, request.headers)) look(headerKey(name, value));
    if (this.#params.size > 0) {
      for (const [name, value] of shared(this.#params, request.query())) look(queryKey(name, value));
    }
    return found;
  }
}

/** Costs the smaller of both: neither a request of 10,000 fields nor a rule set of as many names is walked whole. */
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
