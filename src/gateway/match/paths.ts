/** The path index of one hostname: exact paths in a map, prefixes in a trie of segments, regular expressions in a list. */
import type { BundleHost, BundleRule } from "../../bundle/types.ts";
import { type Candidate, candidateOf, fullMatch, matches, PredicateIndex } from "./predicates.ts";
import { type MatchRequest, normalizePath } from "./request.ts";

interface Node {
  /** Child nodes by path segment; null for a leaf. */
  children: Map<string, Node> | null;
  index: PredicateIndex | null;
}

/** One shared empty list: a list of its own in each of thousands of indexes would cost a cache miss each. */
const NO_PATTERNS: readonly Candidate[] = [];

/** An index of the matches of one hostname, for lookup by path. */
export class PathIndex {
  readonly #exact: ReadonlyMap<string, PredicateIndex> | null;
  readonly #root: Node = { children: null, index: null };
  /** The candidates with a regular expression, sorted by ordinal. */
  readonly #patterns: readonly Candidate[];

  constructor(host: BundleHost, rules: readonly BundleRule[]) {
    const exact = new Map<string, Candidate[]>();
    const prefixes = new Map<string, Candidate[]>();
    const patterns: Candidate[] = [];
    for (const [ordinal, [rule, index]] of host.order.entries()) {
      const [from, match] = [rules[rule], rules[rule]?.matches[index]];
      if (from === undefined || match === undefined) throw new RangeError(`bundle: no match ${index} in rule ${rule}`);
      const candidate = candidateOf(ordinal, from, match);
      if (match.path.type === "RegularExpression") patterns.push(candidate);
      else append(match.path.type === "Exact" ? exact : prefixes, normalizePath(match.path.value), candidate);
    }
    const indexed = [...exact].map(([path, candidates]) => [path, new PredicateIndex(candidates)] as const);
    this.#patterns = patterns.length === 0 ? NO_PATTERNS : patterns;
    this.#exact = indexed.length === 0 ? null : new Map(indexed);
    for (const [prefix, candidates] of prefixes) this.#insert(prefix, new PredicateIndex(candidates));
  }

  #insert(prefix: string, index: PredicateIndex): void {
    let node = this.#root;
    if (prefix !== "/") {
      for (const segment of prefix.slice(1).split("/")) {
        node.children ??= new Map();
        let child = node.children.get(segment);
        if (child === undefined) node.children.set(segment, (child = { children: null, index: null }));
        node = child;
      }
    }
    node.index = index;
  }

  /** The matching candidate of the highest precedence, or null. */
  find(request: MatchRequest): Candidate | null {
    let best = this.#exact?.get(request.path)?.find(request, null) ?? null;
    for (const index of this.#prefixes(request.path)) best = index.find(request, best);
    for (const candidate of this.#patterns) {
      if (best !== null && candidate.ordinal >= best.ordinal) break;
      if (fullMatch(candidate.match.path.value, request.path) && matches(candidate.match, request)) return candidate;
    }
    return best;
  }

  /**
   * The predicate indexes of the prefixes of `path`, longest first. Prefixes are whole segments: `/abc` is no prefix of
   * `/abcd` (`PathMatchPathPrefix`). The cost is bounded by the depth of the trie, not by the length of the path.
   */
  #prefixes(path: string): PredicateIndex[] {
    const found: PredicateIndex[] = [];
    let node: Node | undefined = this.#root;
    let start = 1;
    while (node !== undefined) {
      if (node.index !== null) found.unshift(node.index);
      if (node.children === null || start > path.length) break;
      const slash = path.indexOf("/", start);
      const end = slash < 0 ? path.length : slash;
      node = node.children.get(path.slice(start, end));
      start = end + 1;
    }
    return found;
  }
}

function append(map: Map<string, Candidate[]>, key: string, candidate: Candidate): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [candidate]);
  else list.push(candidate);
}
