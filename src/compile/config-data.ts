/** Text under one key of a ConfigMap or Secret. Values of Secrets never appear in messages. */
import type { Entry, Cluster } from "./load.ts";
import type { ConfigMap, Secret } from "./objects.ts";

export type TextResult = { readonly kind: "read"; readonly value: string } | { readonly kind: "invalid"; readonly why: string };

export const invalid = (why: string): { readonly kind: "invalid"; readonly why: string } => ({ kind: "invalid", why });

/** `name` is `namespace/name`. */
export function textOf(cluster: Cluster, kind: "ConfigMap" | "Secret", name: string, key: string): TextResult {
  const entry: Entry<ConfigMap | Secret> | undefined = cluster[kind].get(name);
  if (entry === undefined) return invalid(`${kind} ${name} is not among the inputs`);
  if (entry.kind === "refused") return invalid(`${kind} ${name} is refused itself: ${entry.problem.message}`);
  const value = kind === "ConfigMap" ? configMapText(entry.object.value as ConfigMap, key) : secretText(entry.object.value as Secret, key);
  if (value === undefined) return invalid(`${kind} ${name} has no key ${key}`);
  return value === null ? invalid(`${key} of ${kind} ${name} is not base64 of UTF-8`) : { kind: "read", value };
}

function configMapText({ data, binaryData }: ConfigMap, key: string): string | null | undefined {
  return own(data, key) ?? decode(own(binaryData, key));
}

/** `stringData` overwrites `data`, as when the API server writes it. */
function secretText({ data, stringData }: Secret, key: string): string | null | undefined {
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
