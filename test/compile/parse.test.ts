/** Documents are read one by one; what comes out is what a reading of the whole text gives. */
import { loadAll } from "js-yaml";
import { expect, test } from "vitest";
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
])("%j", (text) => {
  const parsed = parseText({ file: "a.yaml", text });
  let expected: unknown[] | null = null;
  try {
    expected = loadAll(text);
  } catch {
    // Neither can read it.
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
