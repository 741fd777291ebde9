/**
 * Checks that a host has the capabilities that a bundle requires. Two capabilities are needed by single listeners: a
 * host without one of them refuses these listeners (in gateway/). A host without one of the other capabilities refuses
 * the bundle.
 */
import type { Bundle, Capability } from "./types.ts";
import { BundleError } from "./refusal.ts";

const BY_LISTENER: ReadonlySet<Capability> = new Set<Capability>(["listener-certificates", "client-validation"]);

/** Throws a BundleError that names the capabilities the host lacks. */
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
