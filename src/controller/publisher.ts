/** Where bundles are published. A publisher writes the immutable parts first and the pointer last. */
import {
  type Acknowledgement,
  bundleKey,
  type Pointer,
  PUBLICATION_FORMAT,
  secretsKey,
} from "../bundle/publication.ts";
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
  /** Every pointer there is, read now. */
  pointers(): Promise<Pointers>;
  /**
   * Replaces the pointer, there and in `pointers`, unless it says the same already; what was current becomes previous,
   * and what no pointer names any more may go. Resolves with what a host says of it. Rejects, and leaves the pointer, on
   * any failure, and when `signal` has aborted meanwhile: the lead is another's.
   */
  publish(publication: Publication, pointers: Pointers, signal: AbortSignal): Promise<Acknowledgement | null>;
  /** The Gateway is gone: hosts stop serving it. */
  withdraw(gateway: NamespacedName): Promise<void>;
  /** Calls back when acknowledgements may have changed, until closed. */
  watch(onChange: () => void): { close(): void };
  /** For the status: what an acknowledgement of this publisher means. */
  readonly programmedMessage: string;
}

/** By Gateway; null: it cannot be read. */
export type Pointers = Map<NamespacedName, Pointer | null>;

/** The keys that pointers name; null: one of them cannot be read, and nobody knows. */
export function namedBy(pointers: Pointers): ReadonlySet<string> | null {
  const named = new Set<string>();
  for (const pointer of pointers.values()) {
    if (pointer === null) return null;
    for (const each of [pointer.current, pointer.previous]) {
      if (each === null) continue;
      named.add(bundleKey(each.bundle));
      if (each.secrets !== null) named.add(secretsKey(each.secrets));
    }
  }
  return named;
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
