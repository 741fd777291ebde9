/**
 * The form in which bundles are published: immutable objects named by digest, and one pointer for each Gateway, which
 * alone is replaced. A host that serves a bundle keeps it until the pointer's current bundle is loaded. A host that
 * starts and cannot load the current bundle loads the previous one. The same names serve a directory and a key-value
 * store.
 */
import { isSha256Hex } from "./bytes.ts";
import { BundleError } from "./refusal.ts";
import type { NamespacedName, Sha256Hex } from "./types.ts";

/** The format of pointers and acknowledgements that this version reads and writes. */
export const PUBLICATION_FORMAT = 1;

/** The digests of one published bundle. */
export interface Published {
  readonly bundle: Sha256Hex;
  /** Digest of the secrets file's text; null: the bundle needs no keys. */
  readonly secrets: Sha256Hex | null;
}

/** The pointer that is published for a Gateway. */
export interface Pointer {
  readonly format: typeof PUBLICATION_FORMAT;
  readonly gateway: NamespacedName;
  readonly current: Published;
  readonly previous: Published | null;
  /** IP addresses on which only this Gateway is served; empty where the platform assigns addresses. */
  readonly addresses: readonly string[];
}

/** What a host reports about the pointer it has read last. */
export interface Acknowledgement {
  readonly format: typeof PUBLICATION_FORMAT;
  readonly gateway: NamespacedName;
  /** The bundle that is served; null: none. */
  readonly bundle: Sha256Hex | null;
  /** Addresses on which every listener's port is bound. */
  readonly addresses: readonly string[];
  /** Why the pointer's bundle is not served, or not all of it; empty: all of it is. */
  readonly errors: readonly string[];
}

/** The key of a Gateway's pointer. Example: `gateways/shop/edge.json`. */
export const pointerKey = (gateway: NamespacedName): string => `gateways/${fileOf(gateway)}`;
/** The key of a host's acknowledgement for a Gateway. */
export const acknowledgementKey = (gateway: NamespacedName): string => `acknowledgements/${fileOf(gateway)}`;
/** The key of a bundle. */
export const bundleKey = (digest: Sha256Hex): string => `bundles/${digest}.json`;
/** The key of a secrets file. */
export const secretsKey = (digest: Sha256Hex): string => `secrets/${digest}.json`;

/**
 * The longest component of a path. File systems accept names of 255 bytes; the name of a Gateway may have 253
 * characters, and `.json` and a temporary suffix are added.
 */
const MAX_COMPONENT = 200;

const fileOf = (gateway: NamespacedName): string =>
  `${gateway.replaceAll(new RegExp(`[^/]{${MAX_COMPONENT}}(?=[^/])`, "g"), "$&/")}.json`;

/** The Gateway whose pointer has this key; null: the key is no pointer's. */
export function gatewayOf(key: string): NamespacedName | null {
  const [namespace, ...name] = /^gateways\/(.+)\.json$/.exec(key)?.[1]?.split("/") ?? [];
  return namespace === undefined || name.length === 0 ? null : `${namespace}/${name.join("")}`;
}

/** Decodes a pointer. Throws a BundleError for a text that is none. */
export function decodePointer(text: string): Pointer {
  const value = readRecord(text, "pointer");
  const { gateway, current, previous, addresses } = value;
  const valid =
    typeof gateway === "string" &&
    isPublished(current) &&
    (previous === null || isPublished(previous)) &&
    isStrings(addresses);
  if (!valid) throw new BundleError("wrong-type", "", `not of format ${PUBLICATION_FORMAT}`, "pointer");
  return value as unknown as Pointer;
}

/** Decodes an acknowledgement. Throws a BundleError for a text that is none. */
export function decodeAcknowledgement(text: string): Acknowledgement {
  const value = readRecord(text, "acknowledgement");
  const { gateway, bundle, addresses, errors } = value;
  const valid =
    typeof gateway === "string" &&
    (bundle === null || typeof bundle === "string") &&
    isStrings(addresses) &&
    isStrings(errors);
  if (!valid) throw new BundleError("wrong-type", "", `not of format ${PUBLICATION_FORMAT}`, "acknowledgement");
  return value as unknown as Acknowledgement;
}

function readRecord(text: string, what: "pointer" | "acknowledgement"): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BundleError("not-json", "", error instanceof Error ? error.message : "unreadable", what);
  }
  if (value === null || typeof value !== "object" || !("format" in value) || value.format !== PUBLICATION_FORMAT) {
    throw new BundleError("unknown-format", "format", `this version reads format ${PUBLICATION_FORMAT}`, what);
  }
  return { ...value };
}

const isStrings = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each: unknown) => typeof each === "string");

function isPublished(value: unknown): boolean {
  if (value === null || typeof value !== "object") return false;
  const { bundle, secrets } = value as Record<string, unknown>;
  return isSha256Hex(bundle) && (secrets === null || isSha256Hex(secrets));
}
