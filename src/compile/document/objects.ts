/** The objects in texts: documents are parsed, lists unpacked, nulls removed, and documents that are no objects reported. */
import type { RawObject } from "../kubernetes/raw-object.ts";
import { type Diagnostics, type FieldPath, type Location, show } from "../diagnostics/diagnostics.ts";
import { field, KINDS } from "../kubernetes/kinds.ts";
import type { Locate } from "./locate.ts";
import { type InputDocument, type ParsedDocument, parseText } from "./parse.ts";
import { emptyInput, malformed, typeOf, UNPACK } from "./problems.ts";

/**
 * The objects of all texts. `fatal`: one of the texts cannot be read, so nothing may be built from the others. `namespace` is
 * for objects that name none; null: they keep none.
 */
export function readObjects(
  inputs: readonly InputDocument[],
  diagnostics: Diagnostics,
  namespace: string | null = null,
): { objects: RawObject[]; fatal: boolean } {
  const objects: RawObject[] = [];
  let fatal = false;
  for (const input of inputs) {
    const parsed = parseText(input);
    if ("fault" in parsed) {
      diagnostics.add(parsed.fault);
      fatal = true;
      continue;
    }
    const before = objects.length;
    for (const { value, locate, locateItems } of parsed.documents) {
      // An empty document (`---` at the end, only comments) is no object, and no fault.
      if (value === null || value === undefined) continue;
      fatal = !addValue({ value, locate, locateItems }, objects, diagnostics) || fatal;
    }
    if (objects.length === before && !fatal) diagnostics.add(emptyInput(input.file));
  }
  return { objects: namespace === null ? objects : objects.map((object) => inNamespace(object, namespace)), fatal };
}

/** The object in a namespace, as with `kubectl --namespace`: unless it names a namespace, or is of a cluster-scoped kind. */
function inNamespace(object: RawObject, namespace: string): RawObject {
  if (object.ref.namespace !== null || isClusterScoped(object.group, object.ref.kind)) return object;
  const metadata = field(object.value, "metadata");
  const isMap = metadata !== null && typeof metadata === "object" && !Array.isArray(metadata);
  return {
    ...object,
    ref: { ...object.ref, namespace },
    // metadata that is no map is left as it is: the schema refuses it.
    value: isMap || metadata === undefined ? { ...object.value, metadata: { ...metadata, namespace } } : object.value,
  };
}

/**
 * Adds an object, or each item of a list: of `kind: List`, or of a typed one (`HTTPRouteList`), whose items may leave
 * out apiVersion and kind. False when the value, or one of its items, is no object, not even of an unknown kind.
 */
function addValue(
  { value, locate, locateItems }: ParsedDocument,
  objects: RawObject[],
  diagnostics: Diagnostics,
): boolean {
  const list = listTypeOf(value);
  if (list === null) return addObject(value, locate, objects, diagnostics);
  const items = field(value, "items") ?? [];
  if (!Array.isArray(items)) {
    const message = "items of a list must be a list";
    diagnostics.add(
      malformed(locate(["items"], true), { message, expected: "a list of objects", found: typeOf(items) }),
    );
    return false;
  }
  let places: readonly Locate[] | null = null;
  let sound = true;
  // In flow style, the data of a Secret may be on the line of another item.
  const secrets = holdsSecret(value);
  for (const [index, item] of (items as unknown[]).entries()) {
    const place: Locate = (path, secret) => {
      places ??= locateItems("items");
      const hidden = secret || secrets;
      return places[index]?.(path, hidden) ?? locate(["items", index, ...path], hidden);
    };
    const nested = (key: string): Locate[] => {
      const inner = field(item, key);
      return Array.isArray(inner)
        ? inner.map(
            (_, number): Locate =>
              (path, secret) =>
                place([key, number, ...path], secret),
          )
        : [];
    };
    const located = { value: withType(item, list), locate: place, locateItems: nested };
    sound = addValue(located, objects, diagnostics) && sound;
  }
  return sound;
}

