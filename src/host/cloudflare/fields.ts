/**
 * Field values between workerd and an exchange. An exchange has them in latin-1, one character a byte, as Headers have them
 * by the Fetch standard; workerd decodes and encodes them as UTF-8.
 */
import type { HeaderList } from "../../backend/index.ts";

const ASCII = /^[\0-\x7f]*$/;
const LOST = "\ufffd";

/** The value in latin-1; null when its bytes were no UTF-8, because workerd has replaced them then. */
export function fromWorkerd(value: string): string | null {
  if (ASCII.test(value)) return value;
  if (value.includes(LOST)) return null;
  let text = "";
  for (const byte of new TextEncoder().encode(value)) text += String.fromCharCode(byte);
  return text;
}

/** The fields of an exchange as Headers; names may repeat, as `set-cookie` does. Values that are no UTF-8 are dropped. */
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
