/** The serving state of a Gateway: its addresses and its condition `Programmed`, as far as hosts have acknowledged. */
import type { Acknowledgement } from "../bundle/publication.ts";
import type { Assignment } from "./addresses.ts";
import type { KubeObject } from "./api.ts";
import { keyOf } from "./watch.ts";

/** The part of a Gateway's or ListenerSet's status that depends on hosts, and that the compiler therefore leaves out. */
export interface Serving {
  /** The value of `status.addresses`; null leaves the field as it is. */
  readonly addresses: readonly object[] | null;
  readonly programmed: { readonly status: "True" | "False"; readonly reason: string; readonly message: string };
}

/** The outcome of publishing one Gateway's bundle. */
export type Published =
  | { readonly kind: "published"; readonly digest: string; readonly acknowledgement: Acknowledgement | null }
  | { readonly kind: "failed"; readonly message: string };

/**
 * The serving state of one Gateway. `assignment` is null when the controller has no addresses to assign;
 * `programmedMessage` is the message of `Programmed: True`.
 */
export function servingOf(published: Published, assignment: Assignment | null, programmedMessage: string): Serving {
  const notProgrammed = (reason: string, message: string): Serving => ({
    addresses: assignment?.kind === "assigned" ? addressesOf(assignment.addresses) : [],
    programmed: { status: "False", reason, message },
  });
  if (published.kind === "failed") return notProgrammed("Pending", published.message);
  if (assignment?.kind === "refused") return notProgrammed(assignment.reason, assignment.message);
  const { digest, acknowledgement } = published;
  if (acknowledgement === null) return notProgrammed("Pending", "No host has acknowledged the bundle yet");
  const [error] = acknowledgement.errors;
  if (error !== undefined) return notProgrammed("Pending", `The host serves it in part, or not at all: ${error}`);
  if (acknowledgement.bundle !== digest)
    return notProgrammed("Pending", "The host has not loaded the current bundle yet");
  const unbound = (assignment?.addresses ?? []).filter((address) => !acknowledgement.addresses.includes(address));
  if (unbound.length > 0) return notProgrammed("AddressNotUsable", `The host has not bound ${unbound.join(", ")}`);
  return {
    addresses: addressesOf(acknowledgement.addresses),
    programmed: { status: "True", reason: "Programmed", message: programmedMessage },
  };
}

const addressesOf = (addresses: readonly string[]): object[] =>
  addresses.map((value) => ({ type: "IPAddress", value }));

/** The serving state of `object`: a ListenerSet has that of its Gateway, objects of other kinds have none. */
export function servedBy(object: KubeObject, gateways: ReadonlyMap<string, Serving>): Serving | null {
  if (object.kind === "Gateway") return gateways.get(keyOf(object)) ?? null;
  if (object.kind !== "ListenerSet") return null;
  const { parentRef } = object.spec as { parentRef?: { name: string; namespace?: string } };
  const gateway = `${parentRef?.namespace ?? object.metadata.namespace ?? ""}/${parentRef?.name ?? ""}`;
  const serving = gateways.get(gateway);
  return serving === undefined ? null : { ...serving, addresses: null };
}
