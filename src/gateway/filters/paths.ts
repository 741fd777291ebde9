/** URLRewrite and RequestRedirect: the path and where a redirect leads. */
import type { ExchangeResponse } from "../../backend/exchange.ts";
import type { BundleAction, PathMatch, PathModifier } from "../../bundle/types.ts";
import type { Front } from "../front.ts";

/** The target with its path modified; the query stays. `match` is what the request was routed by. */
export function modifyTarget(target: string, { type, value }: PathModifier, match: PathMatch): string {
  const mark = target.indexOf("?");
  const [path, query] = mark < 0 ? [target, ""] : [target.slice(0, mark), target.slice(mark)];
  return (type === "ReplaceFullPath" ? value : replacePrefix(path, match, value)) + query;
}

/**
 * `HTTPPathModifier.replacePrefixMatch`: "Note that this matches the behavior of the PathPrefix match type": whole
 * segments, trailing slashes of prefix and replacement aside, and a result that is never empty.
 */
function replacePrefix(path: string, match: PathMatch, value: string): string {
  const prefix = match.type === "PathPrefix" && match.value !== "/" ? match.value : "";
  const rest = path.slice(prefix.length);
  const replacement = value.endsWith("/") ? value.slice(0, -1) : value;
  if (rest === "") return value === "" ? "/" : value;
  return replacement + (rest.startsWith("/") ? rest : `/${rest}`);
}

/** The action of a rule that redirects (`HTTPRequestRedirectFilter`). */
export type Redirect = Extract<BundleAction, { kind: "redirect" }>;

/** The request that is redirected: its normalized target, its hostname, and the path match that its rule was chosen by. */
export interface Redirected {
  readonly target: string;
  readonly hostname: string;
  readonly match: PathMatch;
}

const WELL_KNOWN: Readonly<Record<string, number>> = { http: 80, https: 443 };

export function redirect(action: Redirect, request: Redirected, front: Front): ExchangeResponse {
  const headers = [
    ["location", locationOf(action, request, front)],
    ["content-length", "0"],
  ] as const;
  return { status: action.statusCode, headers, body: null, trailers: null, upgrade: null };
}

/** `Location` of a redirect. */
function locationOf({ scheme, hostname, path, port }: Redirect, request: Redirected, front: Front): string {
  const target = path === null ? request.target : modifyTarget(request.target, path, request.match);
  const to = scheme ?? front.scheme;
  // "If no port is specified, the redirect port MUST be derived": by the scheme if one is given, else the listener's.
  const toPort = port ?? (scheme === null ? front.port : (WELL_KNOWN[to] ?? front.port));
  // "MUST NOT add the port number in the 'Location' header" where it is the scheme's own.
  const suffix = toPort === WELL_KNOWN[to] ? "" : `:${toPort}`;
  return `${to}://${hostname ?? request.hostname}${suffix}${target}`;
}
