/** `lasthop build`: its exit codes, and that nothing is written at exit code 2. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import { describe, expect, test } from "vitest";
import { at, build, GOLDEN, good, lasthop, written } from "./build-directory.ts";

describe("the process", () => {
  test("ends with 0 and is silent", async () => {
    expect(await lasthop(["build", "-f", "good.yaml", "-o", "b.json", "--status", "s.yaml"])).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    expect(written()).toEqual(["b.json", "s.yaml"]);
  });

  test("ends with 1 and diagnostics on standard error, of which locale and time zone change no byte", async () => {
    const { code, out, err } = await lasthop(["build", "-f", "refused.yaml"]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain("[policy-ca-ref]");
    // eslint-disable-next-line no-control-regex
    expect(err, "no colour in a pipe").not.toMatch(/\u001B/);
    const elsewhere = { LC_ALL: "tr_TR.UTF-8", TZ: "Pacific/Kiritimati" };
    expect(await lasthop(["build", "-f", "refused.yaml", "-o", "b.json"], "", elsewhere)).toEqual({ code, out, err });
    expect(readFileSync(at("b.json"), "utf8")).toBe(readFileSync(at("bundle.json"), "utf8"));
  });

  test("ends with 2 and the usage", async () => {
    const { code, out, err } = await lasthop(["build", "--nope"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("usage: lasthop build");
  });

  test("reads standard input, and writes JSON to standard output", async () => {
    const { code, out, err } = await lasthop(["build", "-f", "-", "--format", "json"], good);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toEqual({ diagnostics: [], skipped: [], plaintext: [] });
  });

  test("has help, and refuses commands that are none", async () => {
    expect((await lasthop(["build", "--help"])).out).toContain("usage: lasthop build");
    expect((await lasthop(["--help"])).code).toBe(0);
    expect((await lasthop(["frobnicate"])).code).toBe(2);
    expect((await lasthop([])).code).toBe(2);
    const unknown = await lasthop(["demo", "--nope"]);
    expect(unknown.code).toBe(2);
    expect(unknown.err).not.toContain("    at ");
  });
});

describe("exit codes", () => {
  test("0: everything is accepted; bundle and status are written, and nothing is said", async () => {
    expect(await build("-f", "good.yaml", "-o", "b.json", "--status", "s.yaml")).toEqual({ code: 0, out: "", err: "" });
    expect(written()).toEqual(["b.json", "s.yaml"]);
    const documents = loadAll(readFileSync(at("s.yaml"), "utf8")) as {
      kind: string;
      metadata: { generation: number };
      status: object;
    }[];
    expect(new Set(documents.map(({ kind }) => kind))).toEqual(
      new Set(["GatewayClass", "Gateway", "HTTPRoute", "BackendTLSPolicy"]),
    );
    const isWhole = ({ metadata, status }: (typeof documents)[number]): boolean =>
      metadata.generation > 0 && Object.keys(status).length > 0;
    expect(documents.filter((document) => !isWhole(document))).toEqual([]);
  });

  test("1: something is refused; the bundle is written all the same, bundle.json by default", async () => {
    const { code, err } = await build("-f", "refused.yaml");
    expect(code).toBe(1);
    expect(err).toContain("refused.yaml:282:61");
    expect(err).toContain("[policy-ca-ref]");
    expect(written()).toEqual(["bundle.json"]);
  });

  test.for<[string, string[], string]>([
    ["no arguments", [], "give at least one -f PATH"],
    ["no -f", ["good.yaml"], "inputs are given with -f"],
    ["unknown flag", ["-f", "good.yaml", "--nope"], "Unknown option '--nope'"],
    ["unknown format", ["-f", "good.yaml", "--format", "xml"], "--format must be text or json"],
    ["unknown target", ["-f", "good.yaml", "--target", "mars"], "--target must be one of"],
    ["bad gateway", ["-f", "good.yaml", "--gateway", "edge"], "--gateway must be NAMESPACE/NAME"],
    ["one file for two outputs", ["-f", "good.yaml", "-o", "x", "--status", "./x"], "must name different files"],
    ["one file for keys and bundle", ["-f", "good.yaml", "-o", "x", "--secrets", "./x"], "must name different files"],
    ["secrets in no directory", ["-f", "good.yaml", "--secrets", "no/such/keys.json"], "[output-unwritable]"],
    ["no such Gateway", ["-f", "good.yaml", "--gateway", "shop/other"], "[gateway-not-found]"],
    ["missing file", ["-f", "good.yaml", "-f", "nowhere.yaml"], "[input-unreadable]"],
    ["broken YAML", ["-f", "good.yaml", "-f", "broken.yaml"], "[yaml-syntax]"],
    ["a pattern that matches nothing", ["-f", "*.toml"], "[input-empty]"],
    [
      "output in no directory",
      ["-f", "good.yaml", "--status", "s.yaml", "-o", "no/such/b.json"],
      "[output-unwritable]",
    ],
    [
      "output is a directory",
      ["-f", "good.yaml", "--status", "s.yaml", "-o", "."],
      "is a directory [output-unwritable]",
    ],
  ])("2 and nothing is written: %s", async ([, args, why]) => {
    const { code, err } = await build(...args);
    expect(code).toBe(2);
    expect(err).toContain(why);
    expect(err).not.toContain("    at ");
    expect(written()).toEqual([]);
  });

  test("2: no name of a namespace", async () => {
    const { code, err } = await build("-f", "good.yaml", "-n", "Shop");
    expect(code).toBe(2);
    expect(err).toContain('--namespace must be the name of a namespace, not "Shop"');
  });

  test("2: a policy whose targets cannot be read", async () => {
    expect((await build("-f", join(GOLDEN, "fatal-policy-targets.in.yaml"))).code).toBe(2);
    expect(written()).toEqual([]);
  });
});
