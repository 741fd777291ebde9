/** The text of a file's bytes: UTF-8, or UTF-16, which PowerShell's `>` writes. */

/** Bytes that are no text: the message says what they are, `remedy` what to do. */
export class NotText extends Error {
  readonly remedy: string;
  constructor(what: string, remedy: string) {
    super(what);
    this.remedy = remedy;
  }
}

/**
 * Decodes bytes. As in YAML 1.2 §5.2, the encoding follows from the byte order mark, and without one from the zero bytes of
 * the first character, which is ASCII. Throws {@link NotText} on bytes that the encoding does not allow: to replace them would
 * give a text that the author did not write.
 */
export function decodeText(bytes: Uint8Array): string {
  const [a, b, c, d] = bytes;
  if (a === 0x1f && b === 0x8b) throw new NotText("compressed with gzip", "decompress it: gunzip");
  if ((a === 0xff && b === 0xfe && c === 0 && d === 0) || (a === 0 && b === 0 && c === 0xfe && d === 0xff))
    throw new NotText("UTF-32", "save the file as UTF-8");
  if (a === 0xff && b === 0xfe) return decodeAs("utf-16le", bytes);
  if (a === 0xfe && b === 0xff) return decodeAs("utf-16be", bytes);
  if (a !== undefined && a !== 0 && b === 0) return decodeAs("utf-16le", bytes);
  if (a === 0 && b !== undefined && b !== 0) return decodeAs("utf-16be", bytes);
  // The mark is kept, so that columns are those of editors.
  return decodeAs("utf-8", bytes, true);
}

function decodeAs(encoding: "utf-8" | "utf-16le" | "utf-16be", bytes: Uint8Array, ignoreBOM = false): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM }).decode(bytes);
  } catch {
    throw new NotText(`not ${encoding === "utf-8" ? "UTF-8" : "UTF-16"}`, "save the file as UTF-8");
  }
}
