/** Distinguished names (RFC 5280 §4.1.2.4): read as they are, folded only when two of them must be compared. */
import type { Budget } from "../budget.ts";
import { DerError, DerReader, TAG, checkNested, sameBytes } from "./der.ts";
import { type Folded, MAX_FOLDED_OCTETS, foldText, readText } from "./directory-strings.ts";

/**
 * A Name: RDNs in order, each a set of attributes. It has no key as one string, because a value may hold any
 * character that could separate two values: compare with `compareNames`.
 */
export interface DistinguishedName {
  readonly der: Uint8Array;
  readonly rdns: readonly Rdn[];
}

/** A RelativeDistinguishedName, never empty. */
export type Rdn = readonly Attribute[];

/**
 * Whether two names are one. `unclear`: neither can be shown, because a value has characters that some readers drop
 * and others keep, or none of the forms that RFC 4518 compares. Treat it as whatever refuses.
 */
export type Comparison = "same" | "different" | "unclear";

/** Attributes in one name, and elements inside their values: PKI.js pays for each, and no CA needs more. */
export const MAX_ATTRIBUTES = 32;

const COMMON_NAME = "2.5.4.3";
const EMAIL_ADDRESS = "1.2.840.113549.1.9.1";

/** One AttributeTypeAndValue. */
export class Attribute {
  readonly type: string;
  /** The tag octet of the value. */
  readonly tag: number;
  /** The value with its tag and length. */
  readonly der: Uint8Array;
  /** Null: a type without text, see `compareOpaque`. */
  readonly text: string | null;
  #folded: Folded | null | undefined;

  constructor(type: string, tag: number, der: Uint8Array, text: string | null) {
    this.type = type;
    this.tag = tag;
    this.der = der;
    this.text = text;
  }

  /** For comparison, made at first need; null: it has no such form. */
  get folded(): Folded | null {
    if (this.#folded === undefined) {
      this.#folded = this.text === null || this.der.length > MAX_FOLDED_OCTETS ? null : foldText(this.text);
    }
    return this.#folded;
  }
}

/** Reads a Name. `reader` stands at its SEQUENCE. */
export function readName(reader: DerReader, what: string): DistinguishedName {
  const element = reader.expect(TAG.sequence, what);
  const sequence = new DerReader(reader.bytes, element.content, element.end);
  const rdns: Rdn[] = [];
  let elements = 0;
  while (!sequence.empty) {
    const read = readRdn(sequence.enter(TAG.set, what), what, elements);
    elements = read.elements;
    rdns.push(read.rdn);
  }
  return { der: reader.whole(element), rdns };
}

/**
 * Reads an RDN: `set` is the inside of its SET. `before` counts the attributes, and the elements inside their values, of
 * the RDNs that stand before it in its name, and `elements` those up to its end.
 */
export function readRdn(set: DerReader, what: string, before = 0): { rdn: Rdn; elements: number } {
  if (set.empty) throw new DerError(`${what} has an empty RDN`);
  const rdn: Attribute[] = [];
  let elements = before;
  let previous: Uint8Array | null = null;
  while (!set.empty) {
    const attribute = set.expect(TAG.sequence, what);
    const bytes = set.whole(attribute);
    // X.690 §11.6: the elements of a SET OF in ascending order.
    if (previous !== null && compareBytes(previous, bytes) > 0) throw new DerError(`${what} has an unsorted RDN`);
    previous = bytes;
    const pair = new DerReader(set.bytes, attribute.content, attribute.end);
    const read = readAttribute(pair, what);
    pair.finish(what);
    elements += 1 + read.elements;
    if (elements > MAX_ATTRIBUTES) throw new DerError(`${what} has more than ${MAX_ATTRIBUTES} attributes`);
    rdn.push(read.attribute);
  }
  return { rdn, elements };
}

function readAttribute(pair: DerReader, what: string): { attribute: Attribute; elements: number } {
  const type = pair.oid(what);
  const element = pair.next(what);
  const text = readText(element.tag, pair.contents(element), what);
  // As any other value it is read down to its elements, and counts as many.
  const value = new DerReader(pair.bytes, element.start, element.end);
  const elements = text === null ? checkNested(value, 9, what) - 1 : 0;
  return { attribute: new Attribute(type, element.tag, pair.whole(element), text), elements };
}

/** Whether two names are the same (RFC 5280 §7.1): RDN by RDN, each as a set of types and values. */
export function compareNames(one: DistinguishedName, other: DistinguishedName): Comparison {
  if (one === other || sameBytes(one.der, other.der)) return "same";
  return one.rdns.length === other.rdns.length ? compareSubtree(one, other) : "different";
}

/** For what only a name that is shown to be the same allows. */
export const isSameName = (one: DistinguishedName, other: DistinguishedName): boolean =>
  compareNames(one, other) === "same";

/** Whether the RDNs of `base` are the first of the name's (RFC 5280 §7.1, on name constraints). */
export function compareSubtree(base: DistinguishedName, name: DistinguishedName): Comparison {
  let unclear = false;
  // The shape first: it costs no folding.
  if (!base.rdns.every((rdn, index) => sameTypes(rdn, name.rdns[index] ?? []))) return "different";
  for (const [index, rdn] of base.rdns.entries()) {
    const compared = compareRdns(rdn, name.rdns[index] ?? []);
    if (compared === "different") return "different";
    if (compared === "unclear") unclear = true;
  }
  return unclear ? "unclear" : "same";
}

