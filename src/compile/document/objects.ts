/** From documents to raw objects: `kind: List` unpacked, identity read, nulls pruned, what is no object diagnosed. */
import type { RawObject } from "../kubernetes/raw-object.ts";
import { type Diagnostic, type Diagnostics, type FieldPath, type Location, show } from "../diagnostics/diagnostics.ts";
import { field, KINDS } from "../kubernetes/kinds.ts";
import type { Locate } from "./locate.ts";
import { type InputDocument, parseText } from "./parse.ts";

/** Reads every text. `fatal`: one of them cannot be read, so nothing may be built from the rest. */
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
      // An empty document (`---` at the end, comments alone) is no object.
      if (value === null || value === undefined) continue;
      fatal = !addValue(value, locate, locateItems, objects, diagnostics) || fatal;
    }
    if (objects.length === before && !fatal) diagnostics.add(emptyInput(input.file));
  }
  return { objects: namespace === null ? objects : objects.map((object) => inNamespace(object, namespace)), fatal };
}

/** As `kubectl --namespace`: what names no namespace of its own is of this one. Cluster-scoped kinds pass it over. */
function inNamespace(object: RawObject, namespace: string): RawObject {
  if (object.ref.namespace !== null || isClusterScoped(object.group, object.ref.kind)) return object;
  const metadata = field(object.value, "metadata");
  const isMap = metadata !== null && typeof metadata === "object" && !Array.isArray(metadata);
  return {
    ...object,
    ref: { ...object.ref, namespace },
    // What is no map is refused as it stands.
    value: isMap || metadata === undefined ? { ...object.value, metadata: { ...metadata, namespace } } : object.value,
  };
}

/**
 * An object, or the items of a list: `kind: List`, or a typed one (`HTTPRouteList`), whose items may leave out apiVersion
 * and kind. False when something in it is no object that could even be skipped by name.
 */
function addValue(
  value: unknown,
  locate: Locate,
  locateItems: (key: string) => readonly Locate[],
  objects: RawObject[],
  diagnostics: Diagnostics,
): boolean {
  const list = listOf(value);
  if (list === null) return addObject(value, locate, objects, diagnostics);
  const items = field(value, "items") ?? [];
  if (!Array.isArray(items)) {
    malformed(
      diagnostics,
      locate(["items"], true),
      "items of a list must be a list",
      "a list of objects",
      typeOf(items),
    );
    return false;
  }
  let places: readonly Locate[] | null = null;
  let sound = true;
  // Flow style puts other items on the line of a Secret's data.
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
    sound = addValue(typed(item, list), place, nested, objects, diagnostics) && sound;
  }
  return sound;
}

function holdsSecret(value: unknown): boolean {
  if (isSecretKind(field(value, "kind"))) return true;
  const items = field(value, "items");
  return Array.isArray(items) && items.some(holdsSecret);
}

/** Secrets, and what controllers make Secrets from. */
const isSecretKind = (kind: unknown): boolean => typeof kind === "string" && /secret/i.test(kind);

interface ListType {
  readonly apiVersion: string;
  /** Null: items say their own kind. */
  readonly kind: string | null;
}

function listOf(value: unknown): ListType | null {
  const apiVersion = field(value, "apiVersion");
  const kind = field(value, "kind");
  if (typeof apiVersion !== "string" || typeof kind !== "string" || !kind.endsWith("List")) return null;
  if (kind === "List") return { apiVersion, kind: null };
  return field(value, "items") === undefined ? null : { apiVersion, kind: kind.slice(0, -"List".length) };
}

function typed(item: unknown, { apiVersion, kind }: ListType): unknown {
  if (kind === null || item === null || typeof item !== "object" || Array.isArray(item)) return item;
  return { apiVersion, kind, ...item };
}

/** False when the value is no object that could even be skipped by name. */
function addObject(value: unknown, locate: Locate, objects: RawObject[], diagnostics: Diagnostics): boolean {
  const place = (path: FieldPath): Location => locate(path, true);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    malformed(
      diagnostics,
      place([]),
      `a document must be one Kubernetes object, and this is ${typeOf(value)}`,
      "a mapping with apiVersion and kind",
      typeOf(value),
      Array.isArray(value) ? UNPACK : undefined,
    );
    return false;
  }
  const apiVersion = field(value, "apiVersion");
  const kind = field(value, "kind");
  if (typeof apiVersion !== "string" || apiVersion === "" || typeof kind !== "string" || kind === "") {
    const missing = typeof apiVersion !== "string" || apiVersion === "" ? "apiVersion" : "kind";
    malformed(
      diagnostics,
      place([missing]),
      `the object has no ${missing}`,
      `a string ${missing}`,
      show(field(value, missing)),
    );
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
      // The API server reads an empty namespace as none.
      namespace: typeof namespace === "string" && namespace !== "" ? namespace : null,
      name: typeof name === "string" ? name : "",
    },
    group: slash < 0 ? "" : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    value: pruneNulls(value as Record<string, unknown>),
    locate: (path) => locate(path, maySecret(kind, path)),
  });
  return true;
}

/** Of the kinds that are read; of the others nothing depends on it. */
function isClusterScoped(group: string, kind: string): boolean {
  if (!Object.hasOwn(KINDS, kind)) return false;
  const known = KINDS[kind as keyof typeof KINDS];
  return known.group === group && !known.namespaced;
}

/** Lines that are not printed: a Secret's, any of which may hold its data, and what a ConfigMap holds by mistake. */
function maySecret(kind: string, path: FieldPath): boolean {
  return isSecretKind(kind) || (kind === "ConfigMap" && (path[0] === "data" || path[0] === "binaryData"));
}

/** The API server drops nulls before it sets defaults: a null field is an absent one. */
export function pruneNulls<T extends object>(value: T): T {
  // parse.ts has refused cycles, and trees that aliases make huge.
  for (const key of Object.keys(value)) {
    const child = (value as Record<string, unknown>)[key];
    if (child === null && !Array.isArray(value)) delete (value as Record<string, unknown>)[key];
    else if (child !== null && typeof child === "object") pruneNulls(child);
  }
  return value;
}

function emptyInput(file: string): Diagnostic {
  return {
    severity: "warning",
    code: "input-empty",
    message: `${file} holds no object`,
    location: { file, line: 1, column: 1, length: 1, sourceLine: null },
    object: null,
    path: null,
    expected: "Kubernetes objects",
    found: null,
    remedy: "remove the file, or add the objects",
    note: null,
  };
}

const UNPACK =
  'put the list under `items` of an object with `apiVersion: v1` and `kind: List`: jq \'{apiVersion: "v1", kind: "List", items: .}\'';

/** As an author of YAML says it; the value itself may be a secret. */
function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "a list (array)";
  if (value === null) return "null";
  return typeof value === "object" ? "a mapping (object)" : `a ${typeof value}`;
}

function malformed(
  diagnostics: Diagnostics,
  location: Location,
  message: string,
  expected: string,
  found: string,
  remedy = "write one Kubernetes object per YAML document, separated by `---`",
): void {
  diagnostics.add({
    severity: "error",
    code: "object-malformed",
    message,
    location,
    object: null,
    path: null,
    expected,
    found,
    remedy,
    note: null,
  });
}
