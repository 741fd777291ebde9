/** What a match looks at, parsed once per request and only as far as the candidates ask. */
import type { HeaderList } from "../../backend/exchange.ts";

export interface MatchRequest {
  readonly method: string;
  /** Normalized (see {@link normalizePath}), without the query. */
  readonly path: string;
  /** Lower-case names, each once; repeated fields joined with `, ` (RFC 9110 §5.3). */
  readonly headers: ReadonlyMap<string, string>;
  /** First value of each query parameter, percent-decoded. Parsed on first use. */
  readonly query: () => ReadonlyMap<string, string>;
}

/** What becomes of a separator that is written as an escape (`%2F`, `%5C`). */
export type EncodedSlashes = "refuse" | "keep";

/**
 * The target to match and to forward, the same on every host, so that a backend cannot read another path than was
 * matched: empty segments are dropped, dot segments resolved (RFC 3986 §6.2.2.3), escapes of unreserved characters
 * decoded (§6.2.2.2); what may not stand in a URI is escaped. Null when it is neither in origin form (RFC 9112 §3.2.1)
 * nor the `*` of OPTIONS, when it holds a control character (the URL parser would drop some of them), or when backends do
 * not agree on its path: a backslash, a NUL, an escaped separator, a `%` that begins no escape (RFC 3986 §2.1) and would
 * begin one when what follows it is decoded (`%%32f`).
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

/** Splits a normalized request target into what is matched. */
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
 * Decodes percent-encoded unreserved characters and upper-cases the hex digits that stay (RFC 3986 §6.2.2.1-2), so
 * that `/%61dmin` cannot slip past a rule for `/admin`. Reserved characters stay encoded: `%2F` is no separator.
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

/** The first value counts when a parameter repeats (`HTTPQueryParamMatch.name`: recommended). */
function firstValues(search: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    if (!values.has(name)) values.set(name, value);
  }
  return values;
}
