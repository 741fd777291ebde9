/**
 * How bundles are published: immutable objects named by digest, and one pointer a Gateway, which alone is replaced. A
 * host that runs keeps what it has until the pointer's current bundle loads; a cold one that cannot load it loads the
 * previous one. The same names serve a directory and a key-value store.
 */
import { isSha256Hex } from "./bytes.ts";
import { BundleError } from "./refusal.ts";
import type { NamespacedName, Sha256Hex } from "./types.ts";

export const PUBLICATION_FORMAT = 1;

export interface Published {
  readonly bundle: Sha256Hex;
  /** Digest of the secrets file's text; null: the bundle needs no keys. */
  readonly secrets: Sha256Hex | null;
}

export interface Pointer {
  readonly format: typeof PUBLICATION_FORMAT;
  readonly gateway: NamespacedName;
  readonly current: Published;
  readonly previous: Published | null;
  /** IP addresses that the Gateway alone is served on; empty where the platform has its own. */
  readonly addresses: readonly string[];
}

/** What a host says of the pointer that it last saw. */
export interface Acknowledgement {
  readonly format: typeof PUBLICATION_FORMAT;
  readonly gateway: NamespacedName;
  /** The bundle that is served; null: none. */
  readonly bundle: Sha256Hex | null;
  /** Addresses on which every listener's port is bound. */
  readonly addresses: readonly string[];
  /** Why the pointer's bundle is not served as a whole; empty: it is. */
  readonly errors: readonly string[];
}

export const pointerKey = (gateway: NamespacedName): string => `gateways/${fileOf(gateway)}`;
export const acknowledgementKey = (gateway: NamespacedName): string => `acknowledgements/${fileOf(gateway)}`;
export const bundleKey = (digest: Sha256Hex): string => `bundles/${digest}.json`;
export const secretsKey = (digest: Sha256Hex): string => `secrets/${digest}.json`;

/** File systems take names of 255 bytes; a Gateway's may have 253 characters, besides `.json` and a temporary suffix. */
const MAX_STEP = 200;

const fileOf = (gateway: NamespacedName): string =>
  `${gateway.replaceAll(new RegExp(`[^/]{${MAX_STEP}}(?=[^/])`, "g"), "$&/")}.json`;

/** Whose pointer a key names; null: it is no pointer's. */
export function gatewayOf(key: string): NamespacedName | null {
  const [namespace, ...name] = /^gateways\/(.+)\.json$/.exec(key)?.[1]?.split("/") ?? [];
  return namespace === undefined || name.length === 0 ? null : `${namespace}/${name.join("")}`;
}

/** Throws a BundleError. */
export function decodePointer(text: string): Pointer {
  const value = record(text, "pointer");
  const { gateway, current, previous, addresses } = value;
  const valid =
    typeof gateway === "string" &&
    isPublished(current) &&
    (previous === null || isPublished(previous)) &&
    isStrings(addresses);
  if (!valid) throw new BundleError("wrong-type", "", `not of format ${PUBLICATION_FORMAT}`, "pointer");
  return value as unknown as Pointer;
}

/** Throws a BundleError. */
export function decodeAcknowledgement(text: string): Acknowledgement {
  const value = record(text, "acknowledgement");
  const { gateway, bundle, addresses, errors } = value;
  const valid =
    typeof gateway === "string" &&
    (bundle === null || typeof bundle === "string") &&
    isStrings(addresses) &&
    isStrings(errors);
  if (!valid) throw new BundleError("wrong-type", "", `not of format ${PUBLICATION_FORMAT}`, "acknowledgement");
  return value as unknown as Acknowledgement;
}

function record(text: string, what: "pointer" | "acknowledgement"): Record<string, unknown> {
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
