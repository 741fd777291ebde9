/** Name constraints (RFC 5280 §4.2.1.10, §6.1.3 (b)-(c), §6.1.4 (g)). */
import type { Budget } from "./budget.ts";
import type { Certificate } from "./certificate.ts";
import { compareSubtree, emailAddresses, spendOnSubtree } from "./dn.ts";
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

/** A name or a constraint with what its comparisons need, made once: there are many more pairs than names. */
interface Prepared {
  readonly name: GeneralName;
  /** In lower case: the host of a presented name, or null when it has not the form its type demands; a constraint. */
  readonly host: string | null;
  /** Of a mailbox. */
  readonly local: string | null;
  /** Whether it can be compared at all. */
  readonly usable: boolean;
}

const presentedNames = new WeakMap<Certificate, readonly Prepared[]>();

/** RFC 5280 §6.1.3 (b): the subject and each alternative name. */
function namesOf(certificate: Certificate): readonly Prepared[] {
  let names = presentedNames.get(certificate);
  if (names === undefined) {
    const all: GeneralName[] = [];
    if (certificate.subject.rdns.length > 0) all.push({ type: "directory", value: certificate.subject });
    // RFC 5280 §4.2.1.10 applies mailbox constraints to emailAddress in the subject when there is no subjectAltName;
    // as OpenSSL does, always: a CA that restricts mailboxes restricts them there too.
    for (const value of emailAddresses(certificate.subject)) all.push({ type: "rfc822", value });
    names = [...all, ...(certificate.subjectAltNames ?? [])].map(prepareName);
    presentedNames.set(certificate, names);
  }
  return names;
}

function prepareName(name: GeneralName): Prepared {
  switch (name.type) {
    case "dns": {
      const lower = name.value.toLowerCase();
      const usable = isDnsName(lower);
      return { name, host: usable ? lower : null, local: null, usable };
    }
    case "rfc822": {
      const mailbox = splitMailbox(name.value);
      return { name, host: mailbox?.host ?? null, local: mailbox?.local ?? null, usable: mailbox !== null };
    }
    case "uri": {
      // A URI without an authority, or with an address as its host, MUST be rejected.
      const host = uriHost(name.value);
      return { name, host, local: null, usable: host !== null };
    }
    case "ip":
    case "directory":
      return { name, host: null, local: null, usable: true };
    case "other":
      // A constraint on a type that cannot be compared refuses every name of it.
      return { name, host: null, local: null, usable: false };
  }
}

type Subtrees = ReadonlyMap<string, readonly Prepared[]>;

const subtrees = new WeakMap<NameConstraints, { readonly permitted: Subtrees; readonly excluded: Subtrees }>();

/** The constraints by the type of name that they are for. */
function subtreesOf(constraints: NameConstraints): { readonly permitted: Subtrees; readonly excluded: Subtrees } {
  let prepared = subtrees.get(constraints);
  if (prepared === undefined) {
    const byType = (list: readonly GeneralName[]): Subtrees => Map.groupBy(list.map(prepareConstraint), typeOf);
    prepared = { permitted: byType(constraints.permitted), excluded: byType(constraints.excluded) };
    subtrees.set(constraints, prepared);
  }
  return prepared;
}

function prepareConstraint(name: GeneralName): Prepared {
  const text = name.type === "dns" || name.type === "uri" || name.type === "rfc822" ? name.value : null;
  const mailbox = name.type === "rfc822" && name.value.includes("@") ? splitMailbox(name.value) : null;
  return { name, host: mailbox?.host ?? text?.toLowerCase() ?? null, local: mailbox?.local ?? null, usable: true };
}

const typeOf = ({ name }: Prepared): string => (name.type === "other" ? `other ${name.tag}` : name.type);

function checkName(name: Prepared, constraints: NameConstraints, budget: Budget): ConstraintProblem | null {
  const { permitted, excluded } = subtreesOf(constraints);
  const type = typeOf(name);
  for (const subtree of excluded.get(type) ?? []) {
    if (!spendOnPair(subtree, name, budget)) return null;
    // A name that cannot be compared cannot be shown to lie outside, nor inside below.
    if (!name.usable || covers(subtree, name, "excluded")) {
      const expected = `a name outside the excluded ${describeName(subtree.name)}`;
      return { expected, presented: describeName(name.name) };
    }
  }
  const within = permitted.get(type);
  if (within === undefined) return null;
  for (const subtree of within) {
    if (!spendOnPair(subtree, name, budget)) return null;
    if (name.usable && covers(subtree, name, "permitted")) return null;
  }
  const first = within[0]?.name;
  const expected = `a name within the permitted ${first === undefined ? "names" : describeName(first)}`;
  return { expected, presented: describeName(name.name) };
}

function spendOnPair({ name: subtree }: Prepared, { name }: Prepared, budget: Budget): boolean {
  return subtree.type === "directory" && name.type === "directory"
    ? spendOnSubtree(subtree.value, name.value, budget)
    : budget.spend("comparisons", 1);
}

/** Whether a usable name of the same type lies in the subtree. An excluded subtree covers what it may touch. */
function covers(subtree: Prepared, { name, host, local }: Prepared, set: "permitted" | "excluded"): boolean {
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
