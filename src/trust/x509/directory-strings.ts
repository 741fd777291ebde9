/**
 * Reads the text of a directory string, and makes its form for comparison (RFC 5280 §7.1, RFC 4518 string
 * preparation).
 *
 * `foldText("Stra\u00dfe 1 ")` is `{ exact: "strasse 1", loose: "strasse 1" }`.
 */
import { DerError, TAG } from "./der.ts";

/**
 * A text in its forms for comparison: two texts are the same when their `exact` forms are equal, and different when
 * their `loose` forms differ. Otherwise the comparison is unclear.
 */
export interface FoldedText {
  /** The text with compatibility forms and case folded, and insignificant spaces removed. */
  readonly exact: string;
  /**
   * The text as in `exact`, without the characters that RFC 4518 §2.2 maps to nothing, such as NUL and the soft hyphen,
   * and with the case of upper case folded, as RFC 3454 B.2 does of a few letters with an iota below.
   */
  readonly loose: string;
}

/**
 * Octets of the longest value that is folded: RFC 5280's upper bounds for the attributes of a name are 64, 128 and
 * 256 characters. A longer value equals the same bytes alone.
 */
export const MAX_FOLDED_OCTETS = 1_024;

/** The text of an ASN.1 string type; null when `tag` is another type. Throws when the octets are not of the type. */
export function readText(tag: number, contents: Uint8Array, what: string): string | null {
  switch (tag) {
    case TAG.utf8String:
      return utf8(contents, what);
    case 0x12: // NumericString
    case 0x13: // PrintableString
    case 0x16: // IA5String
    case 0x1a: // VisibleString
      return ascii(contents, what);
    case 0x14: // TeletexString, read as Latin-1, as other implementations read it
      return latin1(contents);
    case 0x1e: // BMPString
      if (contents.length % 2 !== 0) throw new DerError(`${what} has an odd BMPString`);
      return wide(contents, 2, what);
    case 0x1c: // UniversalString
      if (contents.length % 4 !== 0) throw new DerError(`${what} has a broken UniversalString`);
      return wide(contents, 4, what);
    default:
      return null;
  }
}

/** Spaces of RFC 4518 §2.6.1, and the control characters of §2.2 that are mapped to a space. */
const SPACES = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/gu;
/**
 * Characters that RFC 4518 §2.2 maps to nothing, and those that Unicode ignores by default, some of which are newer
 * than that RFC.
 */
const IGNORED = /(?![\t-\r\u0085])\p{Cc}|\p{Default_Ignorable_Code_Point}|[\u06dd\u070f\u1806\ufff9-\ufffc]/gu;
/**
 * Characters that RFC 4518 §2.4 prohibits, so that a comparison with them is neither true nor false: private use and
 * the replacement character. Unassigned code points are prohibited too, but which ones these are differs between the
 * Unicode versions of the runtimes.
 */
const PROHIBITED = /[\ue000-\uf8ff\ufffd]|[\u{f0000}-\u{10ffff}]/u;
/**
 * Combining marks in a row. Normalization sorts them, at a cost that grows with the square of their number. UAX #15
 * §13 (Stream-Safe Text Format) says that no language needs more than 30.
 */
const MAX_MARKS = 30;
const MARKS = /\p{M}+/gu;

/**
 * A text in its forms for comparison, at a cost linear in its length. Null when RFC 4518 gives the text no such
 * form, or only at a higher cost. Case is folded as in RFC 3454 B.2, by lower case, sharp s and final sigma.
 */
export function foldText(text: string): FoldedText | null {
  const ascii = isAscii(text);
  if (!ascii && (PROHIBITED.test(text) || !text.isWellFormed() || hasLongRun(text))) return null;
  const exact = ascii ? foldAscii(text) : foldUnicode(text);
  if (ascii && text.search(IGNORED) === -1) return { exact, loose: exact };
  return { exact, loose: foldUnicode(foldUnicode(text.replaceAll(IGNORED, "")).toUpperCase()) };
}

function hasLongRun(text: string): boolean {
  for (const [marks] of text.matchAll(MARKS)) if (marks.length > MAX_MARKS) return true;
  return false;
}

const foldAscii = (text: string): string => tidy(text.toLowerCase());

function foldUnicode(text: string): string {
  const folded = text.normalize("NFKC").toLowerCase().replaceAll("\u00df", "ss").replaceAll("\u03c2", "\u03c3");
  return tidy(folded.normalize("NFKC"));
}

/** Removes leading and trailing spaces, and makes each run of spaces one (RFC 4518 §2.6.1). */
function tidy(text: string): string {
  const single = text.replaceAll(SPACES, " ");
  return single.slice(single.startsWith(" ") ? 1 : 0, single.endsWith(" ") ? -1 : undefined);
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) >= 0x80) return false;
  return true;
}

/** The text of an IA5String. Throws on anything else. */
export function ascii(bytes: Uint8Array, what: string): string {
  const text = latin1(bytes);
  if (!isAscii(text)) throw new DerError(`${what} is not ASCII`);
  return text;
}

const CHUNK = 4096;

/** The octets as Latin-1, one character for each. */
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

function wide(bytes: Uint8Array, width: 2 | 4, what: string): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += width) {
    let unit = 0;
    for (let octet = 0; octet < width; octet++) unit = unit * 256 + (bytes[at + octet] ?? 0);
    // A value beyond Unicode is refused and not replaced: two different values must not become one text.
    if (unit > 0x10ffff) throw new DerError(`${what} has a UniversalString beyond Unicode`);
    text += String.fromCodePoint(unit);
  }
  return text;
}
