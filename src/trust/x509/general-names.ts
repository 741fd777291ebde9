/** Reads GeneralNames (RFC 5280 §4.2.1.6), into the form that the checks compare. */
import { DerError, DerReader, context } from "./der.ts";
import { ascii } from "./directory-strings.ts";
import { type DistinguishedName, describeDn, readName } from "./distinguished-names.ts";
import { checkNested } from "./nested.ts";

/** A GeneralName. The text of a dns, uri or rfc822 name is ASCII, as it was written. */
export type GeneralName =
  | { readonly type: "dns" | "uri" | "rfc822"; readonly value: string }
  /** An IP address: in a subjectAltName 4 or 16 octets; in a constraint 8 or 32, address and mask. */
  | { readonly type: "ip"; readonly value: Uint8Array }
  | { readonly type: "directory"; readonly value: DistinguishedName }
  /** otherName, x400Address, ediPartyName and registeredID: only the tag is kept. */
  | { readonly type: "other"; readonly tag: number };

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

/**
 * A name for people: `DNS:example.com`. The text may hold any ASCII character: make it printable before it is
 * logged.
 */
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

/** An address for people: IPv4 in dotted form, IPv6 as in RFC 5952, a range as address/mask. */
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
