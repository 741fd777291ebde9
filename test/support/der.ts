/** Writes DER, element by element, so that any of them can be wrong. */

/** Octets. */
export type Bytes = Uint8Array;

/** The parts, one after the other. */
export function concat(...parts: readonly Bytes[]): Bytes {
  return new Uint8Array(Buffer.concat(parts));
}

/** One DER element. */
export function tlv(tag: number, ...parts: readonly Bytes[]): Bytes {
  const body = concat(...parts);
  const length: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  const header = body.length < 0x80 ? [body.length] : [0x80 | length.length, ...length];
  return concat(Uint8Array.from([tag, ...header]), body);
}

/** A SEQUENCE. */
export const seq = (...parts: readonly Bytes[]): Bytes => tlv(0x30, ...parts);

/** Octets by their values. */
export const bytes = (...octets: readonly number[]): Bytes => Uint8Array.from(octets);

/** A string type with this tag, one octet a character. */
export const text = (tag: number, value: string): Bytes => tlv(tag, new Uint8Array(Buffer.from(value, "latin1")));

/** A UTF8String. */
export const utf8 = (value: string): Bytes => tlv(0x0c, new TextEncoder().encode(value));

/** A BOOLEAN that is TRUE. */
export const TRUE = bytes(0x01, 0x01, 0xff);

/** An OBJECT IDENTIFIER from dotted decimal. */
export function oid(dotted: string): Bytes {
  const arcs = dotted.split(".").map(BigInt);
  const [first = 0n, second = 0n, ...rest] = arcs;
  const octets: number[] = [];
  for (const arc of [first * 40n + second, ...rest]) {
    const digits = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) digits.unshift(0x80 | Number(left & 0x7fn));
    octets.push(...digits);
  }
  return tlv(0x06, Uint8Array.from(octets));
}

/** A non-negative INTEGER. */
export function int(value: number | bigint): Bytes {
  let hex = BigInt(value).toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`;
  return tlv(0x02, new Uint8Array(Buffer.from(hex, "hex")));
}

/** A UTCTime. */
export function utcTime(ms: number): Bytes {
  return text(0x17, `${new Date(ms).toISOString().slice(2, 19).replaceAll(/[-:T]/gu, "")}Z`);
}

/** A GeneralizedTime. */
export function generalizedTime(ms: number): Bytes {
  return text(0x18, `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:T]/gu, "")}Z`);
}
