/** `lasthop build` as a process: exit codes, what is written and what is not. */
import { execFile, execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { loadAll } from "js-yaml";
import { decodeSecrets, demandKeys } from "../../src/bundle/secrets.ts";
import type { Bundle } from "../../src/bundle/types.ts";
import { buildOnce } from "../../src/cli/build.ts";
import { parseBuildArgs } from "../../src/cli/build/args.ts";
import { mintPlaceholders } from "../compile/minted.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const ROOT = join(import.meta.dirname, "../..");
const GOLDEN = join(import.meta.dirname, "../compile/golden");
let directory = "";
const at = (name: string): string => join(directory, name);
const good = readFileSync(join(GOLDEN, "policy-accepted.in.yaml"), "utf8");
const refused = readFileSync(join(GOLDEN, "policy-ca.in.yaml"), "utf8");

beforeEach(async () => {
  directory = await temporaryDirectory();
  writeFileSync(at("good.yaml"), good);
  writeFileSync(at("refused.yaml"), refused);
  writeFileSync(at("broken.yaml"), "a: [\n");
});

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The real process. */
function lasthop(args: readonly string[], input = "", env: NodeJS.ProcessEnv = {}): Promise<Run> {
  return new Promise((resolve) => {
    const options = { cwd: directory, env: { ...process.env, ...env } };
    const child = execFile(process.execPath, [join(ROOT, "bin/lasthop.mjs"), ...args], options, (error, out, err) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, out, err });
    });
    child.stdin?.end(input);
  });
}

/** The same in this process, with paths under the test's directory. */
async function build(...args: string[]): Promise<Run> {
  const options = parseBuildArgs(args);
  if (options === null || typeof options === "string") return { code: 2, out: "", err: options ?? "" };
  const status = options.status === undefined ? undefined : at(options.status);
  let said = "";
  const secrets = options.secrets === undefined ? undefined : at(options.secrets);
  const paths = options.paths.map((path) => (isAbsolute(path) ? path : at(path)));
  const { exitCode } = await buildOnce({
    ...options,
    paths,
    output: at(options.output),
    secrets,
    status,
    print: (text) => void (said += text),
  });
  return options.format === "json" ? { code: exitCode, out: said, err: "" } : { code: exitCode, out: "", err: said };
}

const written = (): string[] =>
  readdirSync(directory)
    .filter((name) => !["good.yaml", "refused.yaml", "broken.yaml"].includes(name))
    .sort();

