/** The inputs of `lasthop build`: files, directories, patterns and encodings. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { loadAll } from "js-yaml";
import { describe, expect, test } from "vitest";
import { at, build, good, written } from "./build-directory.ts";

describe("the encoding of a file", () => {
  test("2: a file that is not UTF-8", async () => {
    writeFileSync(at("latin.yaml"), Buffer.from([0x61, 0x3a, 0x20, 0xe9]));
    const { code, err } = await build("-f", "latin.yaml");
    expect(code).toBe(2);
    expect(err).toContain("not UTF-8");
  });

  test.each([
    ["UTF-32", [0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]],
    ["not UTF-16", [0xff, 0xfe, 0x00, 0xd8, 0x61, 0]],
    ["compressed with gzip", [0x1f, 0x8b, 8, 0]],
  ])("2: a file that is %s", async (what, bytes) => {
    writeFileSync(at("odd.yaml"), Buffer.from(bytes));
    const { code, err } = await build("-f", "odd.yaml");
    expect(code).toBe(2);
    expect(err).toContain(`odd.yaml: ${what} [input-unreadable]`);
  });

  const utf16be = (text: string): Buffer => Buffer.from(text, "utf16le").swap16();
  test.each([
    ["UTF-16, little-endian, with a mark", Buffer.from(`\uFEFF${good}`, "utf16le")],
    ["UTF-16, big-endian, with a mark", utf16be(`\uFEFF${good}`)],
    ["UTF-16, little-endian", Buffer.from(good, "utf16le")],
    ["UTF-16, big-endian", utf16be(good)],
    ["UTF-8 with a mark and Windows' line ends", Buffer.from(`\uFEFF${good.replaceAll("\n", "\r\n")}`)],
  ])("%s is read as what it is", async (_, bytes) => {
    await build("-f", "good.yaml", "-o", "plain.json");
    writeFileSync(at("windows.yaml"), bytes);
    expect(await build("-f", "windows.yaml", "-o", "b.json")).toMatchObject({ code: 0 });
    expect(readFileSync(at("b.json"), "utf8")).toBe(readFileSync(at("plain.json"), "utf8"));
  });
});

describe("inputs", () => {
  test("2: a pipe in a directory is not waited for", async () => {
    mkdirSync(at("dir"));
    execFileSync("mkfifo", [at("dir/pipe.yaml")]);
    const { code, err } = await build("-f", "good.yaml", "-f", "dir");
    expect(code).toBe(2);
    expect(err).toContain("not a regular file");
  });

  test("an extension in capitals is no reason to pass a manifest over", async () => {
    mkdirSync(at("dir"));
    writeFileSync(at("dir/GOOD.YAML"), good);
    expect(await build("-f", "dir")).toEqual({ code: 0, out: "", err: "" });
  });

  const digest = (): string => (JSON.parse(readFileSync(at("bundle.json"), "utf8")) as { digest: string }).digest;

  test.each([
    ["a directory, with its subdirectories", ["-f", "some"]],
    ["a pattern", ["-f", "some/**/*.json"]],
    ["a List", ["-f", "list.json"]],
    ["a file that is named twice", ["-f", "good.yaml", "-f", "./good.yaml"]],
  ])("%s gives the same bundle as one file", async (_what, args) => {
    await build("-f", "good.yaml");
    const expected = digest();
    rmSync(at("bundle.json"));
    mkdirSync(at("some/deep"), { recursive: true });
    const objects = loadAll(good) as object[];
    for (const [index, object] of objects.entries())
      writeFileSync(at(`some/deep/${index}.json`), JSON.stringify(object));
    writeFileSync(at("some/notes.txt"), "no manifest: [");
    symlinkSync(at("some/deep/0.json"), at("some/again.json"));
    writeFileSync(at("list.json"), JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    expect(await build(...args)).toEqual({ code: 0, out: "", err: "" });
    expect(digest()).toBe(expected);
  });

  test("2: an empty directory", async () => {
    mkdirSync(at("empty"));
    const { code, err } = await build("-f", "empty");
    expect(code).toBe(2);
    expect(err).toContain("[input-empty]");
    expect(written()).toEqual(["empty"]);
  });

  test("2: a path that leads to itself", async () => {
    symlinkSync(at("loop.yaml"), at("loop.yaml"));
    const { code, err } = await build("-f", "loop.yaml");
    expect(code).toBe(2);
    expect(err).toContain("[input-unreadable]");
  });
});
