/** Names in certificates: distinguished names and GeneralName, in the form the checks compare. */
import { hex } from "../bundle/bytes.ts";
import { DerError, DerReader, TAG, checkNested, context } from "./der.ts";

/** A Name (RFC 5280 §4.1.2.4). Two names are the same when their `key` is. */
export interface DistinguishedName {
  readonly der: Uint8Array;
  /** One comparison key an RDN, in order: case and insignificant spaces folded (RFC 5280 §7.1). */
  readonly rdns: readonly string[];
  readonly key: string;
  readonly commonNames: readonly string[];
  readonly emailAddresses: readonly string[];
}

export type GeneralName =
  | { readonly type: "dns" | "uri" | "rfc822"; readonly value: string }
  /** In a SAN 4 or 16 octets; in a constraint 8 or 32, address and mask. */
  | { readonly type: "ip"; readonly value: Uint8Array }
  | { readonly type: "directory"; readonly value: DistinguishedName }
  /** otherName, x400Address, ediPartyName, registeredID: known by their tag alone. */
  | { readonly type: "other"; readonly tag: number };

/** Attributes in one name, and elements inside their values: PKI.js pays for each, and no CA needs more. */
export const MAX_ATTRIBUTES = 32;

const COMMON_NAME = "2.5.4.3";
const EMAIL_ADDRESS = "1.2.840.113549.1.9.1";

/** Reads a Name. `reader` stands at its SEQUENCE. */
export function readName(reader: DerReader, what: string): DistinguishedName {
  const element = reader.expect(TAG.sequence, what);
  const sequence = new DerReader(reader.bytes, element.content, element.end);
  const rdns: string[] = [];
  const commonNames: string[] = [];
  const emailAddresses: string[] = [];
  let attributes = 0;
  while (!sequence.empty) {
    const set = sequence.enter(TAG.set, what);
    if (set.empty) throw new DerError(`${what} has an empty RDN`);
    const keys: string[] = [];
    let previous: Uint8Array | null = null;
    while (!set.empty) {
      const attribute = set.expect(TAG.sequence, what);
      const bytes = set.whole(attribute);
      // X.690 §11.6: the elements of a SET OF in ascending order.
      if (previous !== null && compareBytes(previous, bytes) > 0) throw new DerError(`${what} has an unsorted RDN`);
      previous = bytes;
      const pair = new DerReader(set.bytes, attribute.content, attribute.end);
      const type = pair.oid(what);
      const value = readAttributeValue(pair, what);
      pair.finish(what);
      attributes += 1 + value.elements;
      if (attributes > MAX_ATTRIBUTES) throw new DerError(`${what} has more than ${MAX_ATTRIBUTES} attributes`);
      keys.push(`${type}=${value.key}`);
      if (type === COMMON_NAME) commonNames.push(value.text);
      if (type === EMAIL_ADDRESS) emailAddresses.push(value.text);
    }
    rdns.push(keys.length === 1 ? keys.join("") : keys.toSorted().join("\u0001"));
  }
  return { der: reader.whole(element), rdns, key: rdns.join("\u0000"), commonNames, emailAddresses };
}

/** The text of a DirectoryString and its comparison key; any other type compares by its bytes. */
function readAttributeValue(reader: DerReader, what: string): { text: string; key: string; elements: number } {
  const element = reader.next(what);
  const contents = reader.contents(element);
  let text: string;
  switch (element.tag) {
    case TAG.utf8String:
      text = utf8(contents, what);
      break;
    case 0x12: // NumericString
    case 0x13: // PrintableString
    case 0x16: // IA5String
    case 0x1a: // VisibleString
      text = ascii(contents, what);
      break;
    case 0x14: // TeletexString, read as Latin-1 as everyone does
      text = latin1(contents);
      break;
    case 0x1e: // BMPString
      if (contents.length % 2 !== 0) throw new DerError(`${what} has an odd BMPString`);
      text = wide(contents, 2);
      break;
    case 0x1c: // UniversalString
      if (contents.length % 4 !== 0) throw new DerError(`${what} has a broken UniversalString`);
      text = wide(contents, 4);
      break;
    default: {
      const inner = new DerReader(reader.bytes, element.content, element.end);
      const elements = (element.tag & 0x20) === 0 ? 0 : checkNested(inner, 8, what);
      return { text: "", key: `#${hex(reader.whole(element))}`, elements };
    }
  }
  return { text, key: fold(text), elements: 0 };
}

