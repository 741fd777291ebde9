/** Checks DER of types that trust/ does not read, down to its elements. */
import { DerError, DerReader, MAX_OID_OCTETS, TAG } from "./der.ts";

/**
 * Checks that the contents are DER elements, nested at most `depth` levels, and answers their number. Object
 * identifiers may be no longer than elsewhere, because PKI.js spends time on each of their arcs.
 */
export function checkNested(reader: DerReader, depth: number, what: string): number {
  if (depth === 0) throw new DerError(`${what} is nested too deep`);
  let count = 0;
  while (!reader.empty) {
    const element = reader.next(what);
    count++;
    const isOid = element.tag === TAG.oid || element.tag === TAG.relativeOid;
    if (isOid && element.end - element.content > MAX_OID_OCTETS) {
      throw new DerError(`${what} has an OBJECT IDENTIFIER of ${element.end - element.content} octets`);
    }
    if ((element.tag & 0x20) !== 0) {
      // X.690 §10.2: strings are primitive.
      if (isConstructedString(element.tag)) throw new DerError(`${what} has a string in pieces`);
      count += checkNested(new DerReader(reader.bytes, element.content, element.end), depth - 1, what);
    }
  }
  return count;
}

/**
 * Whether the tag octet of a constructed element is that of a string. The last three in the list are EXTERNAL, EMBEDDED
 * PDV and CHARACTER STRING.
 */
const isConstructedString = (tag: number): boolean =>
  (tag & 0xc0) === 0 && ![TAG.sequence, TAG.set, 0x28, 0x2b, 0x3d].includes(tag);
