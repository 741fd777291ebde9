/** ajv, set up for the schemas of Kubernetes: their formats and keywords, and patterns that run in linear time. */
import { Ajv } from "ajv";
import { RE2JS } from "re2js";
import { field } from "../kubernetes/kinds.ts";
import { isLabelValue, isQualifiedName } from "./formats.ts";
import { isFormatIpv4, isFormatIpv6 } from "./ip.ts";

/** Longer texts are matched by RE2, in linear time, since several patterns of the CRDs backtrack. */
const MAX_BACKTRACKING_LENGTH = 512;
/** Longer texts match no pattern: no field with a pattern may be as long. */
const MAX_LENGTH = 8192;
/** A repeated group: a text that almost matches may be divided among its repetitions in exponentially many ways. */
const REPEATED_GROUP = /\)(?:[*+]|\{)/;
/** The one repeated group of the CRDs whose repetitions are told apart, by the dot that begins each: labels of a name. */
const DOTTED_LABELS = "(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

const regExp = Object.assign(
  (source: string, flags: string) => {
    const native = new RegExp(source, flags);
    const maxNativeLength = REPEATED_GROUP.test(source.replaceAll(DOTTED_LABELS, "")) ? 0 : MAX_BACKTRACKING_LENGTH;
    // Compiled here, where a pattern that only backtracking understands is a fault of its schema, as it is for Kubernetes.
    const linear = RE2JS.compile(source);
    return {
      test: (text: string): boolean => {
        if (text.length > MAX_LENGTH) return false;
        if (text.length <= maxNativeLength) return native.test(text);
        return linear.matcher(text).find();
      },
      // ajv tells its patterns apart by their text.
      toString: () => `/${source}/${flags}`,
    };
  },
  { code: "regExp" },
);

/** An ajv of its own. With `useDefaults`, its validators set defaults in the value; with `validateSchema`, it throws on what is no schema. */
export function createAjv({ useDefaults, validateSchema }: Record<"useDefaults" | "validateSchema", boolean>): Ajv {
  const ajv = new Ajv({
    allErrors: true,
    strict: false,
    useDefaults,
    validateSchema,
    meta: validateSchema,
    unicodeRegExp: false,
    formats: {
      ipv4: isFormatIpv4,
      ipv6: isFormatIpv6,
      "label-key": isQualifiedName,
      "label-value": isLabelValue,
      // `ValidateAnnotations` checks the keys in lower case.
      "annotation-key": (text: string) => isQualifiedName(text.toLowerCase()),
    },
    verbose: true,
    code: { regExp, optimize: false },
  });
  ajv.addKeyword({
    keyword: "uniqueKeys",
    type: "array",
    schemaType: "array",
    validate: (keys: readonly string[], items: readonly unknown[]) => {
      const seen = new Set(items.map((item) => JSON.stringify(keys.map((key) => field(item, key)))));
      return seen.size === items.length;
    },
    error: { message: ({ schema }: { schema: readonly string[] }) => `must not repeat ${schema.join(", ")}` },
  });

  ajv.addKeyword({
    keyword: "base64",
    type: "string",
    // Go's decoder skips line ends, and nothing else.
    validate: (_: boolean, text: string) => {
      const data = text.replaceAll(/[\r\n]/g, "");
      return data.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(data);
    },
    error: { message: "must be base64; the text itself goes under data of a ConfigMap, or stringData of a Secret" },
  });

  ajv.addKeyword({
    keyword: "maxBytes",
    type: "object",
    schemaType: "number",
    validate: (limit: number, map: Readonly<Record<string, unknown>>) =>
      Object.entries(map).reduce((sum, [key, value]) => sum + Buffer.byteLength(`${key}${String(value)}`), 0) <= limit,
    error: { message: ({ schema }: { schema: number }) => `must not have more than ${schema} bytes in all` },
  });
  return ajv;
}
