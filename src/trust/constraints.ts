/** Name constraints (RFC 5280 §4.2.1.10, §6.1.3 (b)-(c), §6.1.4 (g)). */
import { type Budget, NAME_COST } from "./budget.ts";
import type { Certificate } from "./certificate.ts";
import { compareSubtree, emailAddresses } from "./dn.ts";
import type { NameConstraints } from "./name-constraints.ts";
import { isDnsName, splitMailbox } from "./identity.ts";
import { type GeneralName, describeName } from "./names.ts";

/** Why a certificate falls outside the constraints above it; both sides for people. */
export interface ConstraintProblem {
  readonly expected: string;
  readonly presented: string;
}

/**
 * The sets of the certificates above, most trusted first. Permitted sets intersect: a name must pass each one by
 * itself. Excluded sets join.
 */
export function checkNameConstraints(
  certificate: Certificate,
  above: readonly NameConstraints[],
  budget: Budget,
): ConstraintProblem | null {
  if (above.length === 0) return null;
  const names = namesOf(certificate);
  if (!budget.spend("comparisons", names.length * NAME_COST)) return null;
  for (const constraints of above) {
    for (const name of names) {
      const problem = checkName(name, constraints, budget);
      if (problem !== null) return problem;
      if (budget.exceeded !== null) return null;
    }
  }
  return null;
}

const problems = new WeakMap<NameConstraints, ConstraintProblem | "none">();

/** What is wrong with the constraints themselves, or null. They bind nobody if they mean nothing, so they refuse. */
export function constraintsProblem(constraints: NameConstraints): ConstraintProblem | null {
  let problem = problems.get(constraints);
  if (problem === undefined) {
    problem = findProblem(constraints) ?? "none";
    problems.set(constraints, problem);
  }
  return problem === "none" ? null : problem;
}

function findProblem(constraints: NameConstraints): ConstraintProblem | null {
  for (const constraint of [...constraints.permitted, ...constraints.excluded]) {
    const expected = wellFormed(constraint);
    if (expected !== null) return { expected, presented: describeName(constraint) };
  }
  return null;
}

/** A presented name, with what its comparisons need: read once for all constraints. */
interface Prepared {
  readonly name: GeneralName;
  /** The host in lower case, of a dNSName, URI or mailbox; null when it has not the form its type demands. */
  readonly host: string | null;
  /** Whether it can be compared at all. */
  readonly usable: boolean;
}

const prepared = new WeakMap<Certificate, readonly Prepared[]>();

/** RFC 5280 §6.1.3 (b): the subject and each alternative name. */
function namesOf(certificate: Certificate): readonly Prepared[] {
  let names = prepared.get(certificate);
  if (names === undefined) {
    const all: GeneralName[] = [];
    if (certificate.subject.rdns.length > 0) all.push({ type: "directory", value: certificate.subject });
    // RFC 5280 §4.2.1.10 applies mailbox constraints to emailAddress in the subject when there is no subjectAltName;
    // as OpenSSL does, always: a CA that restricts mailboxes restricts them there too.
    for (const value of emailAddresses(certificate.subject)) all.push({ type: "rfc822", value });
    names = [...all, ...(certificate.subjectAltNames ?? [])].map(prepare);
    prepared.set(certificate, names);
  }
  return names;
}

function prepare(name: GeneralName): Prepared {
  const host = hostOf(name);
  switch (name.type) {
    case "dns":
    case "rfc822":
    case "uri":
      // A URI without an authority, or with an address as its host, MUST be rejected.
      return { name, host, usable: host !== null };
    case "ip":
    case "directory":
      return { name, host, usable: true };
    case "other":
      return { name, host, usable: false }; // a constraint on a type that cannot be compared refuses every name of it
  }
}

function hostOf(name: GeneralName): string | null {
  switch (name.type) {
    case "dns": {
      const lower = name.value.toLowerCase();
      return isDnsName(lower) ? lower : null;
    }
    case "rfc822":
      return splitMailbox(name.value)?.host ?? null;
    case "uri":
      return uriHost(name.value);
    case "ip":
    case "directory":
    case "other":
      return null;
  }
}

function checkName(name: Prepared, constraints: NameConstraints, budget: Budget): ConstraintProblem | null {
  for (const excluded of constraints.excluded) {
    if (!budget.spend("comparisons", costOf(excluded))) return null;
    if (!sameType(excluded, name.name)) continue;
    // A name that cannot be compared cannot be shown to lie outside, nor inside below.
    if (!name.usable || covers(excluded, name, "excluded")) {
      return { expected: `a name outside the excluded ${describeName(excluded)}`, presented: describeName(name.name) };
    }
  }
  let first: GeneralName | null = null;
  for (const permitted of constraints.permitted) {
    if (!budget.spend("comparisons", costOf(permitted))) return null;
    if (!sameType(permitted, name.name)) continue;
    if (name.usable && covers(permitted, name, "permitted")) return null;
    first ??= permitted;
  }
  if (first === null) return null;
  return { expected: `a name within the permitted ${describeName(first)}`, presented: describeName(name.name) };
}

