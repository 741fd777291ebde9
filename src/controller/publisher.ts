/** Where bundles are published. A publisher writes the immutable parts first and the pointer last. */
import { type Acknowledgement, type Pointer, PUBLICATION_FORMAT } from "../bundle/publication.ts";
import type { NamespacedName } from "../bundle/types.ts";

export interface Publication {
  readonly gateway: NamespacedName;
  /** The bundle's text, and its digest. */
  readonly bundle: { readonly digest: string; readonly text: string };
  /** The secrets file's text, and its SHA-256; null: no keys. */
  readonly secrets: { readonly digest: string; readonly text: string } | null;
  readonly addresses: readonly string[];
}

export interface Publisher {
  /** Replaces the pointer; what was current becomes previous. Rejects, and leaves the pointer, on any failure. */
  publish(publication: Publication): Promise<void>;
  /** The Gateway is gone: hosts stop serving it. */
  withdraw(gateway: NamespacedName): Promise<void>;
  pointer(gateway: NamespacedName): Promise<Pointer | null>;
  /** Gateways that have a pointer. */
  published(): Promise<readonly NamespacedName[]>;
  acknowledgement(gateway: NamespacedName): Promise<Acknowledgement | null>;
  /** Calls back when acknowledgements may have changed, until closed. */
  watch(onChange: () => void): { close(): void };
  /** For the status: what an acknowledgement of this publisher means. */
  readonly programmedMessage: string;
}

/** The pointer that follows `before`; null when it would say the same. */
export function nextPointer(
  before: Pointer | null,
  { gateway, bundle, secrets, addresses }: Publication,
): Pointer | null {
  const current = { bundle: bundle.digest, secrets: secrets?.digest ?? null };
  const unchanged = before?.current.bundle === current.bundle && before.current.secrets === current.secrets;
  if (unchanged && before.addresses.join() === addresses.join()) return null;
  const previous = unchanged ? before.previous : (before?.current ?? null);
  return { format: PUBLICATION_FORMAT, gateway, current, previous, addresses };
}
