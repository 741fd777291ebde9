/** Whether a name lies in a subtree of its type (RFC 5280 §4.2.1.10, §7), and what one such comparison is charged. */
import type { Budget } from "../budget.ts";
import type { GeneralName } from "../x509/general-names.ts";
import { isDnsName, splitMailbox } from "../x509/identity.ts";
import { compareSubtree, spendOnSubtree } from "../x509/name-comparison.ts";

/**
 * A name or a constraint, with the parts that comparisons need. These parts are made once, because there are many
 * more pairs than names.
 */
export interface PreparedName {
  readonly name: GeneralName;
  /**
   * The host of a presented name, or the host or domain of a constraint, in lower case; null: a presented name that
   * does not have the form of its type.
   */
  readonly host: string | null;
  /** The local part of a mailbox. */
  readonly local: string | null;
  /** Whether the name can be compared at all. */
  readonly comparable: boolean;
}

/** Prepares a presented name. */
export function prepareName(name: GeneralName): PreparedName {
  switch (name.type) {
    case "dns": {
      const lower = name.value.toLowerCase();
      const comparable = isDnsName(lower);
      return { name, host: comparable ? lower : null, local: null, comparable };
    }
    case "rfc822": {
      const mailbox = splitMailbox(name.value);
      return { name, host: mailbox?.host ?? null, local: mailbox?.local ?? null, comparable: mailbox !== null };
    }
    case "uri": {
      // A URI without an authority, or with an address as its host, MUST be rejected.
      const host = uriHost(name.value);
      return { name, host, local: null, comparable: host !== null };
    }
    case "ip":
    case "directory":
      return { name, host: null, local: null, comparable: true };
    case "other":
      // Names of this type cannot be compared, so a constraint on the type refuses every one of them (RFC 5280
      // §4.2.1.10).
      return { name, host: null, local: null, comparable: false };
  }
}

/** Prepares the base of a subtree. */
export function prepareConstraint(name: GeneralName): PreparedName {
  const text = name.type === "dns" || name.type === "uri" || name.type === "rfc822" ? name.value : null;
  const mailbox = name.type === "rfc822" && name.value.includes("@") ? splitMailbox(name.value) : null;
  return { name, host: mailbox?.host ?? text?.toLowerCase() ?? null, local: mailbox?.local ?? null, comparable: true };
}

/** The type by which names and subtrees are paired: a name is compared with subtrees of its own type alone. */
export const typeOf = ({ name }: PreparedName): string => (name.type === "other" ? `other ${name.tag}` : name.type);

/** Charges one comparison; false: over budget. */
export function spendOnPair({ name: subtree }: PreparedName, { name }: PreparedName, budget: Budget): boolean {
  return subtree.type === "directory" && name.type === "directory"
    ? spendOnSubtree(subtree.value, name.value, budget)
    : budget.spend("comparisons", 1);
}

/**
 * Whether a comparable name of the same type lies in the subtree. An excluded subtree also covers a name that may
 * lie in it.
 */
export function covers(
  subtree: PreparedName,
  { name, host, local }: PreparedName,
  set: "permitted" | "excluded",
): boolean {
  const constraint = subtree.name;
  switch (constraint.type) {
    case "dns":
      return host !== null && subtree.host !== null && coversDns(subtree.host, host, set);
    case "uri":
      return host !== null && subtree.host !== null && coversHost(subtree.host, host);
    case "rfc822":
      // RFC 5280 §4.2.1.10: a particular mailbox, all of a host, or all below a domain.
      if (host === null || subtree.host === null) return false;
      return subtree.local === null ? coversHost(subtree.host, host) : subtree.host === host && subtree.local === local;
    case "ip":
      return name.type === "ip" && coversIp(constraint.value, name.value);
    case "directory":
      // A name whose comparison is unclear is not permitted, and is excluded.
      if (name.type !== "directory") return false;
      return set === "permitted"
        ? compareSubtree(constraint.value, name.value) === "same"
        : compareSubtree(constraint.value, name.value) !== "different";
    case "other":
      return false;
  }
}

/**
 * Whether a constraint covers a DNS name: one that adds zero or more labels to the left of the constraint. The empty
 * constraint covers every name.
 */
function coversDns(constraint: string, name: string, set: "permitted" | "excluded"): boolean {
  if (!name.startsWith("*.")) return within(constraint, name);
  const base = name.slice(2);
  if (within(constraint, base)) return true;
  // CVE-2025-61727: `*.base` also stands for the excluded `label.base`.
  return set === "excluded" && within(base, constraint) && !constraint.slice(0, -base.length - 1).includes(".");
}

/**
 * Whether a name is the domain or lies below it, without building strings: this runs for every name with every
 * constraint.
 */
function within(domain: string, name: string): boolean {
  if (domain === "" || name === domain) return true;
  return name.endsWith(domain) && name.charAt(name.length - domain.length - 1) === ".";
}

/**
 * Whether a constraint covers a host: `.example.com` covers the hosts below this domain, `example.com` this host alone.
 */
function coversHost(constraint: string, host: string): boolean {
  return constraint.startsWith(".") ? host.endsWith(constraint) : host === constraint;
}

function coversIp(range: Uint8Array, address: Uint8Array): boolean {
  const size = address.length;
  if (range.length !== 2 * size) return false;
  return address.every((octet, index) => ((octet ^ (range[index] ?? 0)) & (range[size + index] ?? 0)) === 0);
}

/** The host of a URI with an authority, in lower case, if it is a domain name (RFC 3986 §3.2). */
function uriHost(uri: string): string | null {
  const authority = /^[a-z][a-z\d+.-]*:\/\/(?<authority>[^/?#]*)/iu.exec(uri)?.groups?.["authority"];
  if (authority === undefined) return null;
  const host = authority
    .slice(authority.lastIndexOf("@") + 1)
    .replace(/:\d*$/u, "")
    .toLowerCase();
  return isDnsName(host) && !host.startsWith("*") ? host : null;
}
