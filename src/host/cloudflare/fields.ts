/**
 * Field values between workerd and an exchange. Everywhere else a string in Headers is latin-1, one character a byte;
 * workerd reads and writes UTF-8.
 */
import type { HeaderList } from "../../backend/index.ts";

const ASCII = /^[\0-\x7f]*$/;
const LOST = "\ufffd";

/** The bytes that came, one character each; null when they were no UTF-8, and workerd has lost them. */
export function fromWorkerd(value: string): string | null {
  if (ASCII.test(value)) return value;
  if (value.includes(LOST)) return null;
  let text = "";
  for (const byte of new TextEncoder().encode(value)) text += String.fromCharCode(byte);
  return text;
}

/** Fields of an exchange as Headers; `set-cookie` and others may repeat. Bytes that are no UTF-8 cannot be carried. */
export function toWorkerd(headers: HeaderList): Headers {
  const fields = new Headers();
  for (const [name, value] of headers) {
    const text = ASCII.test(value) ? value : decode(value);
    if (text !== null) fields.append(name, text);
  }
  return fields;
}

function decode(latin1: string): string | null {
  const bytes = Uint8Array.from(latin1, (character) => character.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
