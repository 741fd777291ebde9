/** Text under one key of a ConfigMap or Secret, and that of a ClusterTrustBundle. Values of Secrets never appear in messages. */
import { absent } from "./absent.ts";
import { type Cause, causeOf, compareStrings, type Note } from "../diagnostics/diagnostics.ts";
import type { Entry, Cluster } from "../load/load.ts";
import type { ConfigMap, Secret } from "../kubernetes/objects.ts";
import { explainBinary } from "./pem-mistakes.ts";
import { field } from "../kubernetes/kinds.ts";

export interface Invalid {
  readonly kind: "invalid";
  readonly why: string;
  /** The object and key at fault, when they are there. */
  readonly note?: Note;
  /** When more is known than that the reference or the text is wrong. */
  readonly remedy?: string;
  /** The object that is refused itself, or absent. */
  readonly cause?: Cause;
}
export type TextResult =
  | {
      readonly kind: "read";
      readonly value: string;
      readonly note: Note;
      /** What to do when the text turns out to be the base64 of what belongs there. */
      readonly encoded: string;
    }
  | Invalid;

export const invalid = (why: string, note?: Note, remedy?: string): Invalid => ({
  kind: "invalid",
  why,
  ...(note === undefined ? {} : { note }),
  ...(remedy === undefined ? {} : { remedy }),
});

/** `name` is `namespace/name`. */
export function textOf(cluster: Cluster, kind: "ConfigMap" | "Secret", name: string, key: string): TextResult {
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
  const { encoded } = holds;
  if (!holds.base64) return { kind: "read", value: text, note, encoded };
  const decoded = decode(text);
  if (decoded.kind === "text") return { kind: "read", value: decoded.text, note, encoded };
  const of = `${key} of ${kind} ${name}`;
  if (decoded.kind === "bytes") {
    const { why, remedy } = explainBinary(decoded.bytes);
    return invalid(`${of} ${why}`, note, remedy);
  }
  return invalid(`${of} is not base64`, note, "write the base64 of the PEM");
}

/** Keys of an object that are named in a message. */
const MAX_KEYS = 8;

interface TextField {
  readonly at: "data" | "binaryData" | "stringData";
  readonly base64: boolean;
  readonly encoded: string;
}

/** The first that has the key counts. */
const CONFIG_MAP_FIELDS: readonly TextField[] = [
  { at: "data", base64: false, encoded: "use binaryData, or write the PEM itself" },
  { at: "binaryData", base64: true, encoded: "it was encoded twice: encode it once" },
];
/** `stringData` overwrites `data`, as when the API server writes it. */
const SECRET_FIELDS: readonly TextField[] = [
  { at: "stringData", base64: false, encoded: "use data, or write the PEM itself" },
  {
    at: "data",
    base64: true,
    encoded: "it was encoded twice: encode it once, or put the PEM itself under stringData",
  },
];

/** `spec.trustBundle` of a ClusterTrustBundle. */
export function trustBundleText(cluster: Cluster, name: string): TextResult {
  const entry = cluster.ClusterTrustBundle.get(name);
  if (entry?.kind !== "valid") return missing(cluster, "ClusterTrustBundle", name, entry);
  const { object } = entry;
  const note: Note = { message: `ClusterTrustBundle ${name} is here`, object, path: ["spec", "trustBundle"] };
  return { kind: "read", value: object.value.spec.trustBundle, note, encoded: "write the PEM itself" };
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

function decode(base64: string): Decoded {
  const text = base64.replaceAll(/\s/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return { kind: "no-base64" };
  const bytes = Buffer.from(text, "base64");
  try {
    return { kind: "text", text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { kind: "bytes", bytes };
  }
}
