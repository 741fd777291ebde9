/** The router: finds the rule for a request by listener, hostname, path and predicates. No I/O. */
import type { Bundle, BundleHost, BundleListener, BundleMatch, BundleRule } from "../../bundle/types.ts";
import { PathIndex } from "./paths.ts";
import type { MatchRequest } from "./request.ts";

/** The listener that serves a request. `names` are the hostnames to look its rules up by, most specific first. */
export interface SelectedListener {
  readonly kind: "listener";
  readonly listener: BundleListener;
  readonly hosts: HostIndex;
  readonly names: string[];
}

type Selected =
  | SelectedListener
  | { readonly kind: "no-listener" }
  /** The SNI of the client's TLS connection selects another listener than the Host of its request. */
  | { readonly kind: "misdirected-request"; readonly listener: BundleListener };

/** A rule, and which of its matches the request met. */
export interface MatchedRule {
  readonly rule: BundleRule;
  readonly match: BundleMatch;
}

/** A router over one bundle. */
export interface Router {
  /**
   * Selects the listener. `port` is `Listener.port`, which may differ from the port that the process binds; `hostname` is
   * lower case, without port; `sni` is null when the connection has none, and then the hostname alone decides.
   */
  select(port: number, hostname: string, sni: string | null): Selected;
  /** The rule of the highest precedence, or null. */
  match(selected: SelectedListener, request: MatchRequest): MatchedRule | null;
  /** The index of one listener's hosts, for the router of the next bundle. */
  hosts(port: number, hostname: string | null): HostIndex | null;
}

/** Longest hostname that DNS allows; a longer one matches no listener. */
const MAX_HOSTNAME_LENGTH = 253;

/** A router over `bundle`. Indexes of `previous`, the router of the bundle before, are kept where the rules are equal. */
export function createRouter(bundle: Bundle, previous: Router | null = null): Router {
  const byPort = new Map<number, Map<string, HostIndex>>();
  for (const listener of bundle.listeners) {
    const hostnames = byPort.get(listener.port) ?? new Map<string, HostIndex>();
    hostnames.set(
      listener.hostname ?? "*",
      new HostIndex(listener, bundle.rules, previous?.hosts(listener.port, listener.hostname) ?? null),
    );
    byPort.set(listener.port, hostnames);
  }
  return {
    select(port, hostname, sni) {
      const listeners = byPort.get(port);
      if (listeners === undefined || hostname.length > MAX_HOSTNAME_LENGTH) return { kind: "no-listener" };
      const names = candidateHostnames(hostname);
      // The most specific listener alone serves the request (`GatewaySpec.listeners`: listener isolation).
      const hosts = mostSpecific(listeners, names);
      // `Listener.hostname`: "If no other Listener matches the Host, the Gateway MUST return a 404."
      if (hosts === undefined) return { kind: "no-listener" };
      const { listener } = hosts;
      // `Listener.hostname`: "If another Listener has an exact match or more specific wildcard entry, the Gateway SHOULD
      // return a 421"; also where the listener that SNI selects does not match the Host and another listener does.
      const isMisdirected =
        sni !== null && sni !== hostname && mostSpecific(listeners, candidateHostnames(sni)) !== hosts;
      return isMisdirected ? { kind: "misdirected-request", listener } : { kind: "listener", listener, hosts, names };
    },
    match: ({ hosts, names }, request) => hosts.find(names, request),
    hosts: (port, hostname) => byPort.get(port)?.get(hostname ?? "*") ?? null,
  };
}

function mostSpecific(listeners: ReadonlyMap<string, HostIndex>, names: readonly string[]): HostIndex | undefined {
  for (const name of names) {
    const found = listeners.get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The hostnames of listeners and routes that match `hostname`, most specific first (`HTTPRouteSpec.hostnames`): for
 * `a.b.c` they are `a.b.c`, `*.b.c`, `*.c`, `*`. A wildcard matches one label or more.
 */
export function candidateHostnames(hostname: string): string[] {
  const names = [hostname];
  for (let dot = hostname.indexOf("."); dot >= 0; dot = hostname.indexOf(".", dot + 1)) {
    names.push(`*${hostname.slice(dot)}`);
  }
  names.push("*");
  return names;
}

/** The hosts of one listener. Each is indexed at its first request, which keeps a cold start short. */
class HostIndex {
  readonly listener: BundleListener;
  readonly #rules: readonly BundleRule[];
  readonly #hosts: ReadonlyMap<string, BundleHost>;
  readonly #indexes = new Map<string, PathIndex>();

  constructor(listener: BundleListener, rules: readonly BundleRule[], previous: HostIndex | null) {
    this.listener = listener;
    this.#rules = rules;
    this.#hosts = new Map(listener.hosts.map((host) => [host.hostname, host]));
    if (previous === null) return;
    for (const [name, index] of previous.#indexes) {
      const host = this.#hosts.get(name);
      if (host === undefined || host !== previous.#hosts.get(name)) continue;
      if (host.order.every(([rule]) => rules[rule] === previous.#rules[rule])) this.#indexes.set(name, index);
    }
  }

  /**
   * The first rule that matches. Rules of a more specific hostname are tried first; when none of them matches, the rules
   * of the next hostname are tried (`HTTPRouteSpec.hostnames`).
   */
  find(names: readonly string[], request: MatchRequest): MatchedRule | null {
    for (const name of names) {
      const found = this.#index(name)?.find(request) ?? null;
      if (found !== null) return found;
    }
    return null;
  }

  #index(name: string): PathIndex | null {
    let index = this.#indexes.get(name);
    if (index !== undefined) return index;
    const host = this.#hosts.get(name);
    if (host === undefined) return null;
    this.#indexes.set(name, (index = new PathIndex(host, this.#rules)));
    return index;
  }
}
