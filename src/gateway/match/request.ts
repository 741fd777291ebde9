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

/** Splits a request target into what is matched. The forwarded target stays as the client sent it. */
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