function sameType(constraint: GeneralName, name: GeneralName): boolean {
  return constraint.type === "other" && name.type === "other"
    ? constraint.tag === name.tag
    : constraint.type === name.type;
}

const costOf = (constraint: GeneralName): number =>
  constraint.type === "directory" ? 1 + constraint.value.rdns.length : 1;

/** Whether a usable name of the same type lies in the subtree. An excluded subtree covers what it may touch. */
function covers(constraint: GeneralName, { name, host }: Prepared, set: "permitted" | "excluded"): boolean {
  switch (constraint.type) {
    case "dns":
      return host !== null && coversDns(constraint.value.toLowerCase(), host, set);
    case "uri":
      return host !== null && coversHost(constraint.value.toLowerCase(), host);
    case "rfc822":
      return host !== null && name.type === "rfc822" && coversMailbox(constraint.value, name.value, host);
    case "ip":
      return name.type === "ip" && coversIp(constraint.value, name.value);
    case "directory":
      // What cannot be shown to be another name is not permitted, and is excluded.
      if (name.type !== "directory") return false;
      return set === "permitted"
        ? compareSubtree(constraint.value, name.value) === "same"
        : compareSubtree(constraint.value, name.value) !== "different";
    case "other":
      return false;
  }
}

/** Adding zero or more labels to the left satisfies the constraint; the empty one covers every name. */
function coversDns(constraint: string, name: string, set: "permitted" | "excluded"): boolean {
  if (!name.startsWith("*.")) return within(constraint, name);
  const base = name.slice(2);
  if (within(constraint, base)) return true;
  // CVE-2025-61727: `*.base` also stands for the excluded `label.base`.
  return set === "excluded" && within(base, constraint) && !constraint.slice(0, -base.length - 1).includes(".");
}

/** Without building strings: this runs for every name and every constraint. */
function within(domain: string, name: string): boolean {
  if (domain === "" || name === domain) return true;
  return name.endsWith(domain) && name.charAt(name.length - domain.length - 1) === ".";
}

/** `.example.com` covers the hosts below it, `example.com` that host alone. */
function coversHost(constraint: string, host: string): boolean {
  return constraint.startsWith(".") ? host.endsWith(constraint) : host === constraint;
}

/** RFC 5280 §4.2.1.10: a particular mailbox, all of a host, or all below a domain. */
function coversMailbox(constraint: string, mailbox: string, host: string): boolean {
  if (!constraint.includes("@")) return coversHost(constraint.toLowerCase(), host);
  const [own, other] = [splitMailbox(constraint), splitMailbox(mailbox)];
  return own !== null && own.host === host && own.local === other?.local;
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

/** What RFC 5280 §4.2.1.10 asks of a constraint of this type, if this one breaks it. */
function wellFormed(constraint: GeneralName): string | null {
  switch (constraint.type) {
    case "dns":
      return constraint.value === "" || isHost(constraint.value)
        ? null
        : "a dNSName constraint that is a host name, without a leading dot or wildcard";
    case "rfc822":
    case "uri": {
      const host = constraint.value.startsWith(".") ? constraint.value.slice(1) : constraint.value;
      if (isHost(host)) return null;
      if (constraint.type === "rfc822" && splitMailbox(constraint.value) !== null) return null;
      return `a ${constraint.type} constraint that is a host${constraint.type === "uri" ? "" : ", a mailbox"} or a domain with a leading dot`;
    }
    case "ip":
      return isContiguousMask(constraint.value.subarray(constraint.value.length / 2))
        ? null
        : "an iPAddress constraint with a contiguous mask (RFC 4632)";
    case "directory":
    case "other":
      return null;
  }
}

/** A domain name or a single label (`localhost`, `com`). */
function isHost(text: string): boolean {
  return !text.startsWith("*") && isDnsName(text.toLowerCase());
}

function isContiguousMask(mask: Uint8Array): boolean {
  let ended = false;
  for (const octet of mask) {
    const ones = Math.clz32(~(octet << 24));
    if (ended ? octet !== 0 : octet !== ((0xff00 >> Math.min(ones, 8)) & 0xff)) return false;
    if (octet !== 0xff) ended = true;
  }
  return true;
}
