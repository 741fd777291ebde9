/** Distinguished names (RFC 5280 §4.1.2.4): read as they are, folded only when two of them must be compared. */
import { DerError, DerReader, TAG } from "./der.ts";
import { type FoldedText, MAX_FOLDED_OCTETS, foldText, readText } from "./directory-strings.ts";
import { checkNested } from "./nested.ts";

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
  #folded: FoldedText | null | undefined;

  constructor(type: string, tag: number, der: Uint8Array, text: string | null) {
    this.type = type;
    this.tag = tag;
    this.der = der;
    this.text = text;
  }

  /** For comparison, made at first need; null: it has no such form. */
  get folded(): FoldedText | null {
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