function holdsSecret(value: unknown): boolean {
  if (isSecretKind(field(value, "kind"))) return true;
  const items = field(value, "items");
  return Array.isArray(items) && items.some(holdsSecret);
}

/** Whether a kind is Secret, or a kind from which controllers generate Secrets. */
const isSecretKind = (kind: unknown): boolean => typeof kind === "string" && /secret/i.test(kind);

interface ListType {
  readonly apiVersion: string;
  /** The kind of the items; null: each item has a kind of its own. */
  readonly kind: string | null;
}

/** The type of a list; null: the value is no list. */
function listTypeOf(value: unknown): ListType | null {
  const apiVersion = field(value, "apiVersion");
  const kind = field(value, "kind");
  if (typeof apiVersion !== "string" || typeof kind !== "string" || !kind.endsWith("List")) return null;
  if (kind === "List") return { apiVersion, kind: null };
  return field(value, "items") === undefined ? null : { apiVersion, kind: kind.slice(0, -"List".length) };
}

/** An item of a typed list, with the apiVersion and kind that it may leave out. */
function withType(item: unknown, { apiVersion, kind }: ListType): unknown {
  if (kind === null || item === null || typeof item !== "object" || Array.isArray(item)) return item;
  return { apiVersion, kind, ...item };
}

/** Adds an object. False when the value is none, not even of an unknown kind. */
function addObject(value: unknown, locate: Locate, objects: RawObject[], diagnostics: Diagnostics): boolean {
  const place = (path: FieldPath): Location => locate(path, true);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    const found = typeOf(value);
    const message = `a document must be one Kubernetes object, and this is ${found}`;
    const expected = "a mapping with apiVersion and kind";
    const remedy = Array.isArray(value) ? { remedy: UNPACK } : {};
    diagnostics.add(malformed(place([]), { message, expected, found, ...remedy }));
    return false;
  }
  const apiVersion = field(value, "apiVersion");
  const kind = field(value, "kind");
  if (typeof apiVersion !== "string" || apiVersion === "" || typeof kind !== "string" || kind === "") {
    const missing = typeof apiVersion !== "string" || apiVersion === "" ? "apiVersion" : "kind";
    const message = `the object has no ${missing}`;
    const found = show(field(value, missing));
    diagnostics.add(malformed(place([missing]), { message, expected: `a string ${missing}`, found }));
    return false;
  }
  const metadata = field(value, "metadata");
  const name = field(metadata, "name");
  const namespace = field(metadata, "namespace");
  const slash = apiVersion.indexOf("/");
  objects.push({
    ref: {
      apiVersion,
      kind,
      // The API server treats an empty namespace as an absent one.
      namespace: typeof namespace === "string" && namespace !== "" ? namespace : null,
      name: typeof name === "string" ? name : "",
    },
    group: slash < 0 ? "" : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    value: pruneNulls(value as Record<string, unknown>),
    locate: (path) => locate(path, holdsSecretData(kind, path)),
  });
  return true;
}

/** Whether a kind that lasthop reads is cluster-scoped. For other kinds it does not matter. */
function isClusterScoped(group: string, kind: string): boolean {
  if (!Object.hasOwn(KINDS, kind)) return false;
  const known = KINDS[kind as keyof typeof KINDS];
  return known.group === group && !known.namespaced;
}

/** Whether a field's line must not be shown: any line of a Secret may hold its data, and a ConfigMap may hold a key by mistake. */
function holdsSecretData(kind: string, path: FieldPath): boolean {
  return isSecretKind(kind) || (kind === "ConfigMap" && (path[0] === "data" || path[0] === "binaryData"));
}

/** Removes null fields from a value in place, as the API server does before it sets defaults. Items of lists stay. */
export function pruneNulls<T extends object>(value: T): T {
  // The recursion ends: parse.ts has refused cycles, and values that aliases make huge.
  for (const key of Object.keys(value)) {
    const child = (value as Record<string, unknown>)[key];
    if (child === null && !Array.isArray(value)) delete (value as Record<string, unknown>)[key];
    else if (child !== null && typeof child === "object") pruneNulls(child);
  }
  return value;
}
