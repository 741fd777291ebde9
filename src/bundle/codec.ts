/**
 * The bundle's canonical text. Encoding sorts every key; the digest is the SHA-256 of the canonical JSON of all fields
 * but itself. Decoding is strict: a bundle that is cut, altered, of another format or at odds with types.ts is refused
 * whole. Web APIs only.
 */
import { hex, isSha256Hex } from "./bytes.ts";
import { checkBundle } from "./check.ts";
import { BundleError } from "./refusal.ts";
import { type Bundle, BUNDLE_FORMAT } from "./types.ts";

export { BUNDLE_REFUSALS, BundleError, type BundleRefusal } from "./refusal.ts";

export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Canonical text of a bundle, ending in a newline. The digest is computed here. */
export function encodeBundle(fields: Omit<Bundle, "digest">, sha256: Sha256): { bundle: Bundle; text: string } {
  const names = Object.keys(fields).sort() as (keyof typeof fields)[];
  const parts = new Map<string, string>(names.map((name) => [name, canonicalJson(fields[name])]));
  const digest = hex(sha256(new TextEncoder().encode(joinFields(parts))));
  parts.set("digest", JSON.stringify(digest));
  return { bundle: { ...fields, digest }, text: `${joinFields(parts)}\n` };
}

const joinFields = (parts: ReadonlyMap<string, string>): string =>
  `{${[...parts.keys()]
    .sort()
    .map((name) => `${JSON.stringify(name)}:${parts.get(name) ?? ""}`)
    .join(",")}}`;

/** SHA-256 over canonical JSON, in hex: of a bundle's fields, a policy, a list of anchors. */
export function digestOf(value: unknown, sha256: Sha256): string {
  return hex(sha256(new TextEncoder().encode(canonicalJson(value))));
}

/** The bundle in a text or its UTF-8 bytes. Throws {@link BundleError} and nothing else. */
export function decodeBundle(input: string | Uint8Array, sha256: Sha256): Bundle {
  const text = typeof input === "string" ? input : decodeUtf8(input);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BundleError("not-json", "", error instanceof Error ? error.message : "unreadable");
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new BundleError("not-json", "", "a bundle is one JSON object");
  }
  const format: unknown = Object.hasOwn(value, "format") ? (value as { format: unknown }).format : undefined;
  // Format N-1 does not exist yet; from 2 on its conversion goes here.
  if (format !== BUNDLE_FORMAT) {
    throw new BundleError(
      "unknown-format",
      "format",
      `this version reads ${BUNDLE_FORMAT}, found ${JSON.stringify(format) ?? "none"}`,
    );
  }
  verifyDigest(text, value, sha256);
  return checkBundle(value);
}

/**
 * Over the text as it came, so that nothing is serialized again: canonical JSON with its digest field cut out is the
 * canonical JSON of the rest. A text that is not canonical therefore does not match, whatever it parses to.
 */
function verifyDigest(text: string, value: object, sha256: Sha256): void {
  const digest: unknown = Object.hasOwn(value, "digest") ? (value as { digest: unknown }).digest : undefined;
  if (!isSha256Hex(digest)) {
    throw new BundleError("wrong-type", "digest", "expected 64 lower-case hex digits");
  }
  const field = `,"digest":"${digest}"`;
  const at = text.indexOf(field);
  const rest = at < 0 ? text : text.slice(0, at) + text.slice(at + field.length);
  if (!text.endsWith("\n")) throw new BundleError("digest-mismatch", "", "cut short: a bundle ends in a newline");
  const found = hex(sha256(new TextEncoder().encode(rest.slice(0, -1))));
  if (at < 0 || found !== digest) throw new BundleError("digest-mismatch", "digest", `the contents have ${found}`);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new BundleError("not-json", "", "not UTF-8");
  }
}

/** JSON with keys sorted by code unit, no spaces; undefined fields are left out, as JSON.stringify does. */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  let text = "";
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) text += (index === 0 ? "" : ",") + canonicalJson(value[index]);
    return `[${text}]`;
  }
  for (const key of Object.keys(value).sort()) {
    const child = (value as Record<string, unknown>)[key];
    if (child !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonicalJson(child)}`;
  }
  return `{${text}}`;
}
