/**
 * Matches presented identifiers with the reference identifiers of a policy (RFC 9525 §6,
 * `BackendTLSPolicyValidation`).
 */
import { sameBytes } from "../../bundle/bytes.ts";
import type { ReferenceIdentifier } from "../../bundle/types.ts";
import { type GeneralName, describeName } from "./general-names.ts";

/** A reference identifier. Policies produce only `dns` and `uri`; x509-limbo also asks for addresses and mailboxes. */
export type TrustIdentifier = ReferenceIdentifier | { readonly type: "ip" | "rfc822"; readonly value: string };

/** A reference identifier and the presented identifier that it matched. */
export interface Match {
  readonly reference: TrustIdentifier;
  /** The presented identifier, for people: `DNS:*.example.com`. */
  readonly presented: string;
}

/** The first reference identifier that some presented one matches. The common name is no identifier (RFC 9525 §2). */
export function matchIdentity(references: readonly TrustIdentifier[], presented: readonly GeneralName[]): Match | null {
  for (const reference of references) {
    const matches = matcherOf(reference);
    const name = presented.find(matches);
    if (name !== undefined) return { reference, presented: describeName(name) };
  }
  return null;
}

/**
 * A function that tells whether a presented identifier matches. The reference is read once, since there may be two
 * thousand presented ones.
 */
function matcherOf(reference: TrustIdentifier): (presented: GeneralName) => boolean {
  switch (reference.type) {
    case "dns": {
      const lower = reference.value.toLowerCase();
      return isDnsName(lower)
        ? (presented) => presented.type === "dns" && matchesDns(lower, presented.value.toLowerCase())
        : () => false;
    }
    case "uri":
      // RFC 9525 §6.5 leaves the rules to the application; SPIFFE IDs are compared as they are.
      return (presented) => presented.type === "uri" && reference.value === presented.value;
    case "ip": {
      // RFC 9525 §6.4: octet by octet, against iPAddress alone.
      const address = parseIp(reference.value);
      return (presented) => presented.type === "ip" && address !== null && sameBytes(address, presented.value);
    }
    case "rfc822":
      return (presented) => presented.type === "rfc822" && matchesMailbox(reference.value, presented.value);
  }
}

/** Whether two DNS names match (RFC 9525 §6.3). Both are in lower case, and the reference is a domain name. */
function matchesDns(reference: string, presented: string): boolean {
  // Here the presented name is a domain name, since it equals one; other presented names are checked where a wildcard
  // is involved.
  if (reference === presented) return true;
  // A wildcard of the policy matches any one label, and a presented wildcard exactly one label.
  const wildcard = reference.startsWith("*.") ? reference : presented;
  const name = wildcard === reference ? presented : reference;
  if (!wildcard.startsWith("*.") || name.startsWith("*.")) return false;
  const dot = name.indexOf(".");
  return dot > 0 && name.slice(dot) === wildcard.slice(1) && isDnsName(presented);
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

/**
 * Whether a name in lower case is a domain name (RFC 5280 §4.2.1.6, RFC 1123 §2.1): labels of letters, digits and
 * hyphens, no trailing dot, and no IP address. `*` may be only the whole left-most label, above two labels or more.
 */
export function isDnsName(name: string): boolean {
  if (name.length > 253) return false;
  const labels = name.split(".");
  const wildcard = labels[0] === "*";
  const rest = wildcard ? labels.slice(1) : labels;
  const last = rest.at(-1);
  if (last === undefined || (wildcard && rest.length < 2) || /^(?:\d+|0x[\da-f]*)$/u.test(last)) return false;
  return rest.every((label) => LABEL.test(label));
}

function matchesMailbox(reference: string, presented: string): boolean {
  const [one, other] = [splitMailbox(reference), splitMailbox(presented)];
  // RFC 5280 §7.5: the local part is compared as it is, the host without case.
  return one !== null && other !== null && one.local === other.local && one.host === other.host;
}

/** A mailbox `local@host`, the host in lower case; null: the text is none. */
export function splitMailbox(text: string): { local: string; host: string } | null {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  const host = text.slice(at + 1).toLowerCase();
  return /^[^\s@"<>()]+$/u.test(local) && isDnsName(host) && !host.startsWith("*") ? { local, host } : null;
}

/** The 4 or 16 octets of an IPv4 address in dotted form or an IPv6 address (RFC 4291 §2.2); null: the text is none. */
export function parseIp(text: string): Uint8Array | null {
  if (!text.includes(":")) return parseIpv4(text);
  const [head, tail, more] = text.split("::");
  if (head === undefined || more !== undefined) return null;
  const left = parseGroups(head, tail === undefined);
  const right = tail === undefined ? [] : parseGroups(tail, true);
  if (left === null || right === null) return null;
  const missing = 16 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return null;
  return Uint8Array.from([...left, ...Array.from({ length: missing }, () => 0), ...right]);
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === "") return [];
  const octets: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (mayEndInIpv4 && index === groups.length - 1 && group.includes(".")) {
      const embedded = parseIpv4(group);
      if (embedded === null) return null;
      octets.push(...embedded);
    } else {
      if (!/^[\da-f]{1,4}$/iu.test(group)) return null;
      const value = Number.parseInt(group, 16);
      octets.push(value >> 8, value & 0xff);
    }
  }
  return octets;
}

function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/u.test(part) && Number(part) < 256))
    return null;
  return Uint8Array.from(parts, Number);
}
