/** From a request to the rule that answers it: listener, hostname, path, predicates. No I/O. */
import type { Bundle, BundleHost, BundleListener, BundleMatch, BundleRule } from "../../bundle/types.ts";
import { PathIndex } from "./paths.ts";
import type { MatchRequest } from "./request.ts";

/** The listener that serves a request, and the hostnames its routes are looked up by. */
export interface SelectedListener {
  readonly kind: "listener";
  readonly listener: BundleListener;
  readonly hosts: HostIndex;
  readonly names: string[];
}

export type Selected =
  | SelectedListener
  | { readonly kind: "no-listener" }
  /** The TLS connection was made for another listener. */
  | { readonly kind: "misdirected-request"; readonly listener: BundleListener };

/** A rule, and which of its matches the request met. */
export interface Routed {
  readonly rule: BundleRule;
  readonly match: BundleMatch;
}

export interface Router {
  /**
   * `port` is the listener's, whatever the process binds; `hostname` in lower case without port. `sni`: the server name
   * of a TLS connection of ours; null decides by the hostname alone.
   */
  select(port: number, hostname: string, sni: string | null): Selected;
  /** The rule of the highest precedence, or null. */
  match(selected: SelectedListener, request: MatchRequest): Routed | null;
  /** Of a listener, for the router of the next bundle. */
  hosts(port: number, hostname: string | null): HostIndex | null;
}

/** Longest hostname that DNS allows; a longer one matches no listener. */
const MAX_HOSTNAME_LENGTH = 253;

/** `before`: of the bundle before, whose indexes are kept where they hold the same rules. */
export function createRouter(bundle: Bundle, before: Router | null = null): Router {
  const byPort = new Map<number, Map<string, HostIndex>>();
  for (const listener of bundle.listeners) {
    const hostnames = byPort.get(listener.port) ?? new Map<string, HostIndex>();
    hostnames.set(
      listener.hostname ?? "*",
      new HostIndex(listener, bundle.rules, before?.hosts(listener.port, listener.hostname) ?? null),
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
      // "If another Listener has an exact match or more specific wildcard entry, the Gateway SHOULD return a 421", and
      // so it should where the listener that SNI selected does not match the Host, and another does.
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
 * `a.b.c` → `a.b.c`, `*.b.c`, `*.c`, `*`: most characters first, exact before wildcard (`HTTPRouteSpec.hostnames`).
 * A wildcard stands for one label or more.
 */
export function candidateHostnames(hostname: string): string[] {
  const names = [hostname];
  for (let dot = hostname.indexOf("."); dot >= 0; dot = hostname.indexOf(".", dot + 1)) {
    names.push(`*${hostname.slice(dot)}`);
  }
  names.push("*");
  return names;
}

/** The hosts of one listener; each is indexed when first asked for, so that a cold start pays for what it serves. */
class HostIndex {
  readonly listener: BundleListener;
  readonly #rules: readonly BundleRule[];
  readonly #hosts: ReadonlyMap<string, BundleHost>;
  readonly #indexes = new Map<string, PathIndex>();

  constructor(listener: BundleListener, rules: readonly BundleRule[], before: HostIndex | null) {
    this.listener = listener;
    this.#rules = rules;
    this.#hosts = new Map(listener.hosts.map((host) => [host.hostname, host]));
    if (before === null) return;
    for (const [name, index] of before.#indexes) {
      const host = this.#hosts.get(name);
      if (host === undefined || host !== before.#hosts.get(name)) continue;
      if (host.order.every(([rule]) => rules[rule] === before.#rules[rule])) this.#indexes.set(name, index);
    }
  }

  /**
   * Rules of a more specific hostname come first; when none of them matches, those of the next are tried: precedence
   * is given to rules, not to whole hostnames (`HTTPRouteSpec.hostnames`).
   */
  find(names: readonly string[], request: MatchRequest): Routed | null {
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
