/** Text under one key of a ConfigMap or Secret, and the text of a ClusterTrustBundle. Messages never quote it. */
import { absent } from "./absent.ts";
import { type Cause, causeOf, compareStrings, type Note } from "../diagnostics/diagnostics.ts";
import type { Entry, Cluster } from "../load/load.ts";
import type { ConfigMap, Secret } from "../kubernetes/core-objects.ts";
import { explainBinary } from "./pem-mistakes.ts";
import { field } from "../kubernetes/kinds.ts";

/** Why a reference leads to nothing that can be used. */
export interface Invalid {
  readonly kind: "invalid";
  readonly why: string;
  /** The field at fault, where the object exists. */
  readonly note?: Note;
  /** The remedy; absent where nothing more helpful is known than to correct the reference or the text. */
  readonly remedy?: string;
  /** The object, where it is absent or refused itself. */
  readonly cause?: Cause;
}
/** The text of an object, or why there is none. */
type TextResult =
  | {
      readonly kind: "read";
      readonly value: string;
      readonly note: Note;
      /** The remedy when the text turns out to be the base64 of the right text. */
      readonly base64Remedy: string;
    }
  | Invalid;

/** Builds an {@link Invalid}. */
export const invalid = (why: string, note?: Note, remedy?: string): Invalid => ({
  kind: "invalid",
  why,
  ...(note === undefined ? {} : { note }),
  ...(remedy === undefined ? {} : { remedy }),
});

/** The text under `key` of a ConfigMap or Secret; `name` is `namespace/name`. */
export function textUnderKey(cluster: Cluster, kind: "ConfigMap" | "Secret", name: string, key: string): TextResult {
  const entry: Entry<ConfigMap | Secret> | undefined = cluster[kind].get(name);
  if (entry?.kind !== "valid") return missing(cluster, kind, name, entry);
  const fields = kind === "ConfigMap" ? CONFIG_MAP_FIELDS : SECRET_FIELDS;
  const holds = fields.find(({ at }) => valueOf(entry.object.value, at, key) !== undefined);
  const message = `${kind} ${name} is here`;
  if (holds === undefined) {
    const keys = fields.flatMap(({ at }) => keysOf(entry.object.value, at));
    const path = [fields.find(({ at }) => field(entry.object.value, at) !== undefined)?.at ?? "metadata"];
    const note: Note = { message, object: entry.object, path };
    const others = [...new Set(keys)].sort(compareStrings);
    if (others.length === 0) return invalid(`${kind} ${name} has no key ${key}, and no other either`, note);
    const shown = `${others.slice(0, MAX_KEYS).join(", ")}${others.length > MAX_KEYS ? ", …" : ""}`;
    return invalid(`${kind} ${name} has no key ${key}; it has ${shown}`, note, `put the PEM under the key ${key}`);
  }
  const note: Note = { message, object: entry.object, path: [holds.at, key] };
  const text = valueOf(entry.object.value, holds.at, key) ?? "";
  const { base64Remedy } = holds;
  if (!holds.base64) return { kind: "read", value: text, note, base64Remedy };
  const decoded = decodeBase64(text);
  if (decoded.kind === "text") return { kind: "read", value: decoded.text, note, base64Remedy };
  const of = `${key} of ${kind} ${name}`;
  if (decoded.kind === "bytes") {
    const { why, remedy } = explainBinary(decoded.bytes);
    return invalid(`${of} ${why}`, note, remedy);
  }
  return invalid(`${of} is not base64`, note, "write the base64 of the PEM");
}

/** Keys of an object that a message lists. */
const MAX_KEYS = 8;

interface TextField {
  readonly at: "data" | "binaryData" | "stringData";
  readonly base64: boolean;
  readonly base64Remedy: string;
}

/** Fields of a ConfigMap; the first one that has the key counts. */
const CONFIG_MAP_FIELDS: readonly TextField[] = [
  { at: "data", base64: false, base64Remedy: "use binaryData, or write the PEM itself" },
  { at: "binaryData", base64: true, base64Remedy: "it was encoded twice: encode it once" },
];
/** Fields of a Secret; `stringData` overwrites `data`, as in the API server. */
const SECRET_FIELDS: readonly TextField[] = [
  { at: "stringData", base64: false, base64Remedy: "use data, or write the PEM itself" },
  {
    at: "data",
    base64: true,
    base64Remedy: "it was encoded twice: encode it once, or put the PEM itself under stringData",
  },
];

/** The text in `spec.trustBundle` of a ClusterTrustBundle. */
export function trustBundleText(cluster: Cluster, name: string): TextResult {
  const entry = cluster.ClusterTrustBundle.get(name);
  if (entry?.kind !== "valid") return missing(cluster, "ClusterTrustBundle", name, entry);
  const { object } = entry;
  const note: Note = { message: `ClusterTrustBundle ${name} is here`, object, path: ["spec", "trustBundle"] };
  return { kind: "read", value: object.value.spec.trustBundle, note, base64Remedy: "write the PEM itself" };
}

function missing(
  cluster: Cluster,
  kind: "ConfigMap" | "Secret" | "ClusterTrustBundle",
  name: string,
  entry: Entry<unknown> | undefined,
): Invalid {
  const cause = causeOf(kind, name);
  if (entry?.kind === "refused")
    return { ...invalid(`${kind} ${name} is refused itself: ${entry.problem.message}`), cause };
  const { message, remedy } = absent(cluster, kind, name);
  return { ...invalid(message, undefined, remedy), cause };
}

function valueOf(object: unknown, at: TextField["at"], key: string): string | undefined {
  const value = field(field(object, at), key);
  return typeof value === "string" ? value : undefined;
}

function keysOf(object: unknown, at: TextField["at"]): string[] {
  const map = field(object, at);
  return map === null || typeof map !== "object" ? [] : Object.keys(map);
}

type Decoded =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "no-base64" };

function decodeBase64(base64: string): Decoded {
  const text = base64.replaceAll(/\s/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return { kind: "no-base64" };
  const bytes = Buffer.from(text, "base64");
  try {
    return { kind: "text", text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { kind: "bytes", bytes };
  }
}
