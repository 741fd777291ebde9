/** Checks names against name constraints (RFC 5280 §4.2.1.10, §6.1.3 (b)-(c), §6.1.4 (g)). */
import type { Budget } from "../budget.ts";
import type { Problem } from "../verdict.ts";
import type { Certificate } from "../x509/certificate.ts";
import { emailAddresses } from "../x509/distinguished-names.ts";
import { type GeneralName, describeName } from "../x509/general-names.ts";
import { isDnsName, splitMailbox } from "../x509/identity.ts";
import type { NameConstraints } from "../x509/name-constraints.ts";
import { type PreparedName, covers, prepareConstraint, prepareName, spendOnPair, typeOf } from "./subtrees.ts";

/** Why a certificate breaks the constraints above it: what was expected and what was found, for people. */
interface ConstraintProblem {
  readonly expected: string;
  readonly presented: string;
}

/**
 * Checks name constraints from the anchor down, each certificate with the constraints of all above it (RFC 5280
 * §6.1.3 (b)-(c)).
 */
export function checkPathConstraints(
  certificates: readonly Certificate[],
  budget: Budget,
): { readonly index: number; readonly problem: Problem } | null {
  const above: NameConstraints[] = [];
  for (let index = certificates.length - 1; index >= 0; index--) {
    const certificate = certificates[index];
    if (certificate === undefined) continue;
    // A self-issued certificate is exempt unless it is the end entity. Nothing constrains an anchor.
    if (!certificate.selfIssued || index === 0) {
      const problem = checkNameConstraints(certificate, above, budget);
      if (problem !== null) return { index, problem: { code: "name-constraint", ...problem } };
      if (budget.exceeded !== null) return null;
    }
    if (certificate.nameConstraints !== null) above.push(certificate.nameConstraints);
  }
  return null;
}

/**
 * Checks the names of a certificate against the constraints of all certificates above it, most trusted first. A name
 * must pass the permitted subtrees of each certificate by themselves (the sets intersect), and must be in no
 * excluded subtree (the sets join).
 */
function checkNameConstraints(
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

/**
 * The problem of the constraints themselves; null: they have none. Constraints without a meaning would restrict no
 * name, so they refuse.
 */
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

const presentedNames = new WeakMap<Certificate, readonly PreparedName[]>();

/** The names that constraints apply to: the subject and each alternative name (RFC 5280 §6.1.3 (b)). */
function namesOf(certificate: Certificate): readonly PreparedName[] {
  let names = presentedNames.get(certificate);
  if (names === undefined) {
    const all: GeneralName[] = [];
    if (certificate.subject.rdns.length > 0) all.push({ type: "directory", value: certificate.subject });
    // RFC 5280 §4.2.1.10 applies mailbox constraints to emailAddress in the subject when there is no subjectAltName.
    // This code applies them always, as OpenSSL does: a CA that restricts mailboxes restricts those of the subject
    // too.
    for (const value of emailAddresses(certificate.subject)) all.push({ type: "rfc822", value });
    names = [...all, ...(certificate.subjectAltNames ?? [])].map(prepareName);
    presentedNames.set(certificate, names);
  }
  return names;
}

type Subtrees = ReadonlyMap<string, readonly PreparedName[]>;

const subtrees = new WeakMap<NameConstraints, { readonly permitted: Subtrees; readonly excluded: Subtrees }>();

/** The subtrees of the constraints, by the type of name they are for. */
function subtreesOf(constraints: NameConstraints): { readonly permitted: Subtrees; readonly excluded: Subtrees } {
  let prepared = subtrees.get(constraints);
  if (prepared === undefined) {
    const byType = (list: readonly GeneralName[]): Subtrees => Map.groupBy(list.map(prepareConstraint), typeOf);
    prepared = { permitted: byType(constraints.permitted), excluded: byType(constraints.excluded) };
    subtrees.set(constraints, prepared);
  }
  return prepared;
}

function checkName(name: PreparedName, constraints: NameConstraints, budget: Budget): ConstraintProblem | null {
  const { permitted, excluded } = subtreesOf(constraints);
  const type = typeOf(name);
  for (const subtree of excluded.get(type) ?? []) {
    if (!spendOnPair(subtree, name, budget)) return null;
    // A name that cannot be compared is refused here and below: nothing shows that it lies outside an excluded
    // subtree or inside a permitted one.
    if (!name.comparable || covers(subtree, name, "excluded")) {
      const expected = `a name outside the excluded ${describeName(subtree.name)}`;
      return { expected, presented: describeName(name.name) };
    }
  }
  const within = permitted.get(type);
  if (within === undefined) return null;
  for (const subtree of within) {
    if (!spendOnPair(subtree, name, budget)) return null;
    if (name.comparable && covers(subtree, name, "permitted")) return null;
  }
  const first = within[0]?.name;
  const expected = `a name within the permitted ${first === undefined ? "names" : describeName(first)}`;
  return { expected, presented: describeName(name.name) };
}

/** What RFC 5280 §4.2.1.10 asks of a constraint of this type; null: this constraint has that form. */
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
