/** Publishers of bundles. A publisher writes a bundle and its secrets first and the pointer to them last. */
import {
  type Acknowledgement,
  bundleKey,
  type Pointer,
  PUBLICATION_FORMAT,
  secretsKey,
} from "../bundle/publication.ts";
import type { NamespacedName } from "../bundle/types.ts";

/** A bundle to publish for one Gateway. */
export interface Publication {
  readonly gateway: NamespacedName;
  readonly bundle: { readonly digest: string; readonly text: string };
  /** The text of the secrets file and its SHA-256 in hex; null when the bundle needs no private keys. */
  readonly secrets: { readonly digest: string; readonly text: string } | null;
  /** The IP addresses to serve the Gateway on. */
  readonly addresses: readonly string[];
}

/** A place where hosts find bundles. */
export interface Publisher {
  /** All pointers, as they are now. */
  pointers(): Promise<Pointers>;
  /**
   * Points the Gateway to the publication, unless its pointer is equal already, and updates `pointers`. The current
   * bundle becomes the previous one; a bundle that no pointer names any more may be deleted. Resolves with the host's
   * acknowledgement, null when there is none. Rejects on any failure, and when `signal` aborts before the pointer is
   * written, because another process leads then; in both cases the pointer is unchanged.
   */
  publish(publication: Publication, pointers: Pointers, signal: AbortSignal): Promise<Acknowledgement | null>;
  /** Removes the pointer of a Gateway that was deleted, so that hosts stop serving it. */
  withdraw(gateway: NamespacedName): Promise<void>;
  /** Calls `onChange` when acknowledgements may have changed, until closed. */
  watch(onChange: () => void): { close(): void };
  /** The message of the condition `Programmed: True`: what an acknowledgement means here. */
  readonly programmedMessage: string;
}

/** Pointers by Gateway; null for a pointer that cannot be read. */
export type Pointers = Map<NamespacedName, Pointer | null>;

/** The keys that `pointers` name. Null when one of them cannot be read, so that no key is known to be unused. */
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

/** The pointer to `publication` that replaces `pointer`; null when `pointer` is equal already. */
export function nextPointer(
  pointer: Pointer | null,
  { gateway, bundle, secrets, addresses }: Publication,
): Pointer | null {
  const current = { bundle: bundle.digest, secrets: secrets?.digest ?? null };
  const unchanged = pointer?.current.bundle === current.bundle && pointer.current.secrets === current.secrets;
  if (unchanged && pointer.addresses.join() === addresses.join()) return null;
  const previous = unchanged ? pointer.previous : (pointer?.current ?? null);
  return { format: PUBLICATION_FORMAT, gateway, current, previous, addresses };
}