/** Whether both have as many attributes of each type. In DER's order equal types stand together, shorter ones first. */
function sameTypes(one: Rdn, other: Rdn): boolean {
  if (one.length !== other.length) return false;
  if (one.length === 1) return one[0]?.type === other[0]?.type;
  const types = other.map(({ type }) => type).toSorted();
  return one
    .map(({ type }) => type)
    .toSorted()
    .every((type, index) => type === types[index]);
}

/** Whether `name` is the RDN `last` below the name `parent`. */
export function isNameBelow(name: DistinguishedName, parent: DistinguishedName, last: Rdn): boolean {
  if (name.rdns.length !== parent.rdns.length + 1) return false;
  return compareRdns(name.rdns.at(-1) ?? [], last) === "same" && compareSubtree(parent, name) === "same";
}

/** RFC 5280 §7.1: the same attributes, in any order. */
export function compareRdns(one: Rdn, other: Rdn): Comparison {
  if (!sameTypes(one, other)) return "different";
  const left = [...other];
  const unmatched = one.filter((attribute) => {
    const index = left.findIndex((candidate) => compareAttributes(attribute, candidate) === "same");
    if (index !== -1) left.splice(index, 1);
    return index === -1;
  });
  // Each attribute that has no partner must at least have one of which nothing can be shown.
  const open = (attribute: Attribute, among: Rdn): boolean =>
    among.some((candidate) => compareAttributes(attribute, candidate) === "unclear");
  if (unmatched.length === 0) return "same";
  const unclear =
    unmatched.every((attribute) => open(attribute, left)) && left.every((attribute) => open(attribute, unmatched));
  return unclear ? "unclear" : "different";
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

/** Character strings without a form for comparison: ObjectDescriptor, Videotex-, Graphic-, General-, CHARACTER STRING. */
const OPAQUE_STRINGS: ReadonlySet<number> = new Set([0x07, 0x15, 0x19, 0x1b, 0x1d, 0x3d]);

/** Values of which one has no text: unlike, unless some reader may take both for the same characters. */
function compareOpaque({ tag }: Attribute, other: Attribute): Comparison {
  return tag !== other.tag || OPAQUE_STRINGS.has(tag) ? "unclear" : "different";
}

/** The types of a name's attributes: names of different shapes are different. The converse does not hold. */
export const shapeOf = ({ rdns }: DistinguishedName): string =>
  rdns
    .map((rdn) =>
      rdn
        .map(({ type }) => type)
        .toSorted()
        .join("+"),
    )
    .join(",");

/** Charges what comparing the two may take; false: over budget, so they must not be compared. */
export function spendOnComparison(one: DistinguishedName, other: DistinguishedName, budget: Budget): boolean {
  if (one === other || sameBytes(one.der, other.der) || shapeOf(one) !== shapeOf(other)) return true;
  return spendOnSubtree(one, other, budget);
}

/** As `isSameName`, charged: over budget, no two names are the same. */
export const isSameNameWithin = (one: DistinguishedName, other: DistinguishedName, budget: Budget): boolean =>
  spendOnComparison(one, other, budget) && isSameName(one, other);

/** As `spendOnComparison`, for `compareSubtree`. */
export function spendOnSubtree(base: DistinguishedName, name: DistinguishedName, budget: Budget): boolean {
  for (const each of [base, name]) if (budget.once(each)) budget.spend("folded", foldedOctets(each));
  return budget.spend("comparisons", comparisonsWith(base));
}

/** Attributes that are compared at most: in an RDN each with each. */
export const comparisonsWith = (base: DistinguishedName): number =>
  base.rdns.reduce((sum, { length }) => sum + length * length, 1);

function foldedOctets(name: DistinguishedName): number {
  let octets = 0;
  for (const rdn of name.rdns) {
    for (const { text, der } of rdn) if (text !== null && der.length <= MAX_FOLDED_OCTETS) octets += der.length;
  }
  return octets;
}

export const commonNames = (name: DistinguishedName): string[] => textsOf(name, COMMON_NAME);

/** An emailAddress of a type without text is an empty mailbox, which no constraint on mailboxes permits. */
export const emailAddresses = (name: DistinguishedName): string[] => textsOf(name, EMAIL_ADDRESS);

const textsOf = (name: DistinguishedName, type: string): string[] =>
  name.rdns.flatMap((rdn) => rdn.filter((attribute) => attribute.type === type).map(({ text }) => text ?? ""));

/** For people: the common name, or all attributes. Not yet made printable. */
export function describeDn(name: DistinguishedName): string {
  if (name.rdns.length === 0) return "(empty name)";
  const rdns = name.rdns.map((rdn) => rdn.map(({ type, text }) => `${type}=${text ?? "#"}`).join("+"));
  return commonNames(name).at(-1) ?? rdns.join(", ");
}

function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const difference = (one[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}