describe("the process", () => {
  test("0, silent", async () => {
    expect(await lasthop(["build", "-f", "good.yaml", "-o", "b.json", "--status", "s.yaml"])).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    expect(written()).toEqual(["b.json", "s.yaml"]);
  });

  test("1, diagnostics on standard error; locale and time zone change no byte", async () => {
    const { code, out, err } = await lasthop(["build", "-f", "refused.yaml"]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain("[policy-ca-ref]");
    const expected = readFileSync(at("bundle.json"), "utf8");
    await lasthop(["build", "-f", "refused.yaml"], "", { LC_ALL: "tr_TR.UTF-8", TZ: "Pacific/Kiritimati" });
    expect(readFileSync(at("bundle.json"), "utf8")).toBe(expected);
  });

  test("2, with the usage", async () => {
    const { code, out, err } = await lasthop(["build", "--nope"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("usage: lasthop build");
  });

  test("standard input, and JSON on standard output", async () => {
    const { code, out, err } = await lasthop(["build", "-f", "-", "--format", "json"], good);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toEqual({ diagnostics: [], skipped: [], plaintext: [] });
  });

  test("help, and commands that are none", async () => {
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

  test.for<[string, string[]]>([
    ["no arguments", []],
    ["no -f", ["good.yaml"]],
    ["unknown flag", ["-f", "good.yaml", "--nope"]],
    ["unknown format", ["-f", "good.yaml", "--format", "xml"]],
    ["unknown target", ["-f", "good.yaml", "--target", "mars"]],
    ["bad gateway", ["-f", "good.yaml", "--gateway", "edge"]],
    ["one file for two outputs", ["-f", "good.yaml", "-o", "x", "--status", "./x"]],
    ["one file for keys and bundle", ["-f", "good.yaml", "-o", "x", "--secrets", "./x"]],
    ["secrets in no directory", ["-f", "good.yaml", "--secrets", "no/such/keys.json"]],
    ["no such Gateway", ["-f", "good.yaml", "--gateway", "shop/other"]],
    ["missing file", ["-f", "good.yaml", "-f", "nowhere.yaml"]],
    ["broken YAML", ["-f", "good.yaml", "-f", "broken.yaml"]],
    ["a pattern that matches nothing", ["-f", "*.toml"]],
    ["output in no directory", ["-f", "good.yaml", "--status", "s.yaml", "-o", "no/such/b.json"]],
    ["output is a directory", ["-f", "good.yaml", "--status", "s.yaml", "-o", "."]],
  ])("2 and nothing is written: %s", async ([, args]) => {
    const { code, err } = await build(...args);
    expect(code).toBe(2);
    expect(err).not.toBe("");
    expect(err).not.toContain("    at ");
    expect(written()).toEqual([]);
  });

  test("2: an empty directory", async () => {
    mkdirSync(at("empty"));
    const { code, err } = await build("-f", "empty");
    expect(code).toBe(2);
    expect(err).toContain("[input-empty]");
    expect(written()).toEqual(["empty"]);
  });

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

  test("2: no name of a namespace", async () => {
    expect((await build("-f", "good.yaml", "-n", "Shop")).err).toContain(
      '--namespace must be the name of a namespace, not "Shop"',
    );
  });

  test("2: a policy whose targets cannot be read", async () => {
    expect((await build("-f", join(GOLDEN, "fatal-policy-targets.in.yaml"))).code).toBe(2);
    expect(written()).toEqual([]);
  });

  test("the old bundle stays when a build fails", async () => {
    writeFileSync(at("b.json"), "old");
    expect((await build("-f", "broken.yaml", "-o", "b.json")).code).toBe(2);
    expect(readFileSync(at("b.json"), "utf8")).toBe("old");
    expect(written()).toEqual(["b.json"]);
  });

  test("2: a path that leads to itself", async () => {
    symlinkSync(at("loop.yaml"), at("loop.yaml"));
    const { code, err } = await build("-f", "loop.yaml");
    expect(code).toBe(2);
    expect(err).toContain("[input-unreadable]");
  });
});

describe("outputs", () => {
  test("what an earlier run wrote is no input of the next", async () => {
    mkdirSync(at("dir"));
    writeFileSync(at("dir/good.yaml"), good);
    const run = (path: string): Promise<Run> => build("-f", path, "-o", "dir/b.json", "--status", "dir/s.yaml");
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
    // What an earlier run wrote is no input.
    expect(await build("-f", ".", "--secrets", "keys.json", "--gateway", "shop/edge")).toMatchObject({ code: 2 });
    expect(await build("-f", "tls.yaml", "-f", "keys.json", "--secrets", "keys.json")).toMatchObject({ code: 2 });
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
});

describe("reports", () => {
  test("JSON is one document on standard output", async () => {
    const { code, out, err } = await build("-f", "refused.yaml", "--format", "json");
    expect({ code, err }).toEqual({ code: 1, err: "" });
    const { diagnostics, skipped } = JSON.parse(out) as {
      diagnostics: { code: string; location: { line: number } }[];
      skipped: unknown[];
    };
    expect(diagnostics.map(({ code }) => code)).toContain("policy-ca-kind");
    expect(skipped).toEqual([]);
  });

  test("text names place, source line, object, field, expected, found and remedy; no colour in a pipe", async () => {
    const { err } = await build("-f", join(GOLDEN, "policy-hostname.in.yaml"));
    expect(err).toContain("policy-hostname.in.yaml:276:15");
    expect(err).toContain("276 │     hostname: 10.0.0.1\n          ╵               ~~~~~~~~");
    const rows = [
      "object    BackendTLSPolicy shop/dotted",
      "field     spec.validation.hostname",
      "expected  a DNS name",
      'found     "10.0.0.1"',
      "remedy    use the DNS name",
    ];
    expect(rows.filter((row) => !err.includes(row))).toEqual([]);
    // eslint-disable-next-line no-control-regex
    expect(err).not.toMatch(/\u001B/);
  });

  test("no input, and no file's name, reaches the terminal as a control sequence", async () => {
    const name = "\u001B[2Jx.yaml";
    writeFileSync(
      at(name),
      `${refused}\n---\n${JSON.stringify({ apiVersion: "a\u001B[2J/v1", kind: "K\u001B[2J", metadata: { name: "n\u009B2J" } })}\n`,
    );
    const { code, err } = await build("-f", name);
    expect(code).toBe(1);
    expect(err).toContain("Skipped 1 object");
    // eslint-disable-next-line no-control-regex
    expect(err).not.toMatch(/[\u001B\u009B]/);
  });

  test("skipped objects are listed", async () => {
    writeFileSync(
      at("more.yaml"),
      `${good}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, namespace: shop }\n`,
    );
    const { code, err } = await build("-f", "more.yaml");
    expect(code).toBe(0);
    expect(err).toContain("apps/v1 Deployment shop/web");
  });
});
