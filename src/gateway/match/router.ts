/** From a request to the rule that answers it: listener, hostname, path, predicates. No I/O. */
import type { Bundle, BundleListener, BundleRule } from "../../bundle/types.ts";
import { PathIndex } from "./paths.ts";
import type { MatchRequest } from "./request.ts";

export type Routed =
  | { readonly kind: "rule"; readonly listener: BundleListener; readonly rule: BundleRule; readonly number: number }
  | { readonly kind: "no-listener" }
  | { readonly kind: "no-route"; readonly listener: BundleListener };

export interface Router {
  /** `hostname` in lower case without port; `port` is the listener's, whatever the process binds. */
  route(port: number, hostname: string, request: MatchRequest): Routed;
}

/** Longest hostname that DNS allows; a longer one matches no listener. */
const MAX_HOSTNAME_LENGTH = 253;

export function createRouter(bundle: Bundle): Router {
  const byPort = new Map<number, Map<string, BundleListener>>();
  for (const listener of bundle.listeners) {
    const hostnames = byPort.get(listener.port) ?? new Map<string, BundleListener>();
    hostnames.set(listener.hostname ?? "*", listener);
    byPort.set(listener.port, hostnames);
  }
  const indexes = new Map<BundleListener, ListenerIndex>();
  return {
    route(port, hostname, request) {
      const listeners = byPort.get(port);
      if (listeners === undefined || hostname.length > MAX_HOSTNAME_LENGTH) return { kind: "no-listener" };
      const names = candidateHostnames(hostname);
      // The most specific listener alone serves the request (`GatewaySpec.listeners`: listener isolation).
      const listener = names.map((name) => listeners.get(name)).find((found) => found !== undefined);
      if (listener === undefined) return { kind: "no-listener" };
      let index = indexes.get(listener);
      if (index === undefined) indexes.set(listener, (index = new ListenerIndex(listener, bundle.rules)));
      const number = index.find(names, request);
      const rule = number === null ? undefined : bundle.rules[number];
      return number === null || rule === undefined
        ? { kind: "no-route", listener }
        : { kind: "rule", listener, rule, number };
    },
  };
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
class ListenerIndex {
  readonly #hosts: Map<string, BundleListener["hosts"][number]>;
  readonly #indexes = new Map<string, PathIndex>();
  readonly #rules: readonly BundleRule[];

  constructor(listener: BundleListener, rules: readonly BundleRule[]) {
    this.#hosts = new Map(listener.hosts.map((host) => [host.hostname, host]));
    this.#rules = rules;
  }

  /**
   * Rules of a more specific hostname come first; when none of them matches, those of the next are tried: precedence
   * is given to rules, not to whole hostnames (`HTTPRouteSpec.hostnames`).
   */
  find(names: readonly string[], request: MatchRequest): number | null {
    for (const name of names) {
      const host = this.#hosts.get(name);
      if (host === undefined) continue;
      let index = this.#indexes.get(name);
      if (index === undefined) this.#indexes.set(name, (index = new PathIndex(host, this.#rules)));
      const found = index.find(request);
      if (found !== null) return found.rule;
    }
    return null;
  }
}
