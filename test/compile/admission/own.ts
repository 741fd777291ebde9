/** A CustomResourceDefinition that no checks of lasthop's own know: what a CEL library and Kubernetes' functions must do. */
import type { Json } from "../../../src/compile/schema/structural.ts";
import type { AdmissionCase, Definition, Object_ } from "./parts.ts";

interface Field {
  readonly schema: Object_;
  readonly rules: readonly Object_[];
  readonly values: readonly Json[];
}

const text = (rule: string, ...values: readonly Json[]): Field => ({
  // The server refuses rules that may cost too much.
  schema: { type: "string", maxLength: 100 },
  rules: [{ rule, message: rule }],
  values,
});

const ADDRESSES = [
  "1.2.3.4",
  "01.2.3.4",
  "::1",
  "fe80::1%eth0",
  "::ffff:1.2.3.4",
  "0:0:0:0:0:ffff:102:304",
  "64:ff9b::1.2.3.4",
  "1.2.3",
  "",
];
const LABELS = ["a", "a-b", "-a", "a.b", "A", "1a", "a".repeat(63), "a".repeat(64), "a\n", ""];

/** The fields of the definition, by name. */
const FIELDS: Readonly<Record<string, Field>> = {
  isIP: text("isIP(self)", ...ADDRESSES),
  isCIDR: text(
    "isCIDR(self)",
    ...ADDRESSES.map((address) => `${address}/8`),
    "1.2.3.4/33",
    "::1/129",
    "::1/128",
    "1.2.3.4/08",
    "1.2.3.4/+8",
    "1.2.3.4/",
    "1.2.3.4",
  ),
  isURL: text(
    "isURL(self)",
    "https://a.b/c",
    "/a",
    "a",
    "a:b",
    "https://",
    "https://a b",
    "//a",
    "http://[::1]/",
    "urn:a",
    "https://a/b c",
    "https://a/%zz",
    "https://a/?%zz",
    " https://a",
    "https://a\n",
    "https://a:b",
    "https://[::1",
    "://a",
    "/%zz",
    "/a b",
    "https:///a",
    "",
  ),
  label: text("!format.dns1123Label().validate(self).hasValue()", ...LABELS),
  subdomain: text("!format.dns1123Subdomain().validate(self).hasValue()", ...LABELS),
  label1035: text("!format.dns1035Label().validate(self).hasValue()", ...LABELS),
  prefix: text("!format.dns1123LabelPrefix().validate(self).hasValue()", ...LABELS, "a-"),
  subdomainPrefix: text("!format.dns1123SubdomainPrefix().validate(self).hasValue()", ...LABELS, "a-", "a."),
  prefix1035: text("!format.dns1035LabelPrefix().validate(self).hasValue()", ...LABELS, "a-"),
  qualified: text(
    "!format.qualifiedName().validate(self).hasValue()",
    ...LABELS,
    "a/b",
    "A/b",
    "a/b/c",
    "/b",
    "a/",
    "a_b",
  ),
  labelValue: text("!format.labelValue().validate(self).hasValue()", ...LABELS, "a_b"),
  uri: text("!format.uri().validate(self).hasValue()", "https://a.b", "/a", "a", ""),
  uuid: text(
    "!format.uuid().validate(self).hasValue()",
    "00000000-0000-0000-0000-00000000000a",
    "00000000-0000-0000-0000-00000000000A",
    "0",
    "000000000000000000000000000000aa",
    "00000000-0000-0000-0000000000000000",
  ),
  byte: text("!format.byte().validate(self).hasValue()", "YQ==", "YQ", "YQ=", "Y Q=", ""),
  date: text(
    "!format.date().validate(self).hasValue()",
    "2030-01-31",
    "2030-02-30",
    "2030-1-1",
    "2028-02-29",
    "2030-02-29",
    "0000-01-01",
    "",
  ),
  datetime: text(
    "!format.datetime().validate(self).hasValue()",
    "2030-01-31t00:00:00z",
    "2030-01-31T24:00:00Z",
    "2030-01-31T23:59:60Z",
    "2030-01-31T00:00:00+99:99",
    "2030-01-31T00:00:00,1Z",
    "2030-01-31T00:00:00.Z",
    "2030-02-30T00:00:00Z",
    "2030-01-31T00:00:00Z",
    "2030-01-31T00:00:00.123+01:00",
    "2030-01-31 00:00:00Z",
    "2030-01-31T00:00:00",
    "",
  ),
  split: text("self.split('/')[1] == 'b'", "a/b", "a/c", "a"),
  strings: text(
    "self.lowerAscii() == 'ab' && self.charAt(0) == 'A' && self.indexOf('B') == 1 && self.replace('A', 'x') == 'xB' && self.substring(1) == 'B' && self.trim() == self",
    "AB",
    "Ab",
    "",
  ),
  size: text("self.size() <= 2", "ab", "😀😀", "abc"),
  matches: text("self.matches('^a.c$')", "abc", "a\nc", "xabc"),
  duration: text("duration(self) <= duration('1h')", "1h", "60m", "2h", "1d"),
  timestamp: text("timestamp(self).getFullYear() == 2030", "2030-01-31T00:00:00Z", "2031-01-31T00:00:00Z", "2030"),
  optionalNone: {
    schema: { type: "string", maxLength: 100 },
    rules: [{ rule: "!oldSelf.hasValue() || oldSelf.value() == self", optionalOldSelf: true }],
    values: ["a"],
  },
  optionalValue: {
    schema: { type: "string", maxLength: 100 },
    rules: [{ rule: "oldSelf.orValue('a') == self", optionalOldSelf: true }],
    values: ["a", "b"],
  },
  transition: { schema: { type: "string", maxLength: 100 }, rules: [{ rule: "self == oldSelf" }], values: ["a"] },
  integer: { schema: { type: "integer" }, rules: [{ rule: "self / 2 == 1 && self % 2 == 0" }], values: [2, 3, 4] },
  number: { schema: { type: "number" }, rules: [{ rule: "self > 1.5" }], values: [2, 1.5, 1.6] },
  either: {
    schema: { "x-kubernetes-int-or-string": true },
    rules: [{ rule: "type(self) == int ? self > 1 : self == 'a'" }],
    values: [2, 1, "a", "2"],
  },
  absent: {
    schema: {
      type: "object",
      properties: {
        a: { type: "string", maxLength: 100 },
        b: { type: "array", maxItems: 10, items: { type: "string", maxLength: 100 } },
      },
    },
    rules: [{ rule: "self.a == 'a' || size(self.b) > 0" }],
    values: [{ a: "a" }, { a: "b" }, { b: ["c"] }, { a: "b", b: [] }, {}],
  },
  escaped: {
    schema: {
      type: "object",
      properties: {
        namespace: { type: "string", maxLength: 100 },
        "a-b": { type: "string", maxLength: 100 },
        "a.b": { type: "string", maxLength: 100 },
        a__b: { type: "string", maxLength: 100 },
      },
    },
    rules: [
      {
        rule: "self.__namespace__ == 'a' && self.a__dash__b == 'b' && self.a__dot__b == 'c' && self.a__underscores__b == 'd'",
      },
    ],
    values: [
      { namespace: "a", "a-b": "b", "a.b": "c", a__b: "d" },
      { namespace: "b", "a-b": "b", "a.b": "c", a__b: "d" },
    ],
  },
  map: {
    schema: { type: "object", maxProperties: 10, additionalProperties: { type: "integer" } },
    rules: [{ rule: "self.all(key, key.startsWith('a') && self[key] > 0) && self.exists(key, key == 'a')" }],
    values: [{ a: 1 }, { a: 1, b: 1 }, { a: 0 }, { ab: 1 }, {}],
  },
  list: {
    schema: { type: "array", maxItems: 10, items: { type: "integer" } },
    rules: [{ rule: "self.map(x, x * 2).filter(x, x > 2).size() == 1 && self.exists_one(x, x == 1)" }],
    values: [[1, 2], [1, 1], [2, 2], []],
  },
  set: {
    schema: { type: "array", maxItems: 10, items: { type: "string", maxLength: 100 }, "x-kubernetes-list-type": "set" },
    rules: [{ rule: "self == ['a', 'b']" }],
    values: [
      ["a", "b"],
      ["a", "a"],
    ],
  },
  fallback: {
    schema: { type: "object", properties: { a: { type: "string", default: "x" } } },
    rules: [{ rule: "self.a == 'x'", messageExpression: "'not ' + self.a", fieldPath: ".a" }],
    values: [{}, { a: "y" }, { a: null }],
  },
  nullable: {
    schema: { type: "object", properties: { a: { type: "string", nullable: true } } },
    rules: [{ rule: "!has(self.a) || self.a == 'a'" }],
    values: [{}, { a: "a" }, { a: "b" }],
  },
};

const PLURAL = "oddities";

/** The CustomResourceDefinition. */
export const OWN_DEFINITION = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${PLURAL}.example.com` },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { kind: "Oddity", plural: PLURAL },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema() } }],
  },
} as const satisfies Definition;

function schema(): Object_ {
  const properties = Object.entries(FIELDS).map(([name, field]) => [
    name,
    { ...field.schema, "x-kubernetes-validations": [...field.rules] },
  ]);
  return {
    type: "object",
    properties: { spec: { type: "object", properties: Object.fromEntries(properties) as Object_ } },
  };
}

/** A case for each value of each field. */
export function ownCases(): AdmissionCase[] {
  return Object.entries(FIELDS).flatMap(([name, { values }]) =>
    values.map((value, index) => ({
      name: `Oddity v1 ${name} ${index}`,
      object: {
        apiVersion: "example.com/v1",
        kind: "Oddity",
        metadata: { name: `${name.toLowerCase()}-${index}` },
        spec: { [name]: value },
      },
    })),
  );
}
