/** Checks that a bundle contains everything it refers to. */
import { BundleError } from "./refusal.ts";
import type { Bundle, BundleFilter } from "./types.ts";

/**
 * The part of a bundle that need not be checked again: `before` is a bundle that passed, with which the bundle shares
 * all values but those in `fresh`.
 */
export interface Checked {
  readonly before: Bundle;
  readonly fresh: ReadonlySet<unknown>;
}

/**
 * Throws a BundleError for a reference to a rule, backend, certificate, policy or anchor that the bundle does not
 * contain.
 */
export function checkReferences(bundle: Bundle, checked: Checked | null): void {
  const isPlaced =
    checked === null || lacksRuleOf(bundle, checked.before) ? null : (host: unknown) => !checked.fresh.has(host);
  const isKnown =
    checked === null || lacksBackendOf(bundle, checked.before) ? null : (rule: unknown) => !checked.fresh.has(rule);
  for (const [index, { protocol, tls, filters, hosts }] of bundle.listeners.entries()) {
    const at = `listeners[${index}]`;
    if ((tls === null) !== (protocol === "HTTP"))
      throw new BundleError("wrong-type", `${at}.tls`, "expected null exactly for HTTP");
    for (const digest of tls?.certificates ?? []) checkCertificate(bundle, at, digest);
    const anchorSet = tls?.clientValidation?.anchorSet;
    if (anchorSet !== undefined && !Object.hasOwn(bundle.anchorSets, anchorSet)) dangling(at, anchorSet);
    checkFilters(bundle, at, filters);
    for (const host of hosts) {
      if (isPlaced?.(host) === true) continue;
      const { hostname, order } = host;
      for (const [rule, match] of order) {
        if (bundle.rules[rule]?.matches[match] === undefined)
          dangling(`${at}.hosts`, `${hostname}: [${rule}, ${match}]`);
      }
    }
  }
  if (bundle.clientCertificate !== null) checkCertificate(bundle, "clientCertificate", bundle.clientCertificate);
  for (const [index, rule] of bundle.rules.entries()) {
    if (isKnown?.(rule) === true) continue;
    const { action, filters } = rule;
    const at = `rules[${index}]`;
    checkFilters(bundle, at, filters);
    if (action.kind !== "forward") continue;
    for (const ref of action.backendRefs) {
      if (!("backend" in ref)) continue;
      checkBackend(bundle, at, ref.backend);
      checkFilters(bundle, at, ref.filters);
    }
  }
  for (const [id, { transport }] of Object.entries(bundle.backends)) {
    if (transport.kind === "tls" && !Object.hasOwn(bundle.policies, transport.policy))
      dangling(`backends.${id}`, transport.policy);
  }
  for (const [digest, { anchorSet }] of Object.entries(bundle.policies)) {
    if (!Object.hasOwn(bundle.anchorSets, anchorSet)) dangling(`policies.${digest}`, anchorSet);
  }
  for (const [digest, { anchors }] of Object.entries(bundle.anchorSets)) {
    for (const anchor of anchors) if (!Object.hasOwn(bundle.anchors, anchor)) dangling(`anchorSets.${digest}`, anchor);
  }
}

/** Whether some backend of the bundle before is gone, so that the rules that refer to it must be checked again. */
const lacksBackendOf = ({ backends }: Bundle, before: Bundle): boolean =>
  Object.keys(before.backends).some((id) => !Object.hasOwn(backends, id));

/** Whether a rule or match that a host of the bundle before refers to may be gone. */
const lacksRuleOf = ({ rules }: Bundle, before: Bundle): boolean =>
  before.rules.some((rule, at) => {
    const now = rules[at];
    return now === undefined || (now !== rule && now.matches.length < rule.matches.length);
  });

function checkFilters(bundle: Bundle, at: string, filters: readonly BundleFilter[]): void {
  for (const filter of filters) {
    if ("target" in filter && "backend" in filter.target) checkBackend(bundle, at, filter.target.backend);
  }
}

function checkBackend({ backends }: Bundle, at: string, id: string): void {
  if (!Object.hasOwn(backends, id)) dangling(at, id);
}

function checkCertificate({ certificates }: Bundle, at: string, digest: string): void {
  if (!Object.hasOwn(certificates, digest)) dangling(at, digest);
}

function dangling(path: string, detail: string): never {
  throw new BundleError("dangling-reference", path, `${detail} is not in the bundle`);
}
