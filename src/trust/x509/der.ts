/**
 * A strict DER reader (X.690 §10, §11), which reads in one pass, and allocates only its results. The file is long
 * because one class reads every primitive type, so that all of X.690 that trust/ relies on stands in one place.
 */

/**
 * An error that the readers of trust/ throw for bytes that are not DER. No DerError leaves the room:
 * `parseCertificate`, `readCrl` and `parseOcspResponse` catch the error and answer with its message.
 */
export class DerError extends Error {
  override readonly name = "DerError";
}

/** Tag octets of universal types. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  relativeOid: 0x0d,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag octet of the context-specific tag `[number]`. */
export const context = (number: number, constructed: boolean): number => (constructed ? 0xa0 : 0x80) | number;

/**
 * One element: its tag octet, and the offsets where its header, its contents and its rest begin. Example: of `05 00`
 * at offset 3, `{ tag: 5, start: 3, content: 5, end: 5 }`.
 */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

/**
 * A reader of elements, one after the other, from `bytes[pos, end)`. Every method that takes `what`, the name of a
 * field, throws a DerError that begins with it. Example: `new DerReader(der).enter(TAG.sequence, "Certificate")`.
 */
export class DerReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  pos: number;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  /** Whether all bytes are read. */
  get empty(): boolean {
    return this.pos === this.end;
  }

  /** The next tag octet, or -1 at the end. */
  peek(): number {
    return this.pos < this.end ? this.byte(this.pos) : -1;
  }

  /** The next element, whatever its tag. Refuses high tag numbers, indefinite and non-minimal lengths. */
  next(what: string): Element {
    const start = this.pos;
    if (start >= this.end) throw new DerError(`${what} is missing`);
    const tag = this.byte(start);
    if ((tag & 0x1f) === 0x1f) throw new DerError(`${what} has a multi-byte tag`);
    let at = start + 1;
    if (at >= this.end) throw new DerError(`${what} is truncated`);
    let length = this.byte(at++);
    if (length >= 0x80) {
      const octets = length & 0x7f;
      // X.690 §10.1: definite form, fewest octets. Four octets address more than any budget allows.
      if (octets === 0 || octets > 4) throw new DerError(`${what} has no definite length`);
      if (at + octets > this.end) throw new DerError(`${what} is truncated`);
      length = 0;
      for (let index = 0; index < octets; index++) length = length * 256 + this.byte(at++);
      if (length < 0x80 || length < 256 ** (octets - 1)) throw new DerError(`${what} has a non-minimal length`);
    }
    const end = at + length;
    if (end > this.end) throw new DerError(`${what} is truncated`);
    this.pos = end;
    return { tag, start, content: at, end };
  }

  /** The next element, which must have this tag. */
  expect(tag: number, what: string): Element {
    if (this.peek() !== tag) {
      throw new DerError(this.empty ? `${what} is missing` : `${what} has tag 0x${this.peek().toString(16)}`);
    }
    return this.next(what);
  }

  /** A reader of the contents of the next element, which must have this tag. */
  enter(tag: number, what: string): DerReader {
    const element = this.expect(tag, what);
    return new DerReader(this.bytes, element.content, element.end);
  }

  /** A reader as `enter` gives it, or null when the next element has another tag. */
  optional(tag: number, what: string): DerReader | null {
    return this.peek() === tag ? this.enter(tag, what) : null;
  }

  /** Calls `read` until nothing is left; `read` must take at least one element each time. */
  each(read: (reader: DerReader) => void): void {
    while (!this.empty) read(this);
  }

  /** Refuses bytes after the last expected element. */
  finish(what: string): void {
    if (!this.empty) throw new DerError(`${what} has trailing bytes`);
  }

  /** The bytes of an element with its header. Shares memory. */
  whole(element: Element): Uint8Array {
    return this.bytes.subarray(element.start, element.end);
  }

  /** The contents of an element. Shares memory. */
  contents(element: Element): Uint8Array {
    return this.bytes.subarray(element.content, element.end);
  }

  /** The rest of the bytes, unread. Shares memory. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.pos, this.end);
  }

  /** The contents of an INTEGER, sign octet included. */
  integer(what: string, tag: number = TAG.integer): Uint8Array {
    return checkInteger(this.contents(this.expect(tag, what)), what);
  }

  /** A non-negative INTEGER below 2^31. */
  smallInteger(what: string, tag: number = TAG.integer): number {
    const value = this.integer(what, tag);
    if (value.length > 4 || at(value, 0) >= 0x80) throw new DerError(`${what} is out of range`);
    return value.reduce((sum, octet) => sum * 256 + octet, 0);
  }

  /**
   * Reads `BOOLEAN DEFAULT FALSE`. An encoded FALSE is not DER (X.690 §11.5), and TRUE is 0xFF (§11.1). `BER`
   * accepts an encoded FALSE, which has the meaning of an absent one.
   */
  defaultFalse(what: string, tag: number = TAG.boolean, form: "DER" | "BER" = "DER"): boolean {
    if (this.peek() !== tag) return false;
    const element = this.next(what);
    if (form === "BER" && element.end - element.content === 1 && this.byte(element.content) === 0) return false;
    if (element.end - element.content !== 1 || this.byte(element.content) !== 0xff) {
      throw new DerError(`${what} is not an encoded TRUE`);
    }
    return true;
  }

  /** An OBJECT IDENTIFIER as dotted decimal. */
  oid(what: string): string {
    return readOid(this.contents(this.expect(TAG.oid, what)), what);
  }

  /** The contents of a BIT STRING of whole octets. */
  octetBits(what: string): Uint8Array {
    const element = this.expect(TAG.bitString, what);
    if (element.end - element.content < 1 || this.byte(element.content) !== 0) {
      throw new DerError(`${what} is not a string of whole octets`);
    }
    return this.bytes.subarray(element.content + 1, element.end);
  }

  /**
   * A named-bit list (X.690 §11.2.2: without trailing zero bits) of at most 16 bits, bit 0 in the highest place.
   * `BER` accepts trailing zero bits: the bits that are set are the same.
   */
  namedBits(what: string, tag: number = TAG.bitString, form: "DER" | "BER" = "DER"): number {
    const value = this.contents(this.expect(tag, what));
    if (value.length < 1 || value.length > 3) throw new DerError(`${what} is not a short named-bit list`);
    const unused = at(value, 0);
    const last = value.length === 1 ? 0 : at(value, value.length - 1);
    const padded = value.length === 1 ? unused === 0 : unused < 8 && (last & ((1 << unused) - 1)) === 0;
    const minimal = padded && (form === "BER" || value.length === 1 || (last !== 0 && (last & -last) === 1 << unused));
    if (!minimal) throw new DerError(`${what} is not a minimal named-bit list`);
    return ((value[1] ?? 0) << 8) | (value[2] ?? 0);
  }

  private byte(index: number): number {
    return at(this.bytes, index);
  }
}

