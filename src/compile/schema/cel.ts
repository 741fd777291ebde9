/**
 * `x-kubernetes-validations`: the CEL rules of a structural schema, evaluated as an API server does when an object is
 * created.
 */
import type { FieldPath } from "../diagnostics/diagnostics.ts";
import { programOf } from "./cel-programs.ts";
import type { Json } from "./structural.ts";

/** A rule that an object breaks, or that cannot be evaluated. */
export interface BrokenRule {
  readonly path: FieldPath;
  /** The rule's `message` or `messageExpression`, or else the text of the rule. */
  readonly message: string;
  /** `unknown`: the rule uses what cannot be evaluated here, so whether the object breaks the rule is not known. */
  readonly kind: "broken" | "unknown";
}

type Schema = { readonly [key: string]: Json };

interface Rule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

/** Every rule of the schema that `value` breaks, in the order of the schema. `value` has defaults, and a sound structure. */
export function brokenRules(schema: Json, value: unknown, at: FieldPath = []): BrokenRule[] {
  if (!isSchema(schema) || value === undefined || value === null) return [];
  const found = rulesOf(schema).flatMap((rule) => evaluate(rule, schema, value, at));
  if (Array.isArray(value)) {
    const items = schema["items"] ?? null;
    return found.concat(value.flatMap((item: unknown, index) => brokenRules(items, item, [...at, index])));
  }
  if (typeof value !== "object") return found;
  for (const [name, child] of Object.entries(value)) {
    found.push(...brokenRules(propertyOf(schema, name), child, [...at, name]));
  }
  return found;
}

function propertyOf(schema: Schema, name: string): Json {
  const properties = schema["properties"] ?? null;
  if (isSchema(properties) && Object.hasOwn(properties, name)) return properties[name] ?? null;
  return schema["additionalProperties"] ?? null;
}

function rulesOf(schema: Schema): readonly Json[] {
  const rules = schema["x-kubernetes-validations"];
  return Array.isArray(rules) ? rules : [];
}

function isRule(value: Json): value is Json & Rule {
  if (!isSchema(value) || typeof value["rule"] !== "string") return false;
  return ["message", "messageExpression", "fieldPath"].every((name) =>
    ["string", "undefined"].includes(typeof value[name]),
  );
}

function evaluate(rule: Json, schema: Schema, value: unknown, at: FieldPath): BrokenRule[] {
  // An API server would not have stored the definition, so the meaning of the rule is unknown.
  if (!isRule(rule)) return [{ path: at, message: "it is malformed", kind: "unknown" }];
  // "Transition rules" compare an object with the stored one, and here is no stored one.
  if (/\boldSelf\b/.test(rule.rule) && rule.optionalOldSelf !== true) return [];
  const text = rule.message ?? rule.rule;
  try {
    const self = celValue(value, schema);
    const context = { self, ...(rule.optionalOldSelf === true ? { oldSelf: {} } : {}) };
    if (programOf(rule.rule)(context) === true) return [];
    const path = [...at, ...(rule.fieldPath?.split(".").filter((step) => step !== "") ?? [])];
    return [{ path, message: messageOf(rule, context), kind: "broken" }];
  } catch (error) {
    const why = error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : String(error);
    // The API server reports a rule that fails in evaluation as broken too ("rule evaluation error").
    if (FAILURE.test(why)) return [{ path: at, message: `${text} (${why})`, kind: "broken" }];
    return [{ path: at, message: `${text} (${why})`, kind: "unknown" }];
  }
}

/** Errors of a rule that was evaluated and failed, rather than one that cannot be evaluated here. */
const FAILURE =
  /^(?:field not found|index -?\d+ out of bounds|u?int overflow|\w+ (?:divide|modulus) by zero|Failed to parse)/;

function messageOf({ message, messageExpression, rule }: Rule, context: Record<string, unknown>): string {
  if (messageExpression === undefined) return message ?? rule;
  try {
    const text: unknown = programOf(messageExpression)(context);
    return typeof text === "string" ? text : (message ?? rule);
  } catch {
    // As the API server does: a message that cannot be made does not make the object valid.
    return message ?? rule;
  }
}

/** A value as CEL takes it: integers are BigInt, and field names are escaped (`apiextensions`, "CEL property name escaping"). */
function celValue(value: unknown, schema: Json): unknown {
  if (!isSchema(schema)) return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value === "number") {
    const isInteger = schema["type"] === "integer" || schema["x-kubernetes-int-or-string"] === true;
    return isInteger ? BigInt(Math.trunc(value)) : value;
  }
  if (Array.isArray(value)) return value.map((item: unknown) => celValue(item, schema["items"] ?? null));
  if (value === null || typeof value !== "object") return value;
  const properties = isSchema(schema["properties"] ?? null);
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, child]) => {
      const own = celValue(child, propertyOf(schema, name));
      // A field named like a reserved word has both names, since rules also write `r.namespace`.
      return (properties ? [name, escaped(name)] : [name]).map((key) => [key, own]);
    }),
  );
}

const KEYWORDS = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

function escaped(name: string): string {
  if (KEYWORDS.has(name)) return `__${name}__`;
  return name
    .replaceAll("__", "__underscores__")
    .replaceAll(".", "__dot__")
    .replaceAll("-", "__dash__")
    .replaceAll("/", "__slash__");
}

const isSchema = (value: Json): value is { [key: string]: Json } =>
  value !== null && typeof value === "object" && !Array.isArray(value);
