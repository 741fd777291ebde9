/** The state of one listener: everything that is decided about it. */
import type { BundleExternalAuth, NamespacedName } from "../../bundle/types.ts";
import type { ResolvedBackendRef } from "../backends/backends.ts";
import type { ConflictReason, ListenerReason, Unresolved } from "../diagnostics/conditions.ts";
import type { SourceObject } from "../diagnostics/diagnostics.ts";
import type { Gateway, Listener, ListenerSet } from "../kubernetes/objects.ts";
import type { Certificate } from "../references/certificates.ts";
import type { ClientValidation } from "./client-validation.ts";

/** The object that has a listener in its spec. */
export interface ListenerOwner {
  readonly kind: "Gateway" | "ListenerSet";
  readonly name: NamespacedName;
  readonly namespace: string;
  readonly object: SourceObject<Gateway | ListenerSet>;
}

/** What an HTTPS listener presents to its clients, and asks of them. */
export interface ListenerTls {
  readonly certificates: readonly Certificate[];
  readonly clientValidation: Exclude<ClientValidation, { kind: "refused" }>;
}

/** Whether a listener is served; `tls` is null for HTTP. */
export type ListenerVerdict =
  | { readonly kind: "accepted"; readonly tls: ListenerTls | null }
  | { readonly kind: "refused"; readonly reason: ListenerReason; readonly message: string }
  | { readonly kind: "conflicted"; readonly reason: ConflictReason; readonly message: string };

/** A listener, and everything that is decided about it. */
export interface ListenerState {
  readonly owner: ListenerOwner;
  readonly spec: Listener;
  /** Place in `spec.listeners` of its owner. */
  readonly index: number;
  /** The hostname in lower case; null: every host. */
  readonly hostname: string | null;
  readonly verdict: ListenerVerdict;
  readonly takesHttpRoutes: boolean;
  /** Why `ResolvedRefs` is False; empty: it is True. */
  readonly unresolved: readonly Unresolved[];
  readonly filters: readonly BundleExternalAuth[];
  /** The backendRefs of the filters. */
  readonly backendRefs: readonly ResolvedBackendRef[];
  /** Names of other HTTPS listeners of the port with which the listener shares a hostname (`OverlappingTLSConfig`). */
  readonly overlaps: readonly string[];
}

/** Name of a listener in its Gateway: `https`, or `shop/extra/https` for one of ListenerSet `shop/extra`. */
export const listenerName = ({ owner, spec }: Pick<ListenerState, "owner" | "spec">): string =>
  owner.kind === "Gateway" ? spec.name : `${owner.name}/${spec.name}`;
