/**
 * The table of the admission test: good and bad objects of each kind with a Gateway API CRD. Most are made from the
 * CRDs: every field of the good objects in bases.yaml is changed in every way its schema has an opinion on, one at a
 * time. written.ts has what no single change makes. Deterministic: a verdict is recorded under the case's name.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import type { Json } from "../../../src/compile/schema/structural.ts";
import { metadataCases } from "./metadata.ts";
import type { AdmissionCase, Definition, KubeObject, Object_ } from "./parts.ts";
import { written } from "./written.ts";

/** The CRDs of Gateway API v1.7.0 (experimental channel, which has every field), without descriptions and status. */
export function readDefinitions(): Definition[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/crds.json"), "utf8")) as Definition[];
}

/** Every case, in the order of the definitions. */
export function admissionCases(definitions: readonly Definition[]): AdmissionCase[] {
  const bases = documents().flatMap((base) => [base, ...backendFilters(base)]);
  const others = written();
  const ofKinds = definitions.flatMap(({ spec: { group, names, versions } }) => {
    const [v1] = versions;
    const schema = v1?.schema.openAPIV3Schema;
    if (schema === undefined) throw new Error(`${names.plural}: no version`);
    const ours = ({ kind }: KubeObject): boolean => kind === names.kind;
    const good = bases.filter(ours);
    const all = [
      ...good.map(unchanged),
      ...good.flatMap((base) => changed(base, schema)),
      ...others.filter(ours).map(unchanged),
    ];
    // The older versions have the same schema (a test checks that), so whole objects are enough.
    const older = versions.slice(1).flatMap(({ name }) =>
      [...good, ...others.filter(ours)].map((object) => {
        const apiVersion = `${group}/${name}`;
        return unchanged({ ...object, apiVersion });
      }),
    );
    return [...all, ...older];
  });
  return [...ofKinds, ...metadataCases()];
}

const documents = (): KubeObject[] =>
  loadAll(readFileSync(join(import.meta.dirname, "bases.yaml"), "utf8")) as KubeObject[];

const unchanged = (object: KubeObject): AdmissionCase => ({ name: label(object), object });

const label = ({ apiVersion, kind, metadata }: KubeObject): string =>
  `${kind} ${apiVersion.slice(apiVersion.indexOf("/") + 1)} ${metadata.name}`;

/** A backendRef takes the filters that a rule takes. */
function backendFilters(base: KubeObject): KubeObject[] {
  const filters = (base["spec"] as { rules?: { filters?: Json }[] }).rules?.[0]?.filters;
  if (filters === undefined) return [];
  const rules = [{ backendRefs: [{ name: "backend", port: 80, filters }] }];
  return [{ ...base, metadata: { name: `${base.metadata.name}-backend` }, spec: { rules } }];
}

type Path = readonly (string | number)[];

function changed(base: KubeObject, schema: Object_): AdmissionCase[] {
  const spec = (schema["properties"] as Object_)["spec"] as Object_;
  const cases = new Map<string, AdmissionCase>();
  for (const { path, change, value } of changes(base["spec"] ?? null, spec, ["spec"])) {
    const name = `${label(base)} ${path.join(".")} ${change}`;
    if (cases.has(name)) throw new Error(`${name}: a second one`);
    cases.set(name, { name, object: replaced(base, path, value) as KubeObject });
  }
  return [...cases.values()];
}

interface Change {
  readonly path: Path;
  readonly change: string;
  /** The new value; undefined for a field that is left out. */
  readonly value: Json | undefined;
}

function replaced(value: Json, [step, ...rest]: Path, by: Json | undefined): Json {
  if (step === undefined) return by ?? null;
  if (Array.isArray(value)) return value.map((item, index) => (index === step ? replaced(item, rest, by) : item));
  const { [step]: own = null, ...others } = value as Object_;
  if (rest.length === 0 && by === undefined) return others;
  return { ...(value as Object_), [step]: replaced(own, rest, by) };
}

/** The changes of one field, and of all fields beneath it. */
function* changes(value: Json, schema: Object_, path: Path): Generator<Change> {
  const own = (change: string, by: Json | undefined): Change => ({ path, change, value: by });
  if (typeof path.at(-1) === "string") yield own("left out", undefined);
  yield own("null", null);
  for (const [type, other] of OTHER_TYPES[schema["type"] as string] ?? []) yield own(`of type ${type}`, other);
  if (typeof value === "string") yield* strings(value, schema, own);
  else if (typeof value === "number") yield* numbers(schema, own);
  else if (typeof value === "boolean") yield own("inverted", !value);
  else if (Array.isArray(value)) yield* lists(value, schema, path, own);
  else if (value !== null) yield* objects(value, schema, path, own);
}

