/** Reads distinguished names (RFC 5280 §4.1.2.4). Their text is folded only when two names must be compared. */
import { DerError, DerReader, TAG } from "./der.ts";
import { type FoldedText, MAX_FOLDED_OCTETS, foldText, readText } from "./directory-strings.ts";
import { checkNested } from "./nested.ts";

/**
 * A Name: RDNs in order, each a set of attributes. A name has no form as one string that could be compared, because
 * a value may contain any separator: use `compareNames`.
 */
export interface DistinguishedName {
  readonly der: Uint8Array;
  readonly rdns: readonly Rdn[];
}

/** A RelativeDistinguishedName, never empty. */
export type Rdn = readonly Attribute[];

/**
 * The number of attributes in one name and of elements inside their values: PKI.js spends time on each, and no CA
 * needs more.
 */
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
  /** The value as text; null: its type has none, see `compareOpaque`. */
  readonly text: string | null;
  #folded: FoldedText | null | undefined;

  constructor(type: string, tag: number, der: Uint8Array, text: string | null) {
    this.type = type;
    this.tag = tag;
    this.der = der;
    this.text = text;
  }

  /** The text in its forms for comparison, made at first use; null: it has none. */
  get folded(): FoldedText | null {
    if (this.#folded === undefined) {
      this.#folded = this.text === null || this.der.length > MAX_FOLDED_OCTETS ? null : foldText(this.text);
    }
    return this.#folded;
  }
}

/** Reads a Name, whose SEQUENCE is the next element of `reader`. */
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
 * Reads an RDN from the contents of its SET. `before` is the number of attributes, and of elements inside their
 * values, in the RDNs that precede it in its name; `elements` is that number including this RDN.
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
  // A value without text is read down to its elements, each of which counts.
  const value = new DerReader(pair.bytes, element.start, element.end);
  const elements = text === null ? checkNested(value, 9, what) - 1 : 0;
  return { attribute: new Attribute(type, element.tag, pair.whole(element), text), elements };
}

/** The texts of the common names. */
export const commonNames = (name: DistinguishedName): string[] => textsOf(name, COMMON_NAME);

/**
 * The texts of the emailAddress attributes. One whose type has no text is "", a mailbox that no constraint permits.
 */
export const emailAddresses = (name: DistinguishedName): string[] => textsOf(name, EMAIL_ADDRESS);

const textsOf = (name: DistinguishedName, type: string): string[] =>
  name.rdns.flatMap((rdn) => rdn.filter((attribute) => attribute.type === type).map(({ text }) => text ?? ""));

/**
 * The last common name for people, or all attributes when there is none, such as `2.5.4.6=DE, 2.5.4.10=Team`. The
 * text may hold any character: make it printable before it is logged.
 */
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
