/** Octets as the text a bundle writes them in, and back. */

/** Lower-case hex. */
export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const octet of bytes) text += octet.toString(16).padStart(2, "0");
  return text;
}

/** RFC 4648 §4. Throws on what `atob` does not take. */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
