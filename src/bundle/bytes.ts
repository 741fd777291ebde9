/** Octets as the text a bundle writes them in, and back. */

/** Lower-case hex. */
export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const octet of bytes) text += octet.toString(16).padStart(2, "0");
  return text;
}

/** Whether a value is 64 lower-case hex digits, as every digest in a bundle and beside it. */
export const isSha256Hex = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

/** RFC 4648 §4. */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (const octet of bytes) text += String.fromCharCode(octet);
  return btoa(text);
}

/** RFC 4648 §4. Throws on what `atob` does not take. */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
