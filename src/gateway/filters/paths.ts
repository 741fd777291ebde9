/** Paths and locations of the filters URLRewrite and RequestRedirect. */
import type { ExchangeResponse } from "../../backend/index.ts";
import type { BundleAction, PathMatch, PathModifier } from "../../bundle/types.ts";
import type { Front } from "../front.ts";

/** The target with its path modified and its query kept. `match` is the path match that selected the rule. */
export function modifyTarget(target: string, { type, value }: PathModifier, match: PathMatch): string {
  const mark = target.indexOf("?");
  const [path, query] = mark < 0 ? [target, ""] : [target.slice(0, mark), target.slice(mark)];
  return (type === "ReplaceFullPath" ? value : replacePrefix(path, match, value)) + query;
}

/**
 * The path with its matched prefix replaced. `HTTPPathModifier.replacePrefixMatch`: "Note that this matches the behavior
 * of the PathPrefix match type": whole segments, trailing slashes ignored. The result is never empty.
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

/** The redirected request: its normalized target, its hostname, and the path match that selected the rule. */
interface RedirectedRequest {
  readonly target: string;
  readonly hostname: string;
  readonly match: PathMatch;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** The response that redirects `request`. */
export function redirect(action: Redirect, request: RedirectedRequest, front: Front): ExchangeResponse {
  const headers = [
    ["location", locationOf(action, request, front)],
    ["content-length", "0"],
  ] as const;
  return { status: action.statusCode, headers, body: null, trailers: null, upgrade: null };
}

/** `Location` of a redirect. */
function locationOf({ scheme, hostname, path, port }: Redirect, request: RedirectedRequest, front: Front): string {
  const target = path === null ? request.target : modifyTarget(request.target, path, request.match);
  const newScheme = scheme ?? front.scheme;
  // "If no port is specified, the redirect port MUST be derived": by the scheme if one is given, else the listener's.
  const newPort = port ?? (scheme === null ? front.port : (DEFAULT_PORTS[newScheme] ?? front.port));
  // "MUST NOT add the port number in the 'Location' header" when it is the default port of the scheme.
  const suffix = newPort === DEFAULT_PORTS[newScheme] ? "" : `:${newPort}`;
  return `${newScheme}://${hostname ?? request.hostname}${suffix}${target}`;
}
