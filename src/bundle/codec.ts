/**
 * Encodes and decodes the canonical text of a bundle. Encoding sorts every key and lays the text out by lines; the
 * digest is the SHA-256 of all lines but the digest's own. Decoding is strict: a bundle that is cut, altered, of
 * another format or not as types.ts describes it is refused whole.
 */
import { hex, isSha256Hex } from "./bytes.ts";
import { checkBundle } from "./check.ts";
import { canonicalJson } from "./canonical.ts";
import { layOut, TEXT_MAKER, type TextMaker } from "./layout.ts";
import { type Layout, readLines } from "./read-lines.ts";
import { BundleError } from "./refusal.ts";
import { type Bundle, BUNDLE_FORMAT } from "./types.ts";

export { canonicalJson } from "./canonical.ts";
export { BUNDLE_REFUSALS, BundleError, type BundleRefusal } from "./refusal.ts";

/** A synchronous SHA-256: the digest's 32 octets. */
type Sha256 = (bytes: Uint8Array) => Uint8Array;

/**
 * Encodes a bundle as canonical text (layout.ts), ending in a newline, and computes its digest. `texts` makes the
 * text of entries, from memory where the caller has it.
 */
export function encodeBundle(
  fields: Omit<Bundle, "digest">,
  sha256: Sha256,
  texts: TextMaker = TEXT_MAKER,
): { bundle: Bundle; text: string } {
  const lines = [...layOut({ ...fields, digest: "" }, texts), ""];
  const at = lines.indexOf('"digest":"",');
  const digest = hex(sha256(new TextEncoder().encode(lines.toSpliced(at, 1).join("\n"))));
  return { bundle: { ...fields, digest }, text: lines.with(at, `"digest":"${digest}",`).join("\n") };
}

/** The SHA-256 of a value's canonical JSON, in hex: of the fields of a bundle, a policy, or a list of anchors. */
export function digestOf(value: unknown, sha256: Sha256): string {
  return hex(sha256(new TextEncoder().encode(canonicalJson(value))));
}

/** The layouts of decoded bundles, from which the next bundle takes the lines it shares. */
const layouts = new WeakMap<Bundle, Layout>();

/**
 * Decodes a bundle from its text or its UTF-8 bytes. Throws {@link BundleError} and nothing else. `before` is a
 * bundle that was decoded here earlier: entries whose lines it has, too, are not parsed again, and both bundles
 * share their values.
 */
export function decodeBundle(input: string | Uint8Array, sha256: Sha256, before: Bundle | null = null): Bundle {
  const text = typeof input === "string" ? input : decodeUtf8(input);
  const known = before === null ? null : (layouts.get(before) ?? null);
  const read = readLines(text, known);
  const value = read === null ? parse(text) : read.value;
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new BundleError("not-json", "", "a bundle is one JSON object");
  }
  const format: unknown = Object.hasOwn(value, "format") ? (value as { format: unknown }).format : undefined;
  // Only one format exists yet. From format 2 on, the conversion of the format before goes here.
  if (format !== BUNDLE_FORMAT) {
    throw new BundleError(
      "unknown-format",
      "format",
      `this version reads ${BUNDLE_FORMAT}, found ${JSON.stringify(format) ?? "none"}`,
    );
  }
  verifyDigest(text, value, sha256);
  const bundle = checkBundle(
    value,
    before === null || known === null || read === null ? null : { before, fresh: read.fresh },
  );
  if (read !== null) layouts.set(bundle, read.layout);
  return bundle;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BundleError("not-json", "", error instanceof Error ? error.message : "unreadable");
  }
}

/**
 * Verifies the digest over the text as it was read, so that nothing is serialized again. No JSON string contains a
 * newline, so the line found is the digest's own.
 */
function verifyDigest(text: string, value: object, sha256: Sha256): void {
  const digest: unknown = Object.hasOwn(value, "digest") ? (value as { digest: unknown }).digest : undefined;
  if (!isSha256Hex(digest)) {
    throw new BundleError("wrong-type", "digest", "expected 64 lower-case hex digits");
  }
  const line = `\n"digest":"${digest}",\n`;
  const at = text.indexOf(line);
  if (!text.endsWith("\n")) throw new BundleError("digest-mismatch", "", "cut short: a bundle ends in a newline");
  const bytes = new TextEncoder().encode(text);
  // In an ASCII text, which most are, offsets in characters and in bytes are equal.
  const start = bytes.length === text.length ? at : new TextEncoder().encode(text.slice(0, Math.max(0, at))).length;
  if (at >= 0) bytes.copyWithin(start + 1, start + line.length);
  const found = hex(sha256(at < 0 ? bytes : bytes.subarray(0, bytes.length - line.length + 1)));
  if (at < 0 || found !== digest) throw new BundleError("digest-mismatch", "digest", `the contents have ${found}`);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new BundleError("not-json", "", "not UTF-8");
  }
}
