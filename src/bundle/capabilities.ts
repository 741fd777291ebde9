/**
 * What a bundle needs of its host. A host that lacks what a listener asks for refuses that listener (gateway/); one that
 * lacks anything else refuses the bundle.
 */
import type { Bundle, Capability } from "./types.ts";
import { BundleError } from "./refusal.ts";

const BY_LISTENER: ReadonlySet<Capability> = new Set<Capability>(["listener-certificates", "client-validation"]);

/** Throws a BundleError that names what `host` lacks. */
export function demandCapabilities(bundle: Bundle, host: readonly Capability[]): void {
  const lacking = bundle.requires.filter((capability) => !BY_LISTENER.has(capability) && !host.includes(capability));
  if (lacking.length > 0) {
    throw new BundleError(
      "missing-capability",
      "requires",
      `this host cannot do what the bundle needs: ${lacking.join(", ")}`,
    );
  }
}
