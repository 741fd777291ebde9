/** Texts and their documents: each document is parsed alone, with the result of parsing the whole text, as kubectl does. */
import { loadAll } from "js-yaml";
import { describe, expect, test } from "vitest";
import { parseText } from "../../src/compile/document/parse.ts";

test.for([
  "a: 1\n---\nb: 2\n",
  "a: |\n  ---\n  x\n---\nb: 2",
  "a: 1\r\n---\r\nb: 2\r\n",
  "a: 1\r---\rb: 2\r",
  "--- {a: 1}\n--- {b: 2}",
  "---\n---\na: 1\n---\n",
  "# comment\n---\na: 1\n--- # comment\nb: 2",
  "%YAML 1.2\n---\na: 1\n...\n%YAML 1.2\n---\nb: 1\n",
  "a: 1\n...\n---\nb: 2\n...\n",
  'a: "x\n---\ny"\n',
  "a: 1\n---b\n",
  "a: 'x\u2028---\u2028y'\n",
  "a: &x 1\n---\nb: *x\n",
  "a:\n- |\n---\nb: 1",
  "a: 1\n%x: 2\n---\nb: 1",
])("the documents of %j are those of the whole text", (text) => {
  const parsed = parseText({ file: "a.yaml", text });
  let expected: unknown[] | null = null;
  try {
    expected = loadAll(text);
  } catch {
    // js-yaml refuses the text, so parseText must refuse it, too.
  }
  const found = "fault" in parsed ? null : parsed.documents.map(({ value }) => value);
  const sound = (values: unknown[] | null): unknown => values?.filter((value) => value !== null && value !== undefined);
  expect(sound(found)).toEqual(sound(expected));
});

test("places count from the file's start, also of faults", () => {
  const sound = "a: 1\n---\nb: 2\n";
  const parsed = parseText({ file: "a.yaml", text: sound });
  expect("fault" in parsed ? null : parsed.documents[1]?.locate(["b"], false)).toMatchObject({ line: 3, column: 4 });
  const broken = parseText({ file: "a.yaml", text: `${sound}---\nc: ]\n` });
  expect(broken).toMatchObject({ fault: { code: "yaml-syntax", location: { line: 5, column: 4 } } });
});

const valuesOf = (text: string): unknown => {
  const parsed = parseText({ file: "a.yaml", text });
  return "fault" in parsed
    ? parsed.fault.message
    : parsed.documents.map(({ value }) => value).filter((value) => value !== null);
};

describe("what kubectl reads", () => {
  test.for([
    ['{"a":1}{"b":2}', [{ a: 1 }, { b: 2 }]],
    ['{"a":1}\n{"b":2}\n', [{ a: 1 }, { b: 2 }]],
    ['{\n\t"a": "}{",\n\t"b": "\\"}"\n}\n{\n\t"c": []\n}\n', [{ a: "}{", b: '"}' }, { c: [] }]],
    ['a: 1\n---\n{"b":2}\n{"c":3}\n---\nd: 4\n', [{ a: 1 }, { b: 2 }, { c: 3 }, { d: 4 }]],
    ['\uFEFF{"a":1} {"b":2}', [{ a: 1 }, { b: 2 }]],
  ] as const)("JSON values one after another: %j", ([text, expected]) => expect(valuesOf(text)).toEqual(expected));

  test.for([
    ["a: {\n\tb: 1,\n\tc: [\n\t\t2\n\t]\n}\nd: 3\n", { a: { b: 1, c: [2] }, d: 3 }],
    ["a: {\n  b: 1\n}\n", { a: { b: 1 } }],
    ["a:\n  b: [\n    1\n]\n  c: 2\n", { a: { b: [1], c: 2 } }],
    ['a:\n  b: "x\n\ty\n\n\tz"\n', { a: { b: "x y\nz" } }],
    ["a: 'x\ny'\n", { a: "x y" }],
    ["a:\tb\t# c\n\t# d\n\n\t\ne:\t|\t\n  f\n", { a: "b", e: "f\n" }],
    ["a:\n  -\t{b: 1}\n  -\t[2]\nc: 3\n", { a: [{ b: 1 }, [2]], c: 3 }],
    ["a:\t{b:\t1,\tc: 2}\t\nd:\t[\t]\n", { a: { b: 1, c: 2 }, d: [] }],
    ['"k\t": { b: "\t", c: x\ty,\td: \'\t\' }\n', { "k\t": { b: "\t", c: "x\ty", d: "\t" } }],
    ["a: { # }\n\tb: '}',\n# ]\n\tc: \"\n}\" }\n", { a: { b: "}", c: " }" } }],
  ] as const)("tabs, and flow collections that are indented less: %j", ([text, expected]) =>
    expect(valuesOf(text)).toEqual([expected]),
  );

  test.for(["a:\n\tb: 1\n", "a: 1\n\tb: 2\n", "a:\n  b:\n  \tc: 1\n", "-\ta: 1\n\tb: 2\n"])(
    "no tab that indents a block: %j",
    (text) => expect(valuesOf(text)).toMatch(/^not valid YAML/),
  );

  test("documents that have a byte order mark each", () => {
    expect(valuesOf("\uFEFFa: 1\n\uFEFF---\nb: 2\n---\n\uFEFFc: 3\n")).toEqual([{ a: 1 }, { b: 2 }, { c: 3 }]);
  });
});

test("places are those of the file, also behind lines that were indented", () => {
  const text = "x: 1\n---\na: {\n\tb: 1,\n\tc: 22\n}\nd: 3\n";
  const parsed = parseText({ file: "a.yaml", text });
  const place = (...path: string[]) => ("fault" in parsed ? null : parsed.documents[1]?.locate(path, false));
  expect(place("a", "b")).toMatchObject({ line: 4, column: 5, sourceLine: "\tb: 1," });
  expect(place("a", "c")).toMatchObject({ line: 5, column: 5, length: 2 });
  expect(place("d")).toMatchObject({ line: 7, column: 4 });
  const broken = parseText({ file: "a.yaml", text: `${text}e: ]\n` });
  expect(broken).toMatchObject({ fault: { location: { line: 8, column: 4 } } });
  const stream = parseText({ file: "a.json", text: '{"a": 1}\n{"b": 1}\n{"c": ]}\n' });
  expect(stream).toMatchObject({ fault: { location: { line: 3 } } });
});

test.for([
  ["a: {{ .Values.a }}\n", "{{ .Values.a }} looks like", 1],
  ["a: 1\n{{- if .Values.b }}\nb: 2\n{{- end }}\n", "{{- if .Values.b }} looks like", 2],
  ["a: 1\n{% if b %}\nb: 2\n{% endif %}\n", "{% if b %} looks like", 2],
  ["a: 1\n<% if b %>\nb: 2\n", "<% if b %> looks like", 2],
  ["a: {n: ${A}, b: 1}\n", "${A} looks like", 1],
  ["a: '{{ b }}'\nc: {{ d }}\n", "{{ d }} looks like", 2],
  ["text: |\n  {{ quoted }}\nb: ]\n", "not valid YAML: ", 3],
  ['{"a": "{{ quoted }}", "b": [1,\n', "not valid YAML: ", 2],
  ["a: {b: '${C}', c # {{ d }}\n", "not valid YAML: ", 2],
] as const)("a template is named, and nothing else is called one: %j", ([text, message, line]) => {
  const parsed = parseText({ file: "a.yaml", text });
  expect(parsed).toMatchObject({ fault: { message: expect.stringContaining(message), location: { line } } });
  if (message === "not valid YAML: ") expect(JSON.stringify(parsed)).not.toContain("looks like");
});
