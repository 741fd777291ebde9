/** The parts of a request that matches look at, parsed once per request. */
import type { HeaderList } from "../../backend/index.ts";

/** A request, as matches see it. */
export interface MatchRequest {
  readonly method: string;
  /** The path, normalized by {@link normalizePath}, without the query. */
  readonly path: string;
  /** Values by lower-case name; the values of repeated fields are joined with `, ` (RFC 9110 §5.3). */
  readonly headers: ReadonlyMap<string, string>;
  /** The first value of each query parameter, percent-decoded. The query is parsed at the first call. */
  readonly query: () => ReadonlyMap<string, string>;
}

/** What to do with a path that holds an escaped separator (`%2F`, `%5C`). */
export type EncodedSlashes = "refuse" | "keep";

/**
 * The target to match and to forward. Both are the same, so that a backend cannot read another path than was matched:
 * empty segments are dropped, dot segments resolved (RFC 3986 §6.2.2.3), escapes of unreserved characters decoded
 * (§6.2.2.2), characters that may not stand in a URI escaped. For example, `/a//b/../%63?d` becomes `/a/c?d`.
 *
 * Null for a target that is neither in origin form (RFC 9112 §3.2.1) nor the `*` of OPTIONS, for one with a control
 * character (the URL parser would drop some of them), and for a path that backends read differently: one with a
 * backslash, a NUL, an escaped separator, or a `%` that begins no escape (RFC 3986 §2.1), as in `%%32f`, which a second
 * decoding would turn into `%2f`.
 */
export function normalizeTarget(method: string, target: string, slashes: EncodedSlashes = "refuse"): string | null {
  if (target === "*") return method === "OPTIONS" ? target : null;
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (!target.startsWith("/") || /[\0-\x1f\x7f]/.test(target)) return null;
  const mark = target.search(/[?#]/);
  const path = mark < 0 ? target : target.slice(0, mark);
  if (/\\|%00|%(?![0-9a-f]{2})/i.test(path) || (slashes === "refuse" && /%(?:2f|5c)/i.test(path))) return null;
  const merged = path.includes("//") ? path.replace(/\/{2,}/g, "/") : path;
  const { pathname, search } = new URL(`http://h${merged}${target.slice(path.length)}`);
  return `${normalizePath(pathname)}${search}`;
}

/** The parts of a request that matches look at. `target` must be normalized. */
export function matchRequest(method: string, target: string, headers: HeaderList): MatchRequest {
  const mark = target.indexOf("?");
  const search = mark < 0 ? "" : target.slice(mark + 1);
  let query: Map<string, string> | null = null;
  return {
    method,
    path: normalizePath(mark < 0 ? target : target.slice(0, mark)),
    headers: joinHeaders(headers),
    query: () => (query ??= firstValues(search)),
  };
}

/**
 * A path with its percent-encoded unreserved characters decoded and other hex digits in upper case (RFC 3986 §6.2.2.1-2),
 * so that a rule for `/admin` also matches `/%61dmin`. Reserved characters stay encoded: `%2F` is no separator.
 */
export function normalizePath(path: string): string {
  if (!path.includes("%")) return path;
  return path.replace(/%([0-9A-Fa-f]{2})/g, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : escape.toUpperCase();
  });
}

function joinHeaders(headers: HeaderList): Map<string, string> {
  const joined = new Map<string, string>();
  for (const [name, value] of headers) {
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return joined;
}

/** The first value of each parameter: `HTTPQueryParamMatch.name` recommends it where a parameter is repeated. */
function firstValues(search: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    if (!values.has(name)) values.set(name, value);
  }
  return values;
}
