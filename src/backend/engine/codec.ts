/**
 * The binary encodings between TypeScript and the module (`wasm/src/codec.rs`), little-endian. A header value is a string
 * whose characters, all below U+0100, stand for one byte each ("latin1", as Fetch has it); it is never UTF-8.
 */
import type { TlsVersion } from "../../bundle/types.ts";
import type { HeaderList } from "../exchange.ts";
import { ConnectionError } from "./errors.ts";

/** A writer into the module's input buffer. It throws a ConnectionError with code `too-large` for what does not fit. */
export class Writer {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(input: Uint8Array) {
    this.#bytes = input;
  }

  get length(): number {
    return this.#at;
  }

  u8(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  u16(value: number): void {
    if (value > 0xffff) throw new ConnectionError("too-large", "a field above 64 kB");
    this.u8(value & 0xff);
    this.u8(value >>> 8);
  }

  u32(value: number): void {
    this.u16(value & 0xffff);
    this.u16(value >>> 16);
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** Writes the length in four bytes, then the bytes. */
  long(value: Uint8Array): void {
    this.u32(value.length);
    this.bytes(value);
  }

  /** Writes the length in two bytes, then each character as one byte. */
  short(value: string): void {
    this.u16(value.length);
    this.#room(value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0xff) throw new ConnectionError("bad-request", "a character above U+00FF in a header");
      this.#bytes[this.#at++] = code;
    }
  }

  headers(headers: HeaderList): void {
    this.u16(headers.length);
    for (const [name, value] of headers) {
      this.short(name);
      this.short(value);
    }
  }

  #room(count: number): void {
    if (this.#at + count > this.#bytes.length) throw new ConnectionError("too-large", "a message above 128 kB");
  }
}

/** A reader of the module's output. Output that is cut short is a bug of ours, because the module is ours. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new RangeError("the module's message is cut short");
    return value;
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  u32(): number {
    return this.u16() + this.u16() * 0x10000;
  }

  /** The next bytes, copied because the module's memory changes with the next call. */
  take(length: number): Uint8Array {
    return this.#bytes.slice(this.#at, (this.#at += length));
  }

  latin1(length: number): string {
    return latin1(this.#bytes.subarray(this.#at, (this.#at += length)));
  }

  headers(): [string, string][] {
    const headers: [string, string][] = [];
    // One text for all fields is decoded in half the time of a text for each name and value.
    const start = this.#at;
    const text = latin1(this.#bytes.subarray(start));
    const next = (): string => {
      const length = this.u16();
      const from = this.#at - start;
      this.#at += length;
      return text.slice(from, from + length);
    };
    for (let count = this.u16(); count > 0; count--) headers.push([next(), next()]);
    return headers;
  }
}

/** The chain that the peer presented, and what the handshake negotiated. */
export interface PresentedChain {
  readonly sni: string;
  /**
   * The certificates in DER, the end-entity certificate first. The key of the end-entity certificate signed the handshake,
   * or, on a resumed connection, the original handshake.
   */
  readonly chain: readonly Uint8Array[];
  /** The stapled OCSP response (RFC 6066 §8) in DER; null without one, and on a resumed connection. */
  readonly ocspResponse: Uint8Array | null;
  readonly tlsVersion: TlsVersion;
  /** The cipher suite's number (RFC 8446 §B.4). */
  readonly cipherSuite: number;
  readonly alpn: string | null;
  readonly resumed: boolean;
}

/** The presented chain from the module's output. `sni` is the name in the ClientHello. */
export function readPresented(bytes: Uint8Array, sni: string): PresentedChain {
  const reader = new Reader(bytes);
  const tlsVersion = reader.u8() === 3 ? "1.3" : "1.2";
  const resumed = reader.u8() === 1;
  const cipherSuite = reader.u16();
  const alpn = reader.latin1(reader.u16());
  const chain = Array.from({ length: reader.u16() }, () => reader.take(reader.u32()));
  const staple = reader.take(reader.u32());
  return {
    sni,
    chain,
    ocspResponse: staple.length === 0 ? null : staple,
    tlsVersion,
    cipherSuite,
    alpn: alpn === "" ? null : alpn,
    resumed,
  };
}

/** The bytes, each as one character. `TextDecoder("latin1")` decodes windows-1252, and spreading the bytes is slow. */
export function latin1(bytes: Uint8Array): string {
  if (bytes.length <= CALL_ARGUMENTS) return Reflect.apply(String.fromCharCode, null, bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += CALL_ARGUMENTS) {
    text += Reflect.apply(String.fromCharCode, null, bytes.subarray(at, at + CALL_ARGUMENTS));
  }
  return text;
}

/** A number of arguments that every JavaScript engine takes in one call. */
const CALL_ARGUMENTS = 4096;
