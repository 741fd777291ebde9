/** Text under one key of a ConfigMap or Secret, and that of a ClusterTrustBundle. Values of Secrets never appear in messages. */
import type { Note } from "./diagnostics.ts";
import type { Entry, Cluster } from "./load.ts";
import type { ConfigMap, Secret } from "./objects.ts";
import { field } from "./schema/validate.ts";

export interface Invalid {
  readonly kind: "invalid";
  readonly why: string;
  /** The object and key at fault, when they are there. */
  readonly note?: Note;
}
export type TextResult = { readonly kind: "read"; readonly value: string; readonly note: Note } | Invalid;

export const invalid = (why: string, note?: Note): Invalid => ({
  kind: "invalid",
  why,
  ...(note === undefined ? {} : { note }),
});

/** `name` is `namespace/name`. */
export function textOf(cluster: Cluster, kind: "ConfigMap" | "Secret", name: string, key: string): TextResult {
  const entry: Entry<ConfigMap | Secret> | undefined = cluster[kind].get(name);
  if (entry?.kind !== "valid") return missing(kind, name, entry);
  const value = kind === "ConfigMap" ? configMapText(entry.object.value, key) : secretText(entry.object.value, key);
  const holds = field(entry.object.value, "data") !== undefined ? "data" : "metadata";
  const note: Note = {
    message: `${kind} ${name} is here`,
    object: entry.object,
    path: [holds, ...(value === undefined ? [] : [key])],
  };
  if (value === undefined) return invalid(`${kind} ${name} has no key ${key}`, note);
  return value === null
    ? invalid(`${key} of ${kind} ${name} is not base64 of UTF-8`, note)
    : { kind: "read", value, note };
}

/** `spec.trustBundle` of a ClusterTrustBundle. */
export function trustBundleText(cluster: Cluster, name: string): TextResult {
  const entry = cluster.ClusterTrustBundle.get(name);
  if (entry?.kind !== "valid") return missing("ClusterTrustBundle", name, entry);
  const { object } = entry;
  const note: Note = { message: `ClusterTrustBundle ${name} is here`, object, path: ["spec", "trustBundle"] };
  return { kind: "read", value: object.value.spec.trustBundle, note };
}

const missing = (kind: string, name: string, entry: Entry<unknown> | undefined): Invalid =>
  entry?.kind === "refused"
    ? invalid(`${kind} ${name} is refused itself: ${entry.problem.message}`)
    : invalid(`${kind} ${name} is not among the inputs`);

function configMapText(
  { data, binaryData }: Pick<ConfigMap, "data" | "binaryData">,
  key: string,
): string | null | undefined {
  return own(data, key) ?? decode(own(binaryData, key));
}

/** `stringData` overwrites `data`, as when the API server writes it. */
function secretText({ data, stringData }: Pick<Secret, "data" | "stringData">, key: string): string | null | undefined {
  return own(stringData, key) ?? decode(own(data, key));
}

function own(map: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

function decode(base64: string | undefined): string | null | undefined {
  if (base64 === undefined) return undefined;
  const text = base64.replaceAll(/\s/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(text, "base64"));
  } catch {
    return null;
  }
}
