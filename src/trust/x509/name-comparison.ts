/** Whether two distinguished names are the same (RFC 5280 §7.1), and what a comparison is charged. */
import { sameBytes } from "../../bundle/bytes.ts";
import type { Budget } from "../budget.ts";
import { MAX_FOLDED_OCTETS } from "./directory-strings.ts";
import type { Attribute, DistinguishedName, Rdn } from "./distinguished-names.ts";

/**
 * The result of comparing two names. `unclear`: they are shown neither to be the same nor to be different, because a
 * value contains characters that some readers drop, or has no form that RFC 4518 compares. Callers treat it as the
 * result that refuses.
 */
export type Comparison = "same" | "different" | "unclear";

/** Compares two names (RFC 5280 §7.1): RDN by RDN, each as a set of types and values. */
export function compareNames(one: DistinguishedName, other: DistinguishedName): Comparison {
  if (one === other || sameBytes(one.der, other.der)) return "same";
  return one.rdns.length === other.rdns.length ? compareSubtree(one, other) : "different";
}

/** Whether two names are shown to be the same. */
export const isSameName = (one: DistinguishedName, other: DistinguishedName): boolean =>
  compareNames(one, other) === "same";

/** Whether the RDNs of `base` are the first RDNs of `name`, as name constraints compare (RFC 5280 §7.1). */
export function compareSubtree(base: DistinguishedName, name: DistinguishedName): Comparison {
  let unclear = false;
  // The attribute types are compared first, which needs no folding.
  if (!base.rdns.every((rdn, index) => sameTypes(rdn, name.rdns[index] ?? []))) return "different";
  for (const [index, rdn] of base.rdns.entries()) {
    const compared = compareRdns(rdn, name.rdns[index] ?? []);
    if (compared === "different") return "different";
    if (compared === "unclear") unclear = true;
  }
  return unclear ? "unclear" : "same";
}

/** Whether `name` consists of the RDNs of `parent` followed by `last`. */
export function isNameBelow(name: DistinguishedName, parent: DistinguishedName, last: Rdn): boolean {
  if (name.rdns.length !== parent.rdns.length + 1) return false;
  return compareRdns(name.rdns.at(-1) ?? [], last) === "same" && compareSubtree(parent, name) === "same";
}

/** Compares two RDNs: the same attributes, in any order (RFC 5280 §7.1). */
export function compareRdns(one: Rdn, other: Rdn): Comparison {
  if (!sameTypes(one, other)) return "different";
  const left = [...other];
  const unmatched = one.filter((attribute) => {
    const index = left.findIndex((candidate) => compareAttributes(attribute, candidate) === "same");
    if (index !== -1) left.splice(index, 1);
    return index === -1;
  });
  // The result is unclear only when each attribute without an equal one has an unclear comparison with some attribute
  // of the other RDN.
  const open = (attribute: Attribute, among: Rdn): boolean =>
    among.some((candidate) => compareAttributes(attribute, candidate) === "unclear");
  if (unmatched.length === 0) return "same";
  const unclear =
    unmatched.every((attribute) => open(attribute, left)) && left.every((attribute) => open(attribute, unmatched));
  return unclear ? "unclear" : "different";
}

/** Whether both RDNs have the same number of attributes of each type. */
function sameTypes(one: Rdn, other: Rdn): boolean {
  if (one.length !== other.length) return false;
  if (one.length === 1) return one[0]?.type === other[0]?.type;
  const types = other.map(({ type }) => type).toSorted();
  return one
    .map(({ type }) => type)
    .toSorted()
    .every((type, index) => type === types[index]);
}

function compareAttributes(one: Attribute, other: Attribute): Comparison {
  if (one.type !== other.type) return "different";
  if (sameBytes(one.der, other.der)) return "same";
  if (one.text === null || other.text === null) return compareOpaque(one, other);
  const [first, second] = [one.folded, other.folded];
  if (first === null || second === null) return "unclear";
  if (first.exact === second.exact) return "same";
  return first.loose === second.loose ? "unclear" : "different";
}

/**
 * Tags of character strings that have no form for comparison: ObjectDescriptor, Videotex-, Graphic-, GeneralString,
 * CHARACTER STRING.
 */
const OPAQUE_STRINGS: ReadonlySet<number> = new Set([0x07, 0x15, 0x19, 0x1b, 0x1d, 0x3d]);

/** Compares values of which one has no text: they differ, unless some reader may take both for the same characters. */
function compareOpaque({ tag }: Attribute, other: Attribute): Comparison {
  return tag !== other.tag || OPAQUE_STRINGS.has(tag) ? "unclear" : "different";
}

/**
 * The types of a name's attributes as text. Names of different shapes are different; names of one shape need not be
 * the same.
 */
export const shapeOf = ({ rdns }: DistinguishedName): string =>
  rdns
    .map((rdn) =>
      rdn
        .map(({ type }) => type)
        .toSorted()
        .join("+"),
    )
    .join(",");

/** Charges what comparing two names may take. False: over budget, so they must not be compared. */
export function spendOnComparison(one: DistinguishedName, other: DistinguishedName, budget: Budget): boolean {
  if (one === other || sameBytes(one.der, other.der) || shapeOf(one) !== shapeOf(other)) return true;
  return spendOnSubtree(one, other, budget);
}

/** Whether two names are shown to be the same, with the comparison charged: over budget, no two names are the same. */
export const isSameNameWithin = (one: DistinguishedName, other: DistinguishedName, budget: Budget): boolean =>
  spendOnComparison(one, other, budget) && isSameName(one, other);

/** Charges what `compareSubtree` may take. False: over budget. */
export function spendOnSubtree(base: DistinguishedName, name: DistinguishedName, budget: Budget): boolean {
  for (const each of [base, name]) if (budget.isFirstUse(each)) budget.spend("folded", foldedOctets(each));
  return budget.spend("comparisons", comparisonsWith(base));
}

/** The highest number of pairs of attributes that are compared: within an RDN, each with each. */
const comparisonsWith = (base: DistinguishedName): number =>
  base.rdns.reduce((sum, { length }) => sum + length * length, 1);

function foldedOctets(name: DistinguishedName): number {
  let octets = 0;
  for (const rdn of name.rdns) {
    for (const { text, der } of rdn) if (text !== null && der.length <= MAX_FOLDED_OCTETS) octets += der.length;
  }
  return octets;
}