/** RFC 5280 §7.1 and RFC 4518: compatibility forms and case folded, insignificant spaces removed. */
function fold(text: string): string {
  const plain = isAscii(text) ? text : text.normalize("NFKC");
  return `'${plain.toLowerCase().trim().replaceAll(/\s+/gu, " ")}`;
}

/** Reads a GeneralName. `form` tells whether an iPAddress is an address or a range. */
export function readGeneralName(reader: DerReader, form: "name" | "constraint", what: string): GeneralName {
  const element = reader.next(what);
  const contents = reader.contents(element);
  switch (element.tag) {
    case context(1, false):
      return { type: "rfc822", value: ascii(contents, `${what} rfc822Name`) };
    case context(2, false):
      return { type: "dns", value: ascii(contents, `${what} dNSName`) };
    case context(6, false):
      return { type: "uri", value: ascii(contents, `${what} URI`) };
    case context(7, false): {
      // RFC 5280 §4.2.1.6 and §4.2.1.10.
      const sizes = form === "name" ? [4, 16] : [8, 32];
      if (!sizes.includes(contents.length)) {
        throw new DerError(`${what} iPAddress has ${contents.length} octets, not ${sizes.join(" or ")}`);
      }
      return { type: "ip", value: contents };
    }
    case context(4, true): {
      const inner = new DerReader(reader.bytes, element.content, element.end);
      const value = readName(inner, `${what} directoryName`);
      inner.finish(`${what} directoryName`);
      return { type: "directory", value };
    }
    case context(0, true):
    case context(3, true):
    case context(5, true):
      checkNested(new DerReader(reader.bytes, element.content, element.end), 8, what);
      return { type: "other", tag: element.tag & 0x1f };
    case context(8, false):
      return { type: "other", tag: 8 };
    default:
      throw new DerError(`${what} has a GeneralName with tag 0x${element.tag.toString(16)}`);
  }
}

/** For people: `DNS:example.com`. Not yet made printable. */
export function describeName(name: GeneralName): string {
  switch (name.type) {
    case "dns":
      return `DNS:${name.value}`;
    case "uri":
      return `URI:${name.value}`;
    case "rfc822":
      return `email:${name.value}`;
    case "ip":
      return `IP:${formatIp(name.value)}`;
    case "directory":
      return `DirName:${describeDn(name.value)}`;
    case "other":
      return `GeneralName [${name.tag}]`;
  }
}

/** For people: the common name, or the whole comparison key. */
export function describeDn(name: DistinguishedName): string {
  if (name.rdns.length === 0) return "(empty name)";
  return name.commonNames.at(-1) ?? name.rdns.join(", ");
}

/** IPv4 dotted, IPv6 as RFC 5952; a range as address/mask. */
export function formatIp(value: Uint8Array): string {
  if (value.length === 8 || value.length === 32) {
    const half = value.length / 2;
    return `${formatIp(value.subarray(0, half))}/${formatIp(value.subarray(half))}`;
  }
  if (value.length === 4) return value.join(".");
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((value[2 * index] ?? 0) << 8) | (value[2 * index + 1] ?? 0)).toString(16),
  );
  // RFC 5952 §4.2: the longest run of at least two zero groups, the first of equals.
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
  }
  if (best.length === 1) return groups.join(":");
  return `${groups.slice(0, best.start).join(":")}::${groups.slice(best.start + best.length).join(":")}`;
}

export function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) >= 0x80) return false;
  return true;
}

function ascii(bytes: Uint8Array, what: string): string {
  const text = latin1(bytes);
  if (!isAscii(text)) throw new DerError(`${what} is not ASCII`);
  return text;
}

const CHUNK = 4096;

/** One character an octet. */
export function latin1(bytes: Uint8Array): string {
  if (bytes.length <= CHUNK) return String.fromCharCode(...bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return text;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Uint8Array, what: string): string {
  if (bytes.length <= CHUNK) {
    const text = latin1(bytes);
    if (isAscii(text)) return text;
  }
  try {
    return decoder.decode(bytes);
  } catch {
    throw new DerError(`${what} has a broken UTF8String`);
  }
}

function wide(bytes: Uint8Array, width: 2 | 4): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += width) {
    let unit = 0;
    for (let octet = 0; octet < width; octet++) unit = unit * 256 + (bytes[at + octet] ?? 0);
    text += unit > 0x10ffff ? "\ufffd" : String.fromCodePoint(unit);
  }
  return text;
}

function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const difference = (one[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}
