/** Why a bundle is not loaded. The list is closed. */
export const BUNDLE_REFUSALS = [
  /** The text is not UTF-8, not JSON, or no object: usually a truncated file. */
  "not-json",
  "unknown-format",
  /** The digest does not cover these bytes. */
  "digest-mismatch",
  "unknown-field",
  "missing-field",
  "wrong-type",
  /** A rule, backend, policy or anchor that is named but not there. */
  "dangling-reference",
  /** The host cannot do what the bundle needs. */
  "missing-capability",
  /** The secrets file cannot be read. */
  "bad-secrets",
  /** The secrets file lacks a key that the bundle needs. */
  "missing-key",
] as const;
/** One of `BUNDLE_REFUSALS`. */
export type BundleRefusal = (typeof BUNDLE_REFUSALS)[number];

/** An error for a bundle, a pointer or an acknowledgement that is refused. `path` names the field at fault. */
export class BundleError extends Error {
  readonly reason: BundleRefusal;
  readonly path: string;
  constructor(
    reason: BundleRefusal,
    path: string,
    detail: string,
    what: "bundle" | "pointer" | "acknowledgement" = "bundle",
  ) {
    super(`${what} refused: ${reason}${path === "" ? "" : ` at ${path}`}: ${detail}`);
    this.name = "BundleError";
    this.reason = reason;
    this.path = path;
  }
}
