/** What a bundle needs of its host. A host that lacks a capability refuses the bundle: it never serves a part of it. */
import type { Bundle, Capability } from "./types.ts";
import { BundleError } from "./refusal.ts";

/** Throws a BundleError that names what `host` lacks. */
export function demandCapabilities(bundle: Bundle, host: readonly Capability[]): void {
  const lacking = bundle.requires.filter((capability) => !host.includes(capability));
  if (lacking.length > 0) {
    throw new BundleError(
      "missing-capability",
      "requires",
      `this host cannot do what the bundle needs: ${lacking.join(", ")}`,
    );
  }
}
