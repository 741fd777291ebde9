/** Checks of single values, from which check.ts puts the check of a bundle together. */
import { isSha256Hex } from "./bytes.ts";
import { BundleError } from "./refusal.ts";

/** A function that checks one value. Throws a BundleError that names the field. */
export type Check = (value: unknown, at: Path) => void;
/**
 * The field names and indices from the root to a value. Each check restores the path, so that descending allocates
 * nothing.
 */
type Path = (string | number)[];

/** Check for any string. */
export const string: Check = (value, at) => {
  if (typeof value !== "string") failCheck(value, at, "a string");
};
/** Check for any string or null. */
export const nullableString: Check = (value, at) => {
  if (value !== null && typeof value !== "string") failCheck(value, at, "a string or null");
};
/** Check for 64 lower-case hex digits. */
export const sha256Hex: Check = (value, at) => {
  if (!isSha256Hex(value)) failCheck(value, at, "64 lower-case hex digits");
};
/** Check for integers from `low` to `high`, both included. */
export const integer =
  (low: number, high: number): Check =>
  (value, at) => {
    if (!Number.isInteger(value) || (value as number) < low || (value as number) > high)
      failCheck(value, at, `an integer from ${low} to ${high}`);
  };
/** Check for the given values alone. */
export const oneOf = (...allowed: readonly unknown[]): Check => {
  const set = new Set(allowed);
  return (value, at) => {
    if (!set.has(value)) failCheck(value, at, `one of ${allowed.map((item) => JSON.stringify(item)).join(", ")}`);
  };
};
/** Check for lists of at least `least` values, each of which passes `item`. */
export const list =
  (item: Check, least = 0): Check =>
  (value, at) => {
    if (!Array.isArray(value) || value.length < least) return failCheck(value, at, `a list of at least ${least}`);
    for (let index = 0; index < value.length; index++) {
      at.push(index);
      item(value[index], at);
      at.pop();
    }
  };
/** Check for null, and for what passes `inner`. */
export const nullable =
  (inner: Check): Check =>
  (value, at) => {
    if (value !== null) inner(value, at);
  };
/** Check for objects with any fields: each name passes `key`, and each value `item`. */
export const map =
  (key: Check, item: Check): Check =>
  (value, at) => {
    const entries = record(value, at);
    for (const name of Object.keys(entries)) {
      at.push(name);
      key(name, at);
      item(entries[name], at);
      at.pop();
    }
  };
/** Check for objects with exactly these fields. */
export const object = (fields: Readonly<Record<string, Check>>): Check => {
  const checks = Object.entries(fields);
  return (value, at) => {
    const entries = record(value, at);
    for (const [name, check] of checks) {
      const child = entries[name];
      at.push(name);
      // A parsed JSON object has no value undefined, and inherits no property with the name of a field.
      if (child === undefined) throw new BundleError("missing-field", format(at), "it is required");
      check(child, at);
      at.pop();
    }
    const names = Object.keys(entries);
    if (names.length === checks.length) return;
    at.push(names.find((name) => !Object.hasOwn(fields, name)) ?? "");
    throw new BundleError("unknown-field", format(at), "this version does not know it");
  };
};
/** Check for a union whose variants differ in the field `kind`. */
export const byKind = (variants: Readonly<Record<string, Check>>): Check => {
  const checks = new Map(Object.entries(variants));
  return (value, at) => {
    const { kind } = record(value, at);
    const check = typeof kind === "string" ? checks.get(kind) : undefined;
    if (check === undefined) {
      at.push("kind");
      return failCheck(kind, at, `one of ${[...checks.keys()].join(", ")}`);
    }
    check(value, at);
  };
};

function record(value: unknown, at: Path): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return failCheck(value, at, "an object");
  return value as Record<string, unknown>;
}

/** A failed check. Always throws the BundleError that says what was expected at the path `at`. */
export function failCheck(value: unknown, at: Path, expected: string): never {
  const found = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  throw new BundleError("wrong-type", format(at), `expected ${expected}, found ${found}`);
}

function format(path: Path): string {
  let text = "";
  for (const step of path) text += typeof step === "number" ? `[${step}]` : `${text === "" ? "" : "."}${step}`;
  return text;
}
