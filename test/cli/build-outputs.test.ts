/** The files that `lasthop build` writes, and what stands in their place before. */
import { execFile, execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeSecrets, demandKeys } from "../../src/bundle/secrets.ts";
import type { Bundle } from "../../src/bundle/types.ts";
import { mintPlaceholders } from "../compile/minted.ts";
import { at, type Build, build, GOLDEN, good, written } from "./build-directory.ts";

describe("outputs", () => {
  test("what an earlier run wrote is no input of the next", async () => {
    mkdirSync(at("dir"));
    writeFileSync(at("dir/good.yaml"), good);
    const run = (path: string): Promise<Build> => build("-f", path, "-o", "dir/b.json", "--status", "dir/s.yaml");
    expect(await run("dir")).toEqual({ code: 0, out: "", err: "" });
    expect(await run("dir")).toEqual({ code: 0, out: "", err: "" });
    expect(await run("dir/*")).toMatchObject({ code: 0 });
  });

  test("2: an input is never overwritten", async () => {
    const { code, err } = await build("-f", "good.yaml", "-o", "./good.yaml");
    expect(code).toBe(2);
    expect(err).toContain("[output-unwritable]");
    expect(readFileSync(at("good.yaml"), "utf8")).toBe(good);
  });

  test("a link keeps leading where it led, and two paths to one file are refused", async () => {
    writeFileSync(at("target.json"), "old");
    symlinkSync(at("target.json"), at("link.json"));
    expect(await build("-f", "good.yaml", "-o", "link.json")).toMatchObject({ code: 0 });
    expect(lstatSync(at("link.json")).isSymbolicLink()).toBe(true);
    expect(readFileSync(at("target.json"), "utf8")).toContain('"digest"');
    expect(await build("-f", "good.yaml", "-o", "link.json", "--status", "target.json")).toMatchObject({ code: 2 });
  });

  // Renaming over /dev/null, as root, would take it from the whole machine.
  test("a pipe or device is written to, not replaced", async () => {
    execFileSync("mkfifo", [at("pipe")]);
    const reader = execFile("cat", [at("pipe")]);
    const read = new Promise<string>((resolve) => {
      let text = "";
      reader.stdout?.on("data", (part: string) => void (text += part));
      reader.on("close", () => resolve(text));
    });
    expect(await build("-f", "good.yaml", "-o", "pipe")).toMatchObject({ code: 0 });
    expect(lstatSync(at("pipe")).isFIFO()).toBe(true);
    expect(await read).toContain('"digest"');
  });

  test("the old bundle stays when a build fails", async () => {
    writeFileSync(at("b.json"), "old");
    expect((await build("-f", "broken.yaml", "-o", "b.json")).code).toBe(2);
    expect(readFileSync(at("b.json"), "utf8")).toBe("old");
    expect(written()).toEqual(["b.json"]);
  });
});

describe("secrets", () => {
  const tls = (): Promise<string> =>
    mintPlaceholders(readFileSync(join(GOLDEN, "listener-cloudflare.in.yaml"), "utf8"));
  const mode = (name: string): number => lstatSync(at(name)).mode & 0o777;

  test("keys go to a file for the owner alone, in place of one that others could read", async () => {
    writeFileSync(at("tls.yaml"), await tls());
    writeFileSync(at("keys.json"), "old", { mode: 0o644 });
    expect(await build("-f", "tls.yaml", "--secrets", "keys.json")).toEqual({ code: 0, out: "", err: "" });
    expect(mode("keys.json")).toBe(0o600);
    const bundle = JSON.parse(readFileSync(at("bundle.json"), "utf8")) as Bundle;
    demandKeys(bundle, decodeSecrets(readFileSync(at("keys.json"), "utf8")));
  });

  test("keys that an earlier run wrote are no input, and no input is replaced by keys", async () => {
    mkdirSync(at("dir"));
    writeFileSync(at("dir/tls.yaml"), await tls());
    const run = (path: string): Promise<Build> => build("-f", path, "-o", "dir/b.json", "--secrets", "dir/keys.json");
    expect(await run("dir")).toEqual({ code: 0, out: "", err: "" });
    const keys = readFileSync(at("dir/keys.json"), "utf8");
    expect(await run("dir")).toEqual({ code: 0, out: "", err: "" });
    expect(readFileSync(at("dir/keys.json"), "utf8")).toBe(keys);
    const { code, err } = await build("-f", "dir/tls.yaml", "-f", "dir/keys.json", "--secrets", "dir/keys.json");
    expect(code).toBe(2);
    expect(err).toContain("[output-unwritable]");
  });

  test("without --secrets a warning, and none where there are no keys", async () => {
    writeFileSync(at("tls.yaml"), await tls());
    const { code, err } = await build("-f", "tls.yaml");
    expect(code).toBe(0);
    expect(err).toContain("[secrets-not-written]");
    expect(written()).toEqual(["bundle.json", "tls.yaml"]);
    expect(await build("-f", "good.yaml", "--secrets", "keys.json")).toEqual({ code: 0, out: "", err: "" });
    expect(JSON.parse(readFileSync(at("keys.json"), "utf8"))).toEqual({ format: 1, keys: {} });
    expect(mode("keys.json")).toBe(0o600);
  });
});