const [STRING, INTEGER, BOOLEAN, ARRAY, OBJECT] = [
  ["string", "1"],
  ["integer", 1],
  ["boolean", true],
  ["array", ["a"]],
  ["object", { a: "b" }],
] as const satisfies [string, Json][];
const OTHER_TYPES: Readonly<Record<string, readonly (readonly [type: string, value: Json])[]>> = {
  string: [INTEGER, BOOLEAN, OBJECT],
  integer: [STRING, BOOLEAN],
  boolean: [STRING, INTEGER],
  array: [STRING, OBJECT],
  object: [STRING, ARRAY],
};

/** Texts that are sound values of some field, or nearly. */
const TEXTS = [
  "A",
  "a_b",
  "-a",
  "a.b-",
  "*.a.b",
  "*",
  "a/b",
  "a b",
  " a",
  "a\n",
  "é",
  "1.2.3.4",
  "::1",
  "/a//b",
  "https://a.b:1",
  "1h",
  "1.5s",
  "Service",
];

type Own = (change: string, by: Json | undefined) => Change;

function* strings(value: string, schema: Object_, own: Own): Generator<Change> {
  yield own("empty", "");
  for (const text of TEXTS) if (text !== value) yield own(JSON.stringify(text), text);
  for (const text of (schema["enum"] ?? []) as string[]) {
    if (text !== value) yield own(`one of the enum: ${text}`, text);
    if (text === value) yield own("in lower case", text.toLowerCase());
  }
  const { maxLength } = schema;
  if (typeof maxLength !== "number") return;
  yield own("as long as may be", lengthened(value, maxLength));
  yield own("too long", lengthened(value, maxLength + 1));
  // Characters are counted, not their bytes or code units.
  yield own("of emoji, as many as may be", "😀".repeat(maxLength));
}

/** A longer text: repeating the last character keeps most patterns. */
const lengthened = (value: string, length: number): string => value.padEnd(length, value.at(-1) ?? "a");

function* numbers(schema: Object_, own: Own): Generator<Change> {
  const { minimum = -(2 ** 31), maximum = 2 ** 31 - 1 } = schema as { minimum?: number; maximum?: number };
  for (const number of new Set([minimum - 1, minimum, maximum, maximum + 1, 0, -1, 1.5, 2 ** 53]))
    yield own(String(number), number);
  for (const number of (schema["enum"] ?? []) as number[]) yield own(`one of the enum: ${number}`, number);
}

function* lists(value: Json[], schema: Object_, path: Path, own: Own): Generator<Change> {
  const [first = null] = value;
  const many = (count: number): Json[] => Array.from({ length: count }, (_, index) => numbered(first, index));
  yield own("empty", []);
  yield own("with its first item twice", [...value, first]);
  yield own("with another item", [...value, numbered(first, 1)]);
  yield own("with a null", [...value, null]);
  const { maxItems } = schema;
  if (typeof maxItems === "number") {
    yield own("as many as may be", many(maxItems));
    yield own("too many", many(maxItems + 1));
  }
  for (const [index, item] of value.entries()) yield* changes(item, schema["items"] as Object_, [...path, index]);
}

/** The item with another name, port or text, so that no two items of a list are alike. */
function numbered(item: Json, index: number): Json {
  if (typeof item === "string") return item.replace(/[a-z]+/, (text) => `${text}${index}`);
  if (typeof item === "number") return item + index;
  if (item === null || typeof item !== "object" || Array.isArray(item)) return item;
  const { name, port } = item;
  return {
    ...item,
    ...(typeof name === "string" ? { name: `${name}${index}` } : {}),
    ...(typeof port === "number" ? { port: port + index } : {}),
  };
}

function* objects(value: Object_, schema: Object_, path: Path, own: Own): Generator<Change> {
  yield own("empty", {});
  const properties = (schema["properties"] ?? {}) as Object_;
  if (schema["properties"] !== undefined) yield own("with an unknown field", { ...value, unknown: "a" });
  const { additionalProperties, maxProperties } = schema;
  if (additionalProperties !== undefined) {
    const [first = null] = Object.values(value);
    for (const key of KEYS)
      yield own(`with the key ${key.length > 80 ? `of ${key.length} characters` : JSON.stringify(key)}`, {
        [key]: first,
      });
    const many = (count: number): Object_ =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, first]));
    if (typeof maxProperties === "number") {
      yield own("as many as may be", many(maxProperties));
      yield own("too many", many(maxProperties + 1));
    }
  }
  for (const [name, child] of Object.entries(value))
    yield* changes(child, (properties[name] ?? additionalProperties) as Object_, [...path, name]);
}

const KEYS = [
  "",
  "a",
  "a.b/c",
  "A.b/c",
  "a/b/c",
  "/a",
  "a/",
  "a b",
  "-a",
  "a-",
  "a".repeat(63),
  "a".repeat(64),
  `${"a.".repeat(125)}aa/b`,
  `${"a.".repeat(126)}aa/b`,
];
