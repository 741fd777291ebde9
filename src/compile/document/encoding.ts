/** From a file's bytes to its text: UTF-8, or UTF-16 as PowerShell's `>` writes it. */

/** What the bytes are that cannot be read, and what to do. */
export class NotText extends Error {
  readonly remedy: string;
  constructor(what: string, remedy: string) {
    super(what);
    this.remedy = remedy;
  }
}

/**
 * By the byte order mark, and without one by where the zero bytes of the first ASCII character stand, as YAML 1.2 §5.2 has
 * it. Throws {@link NotText}: bytes that are read as another encoding are something that their author did not write.
 */
export function decodeText(bytes: Uint8Array): string {
  const [a, b, c, d] = bytes;
  if (a === 0x1f && b === 0x8b) throw new NotText("compressed with gzip", "decompress it: gunzip");
  if ((a === 0xff && b === 0xfe && c === 0 && d === 0) || (a === 0 && b === 0 && c === 0xfe && d === 0xff))
    throw new NotText("UTF-32", "save the file as UTF-8");
  if (a === 0xff && b === 0xfe) return decode("utf-16le", bytes);
  if (a === 0xfe && b === 0xff) return decode("utf-16be", bytes);
  if (a !== undefined && a !== 0 && b === 0) return decode("utf-16le", bytes);
  if (a === 0 && b !== undefined && b !== 0) return decode("utf-16be", bytes);
  // The mark stays, so that places count from where editors count.
  return decode("utf-8", bytes, true);
}

function decode(encoding: "utf-8" | "utf-16le" | "utf-16be", bytes: Uint8Array, ignoreBOM = false): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM }).decode(bytes);
  } catch {
    throw new NotText(`not ${encoding === "utf-8" ? "UTF-8" : "UTF-16"}`, "save the file as UTF-8");
  }
}