/** `bytes[index]`, which the caller knows to exist. */
export function at(bytes: Uint8Array, index: number): number {
  const value = bytes[index];
  if (value === undefined) throw new DerError("read past the end");
  return value;
}

/** Checks the octets of an INTEGER: at least one, and no redundant leading one (X.690 §8.3.2). */
function checkInteger(value: Uint8Array, what: string): Uint8Array {
  const first = value[0];
  const second = value[1];
  if (first === undefined) throw new DerError(`${what} is an empty INTEGER`);
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new DerError(`${what} is a non-minimal INTEGER`);
  }
  return value;
}

/** Octets of one OBJECT IDENTIFIER: more than any in use has, and so few that even long arcs cost little. */
export const MAX_OID_OCTETS = 64;

/**
 * An OBJECT IDENTIFIER as dotted decimal, from its contents, with minimal base-128 arcs (X.690 §8.19). Arcs beyond
 * 2^53 (UUIDs under 2.25) are exact too.
 */
export function readOid(value: Uint8Array, what: string): string {
  const last = value.length - 1;
  if (last < 0 || last >= MAX_OID_OCTETS || at(value, last) >= 0x80)
    throw new DerError(`${what} is not an OBJECT IDENTIFIER`);
  let dotted = "";
  let arc = 0n;
  let small = 0;
  let octets = 0;
  for (const octet of value) {
    if (octets === 0 && octet === 0x80) throw new DerError(`${what} has a non-minimal arc`);
    if (octets < 6) small = small * 128 + (octet & 0x7f);
    else arc = ((octets === 6 ? BigInt(small) : arc) << 7n) | BigInt(octet & 0x7f);
    octets++;
    if (octet >= 0x80) continue;
    if (dotted !== "") dotted += octets > 6 ? `.${arc}` : `.${small}`;
    else if (octets > 6) dotted = `2.${arc - 80n}`;
    else if (small < 80) dotted = `${Math.floor(small / 40)}.${small % 40}`;
    else dotted = `2.${small - 80}`;
    small = 0;
    octets = 0;
  }
  return dotted;
}
