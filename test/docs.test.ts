/**
 * The docs and comments name what is there: every file, folder, link and npm script, in each language of this repository.
 * The docs name every code, so that an operator can look each up, and what each runtime lacks. Reports in docs/reports/
 * are left out: each is about the day of its date.
 */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import { TRANSPORT_CODES } from "../src/backend/failure.ts";
import { CONFIG_CODES } from "../src/bundle/types.ts";
import { INPUT_CODES } from "../src/compile/diagnostics/codes.ts";
import { OPTION_KEYS } from "../src/compile/policies/options.ts";
import { REFUSAL_CODES } from "../src/trust/index.ts";
import { RULES } from "../src/trust/verdict.ts";
import { CHECKS } from "./runtimes/checks/all.ts";

const ROOT = resolve(import.meta.dirname, "..");
/** Folders that others have written, or a build. */
const NOT_OURS = new Set(["node_modules", "target", ".git", ".lasthop", ".wrangler"]);
const SOURCE = /\.(?:ts|mjs|rs|go|lua|sh)$/u;
/** The comments of a file, by the end of its name: those of C, of shells, of Lua. */
const COMMENTS: readonly (readonly [RegExp, RegExp])[] = [
  [/\.(?:ts|mjs|rs|go|mod|jsonc)$/u, /\/\*(?<block>.*?)\*\/|(?:^|\s)\/\/(?<line>[^\n]*)/gsu],
  [/\.(?:yaml|toml|sh)$|Dockerfile$|\.gitignore$|^\.ci\/run$|\/lab$/u, /(?:^|\s)#(?<line>[^\n]*)/gu],
  [/\.lua$/u, /--(?<line>[^\n]*)/gu],
];
/** Paths of files and folders below the root; those of folders end with a slash. */
function listed(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? [`${path}/`, ...listed(path)] : [path];
  });
}

const all = listed("");
const tops = new Set(all.filter((path) => /^[^/]+\/$/u.test(path)));
/** The names by which a comment may call a path: all of it, or its end from a folder on. */
const ends = new Set(all.flatMap((path) => path.split("/").map((_, index, parts) => parts.slice(index).join("/"))));

const texts = all
  .filter((path) => !path.startsWith("docs/reports/") && path !== "CHANGELOG.md" && path !== "test/docs.test.ts")
  .filter((path) => path.endsWith(".md") || COMMENTS.some(([name]) => name.test(path)))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
const documents = texts.filter(({ path }) => path.endsWith(".md"));

const CODE = /`(?<code>[^`\n]+)`/gu;
const FILE = /(?<![\w./@:$*<-])(?<file>(?:[\w@.-]+\/)*[\w.-]+\.(?:ts|mjs|rs|go|lua|md|json|yaml|toml|sh))(?![\w/*-])/gu;
/** A path of one folder or more that ends with a slash, as `src/trust/` and `trust/`. */
const FOLDER = /(?<![\w./@:$*<%-])(?<folder>(?:\.?[\w-][\w.-]*\/)+)(?!\.?[\w/*<{$[(-])/gu;
/** Names of Kubernetes and of Go begin with a domain: `lasthop.dev/`, `k8s.io/apiserver/`. */
const OF_A_DOMAIN = /^[\w-]+(?:\.[\w-]+)*\.(?:dev|io|com|org)\//u;

/** The files that a text means by name. Data files belong to users, unless their path begins in this repository. */
function namedIn(code: string): string[] {
  return (
    [...code.matchAll(FILE)]
      .map((match) => match.groups?.["file"] ?? "")
      .filter((file) => SOURCE.test(file) || file.endsWith(".md") || tops.has(`${file.split("/")[0]}/`))
      // FILE.ts and its like stand for a name that the reader chooses.
      .filter((file) => !/(?:^|\/)[A-Z]+\.[a-z]+$/u.test(file) || /README|CHANGELOG|CONTRIBUTING/u.test(file))
      .filter((file) => !OF_A_DOMAIN.test(file))
  );
}

/** The folders that a text means by name. */
function foldersIn(code: string): string[] {
  return [...code.matchAll(FOLDER)]
    .map((match) => match.groups?.["folder"] ?? "")
    .filter((folder) => !OF_A_DOMAIN.test(folder));
}

function missing(path: string, text: string): string[] {
  const passages = passagesOf(path, text);
  return [...new Set([...passages.flatMap(namedIn), ...passages.flatMap(foldersIn)])].filter(
    (name) => !ends.has(name.replace(/^(?:\.\.?\/)+/u, "")),
  );
}

/** Code in a document, and comments in any other file. */
function passagesOf(path: string, text: string): string[] {
  const pattern = path.endsWith(".md") ? CODE : COMMENTS.find(([name]) => name.test(path))?.[1];
  return [...text.matchAll(pattern ?? CODE)].map(
    ({ groups = {} }) => groups["code"] ?? groups["block"] ?? groups["line"] ?? "",
  );
}

describe("what the docs and comments name", () => {
  it("is found in this repository", () => {
    const found = texts.flatMap(({ path, text }) => missing(path, text).map((name) => `${path}: ${name}`));
    expect(found).toEqual([]);
  });

  it("is seen when it is missing", () => {
    expect(missing("docs/some.md", "See `src/trust/nowhere.ts`, `nowhere.ts` and `src/nowhere/`.")).toEqual([
      "src/trust/nowhere.ts",
      "nowhere.ts",
      "src/nowhere/",
    ]);
    expect(missing("src/some.ts", "/** As in nowhere.ts. */\n// See docs/nowhere.md.\nconst here = 1;\n")).toEqual([
      "nowhere.ts",
      "docs/nowhere.md",
    ]);
  });

  it.each([
    ["test/some.go", "/* As in src/nowhere.ts. */\n// See nowhere/.\nvar here = 1 // and nowhere.go\n"],
    ["test/some.yaml", "# As in src/nowhere.ts.\nhere: 1 # See nowhere/, and nowhere.go\n"],
    ["test/some.toml", "# As in src/nowhere.ts.\nhere = 1 # See nowhere/, and nowhere.go\n"],
    ["test/some.sh", "# As in src/nowhere.ts.\nhere=1 # See nowhere/, and nowhere.go\n"],
    ["deploy/Dockerfile", "# As in src/nowhere.ts.\n# See nowhere/, and nowhere.go\n"],
    ["test/some.lua", "-- As in src/nowhere.ts.\nlocal here = 1 -- See nowhere/, and nowhere.go\n"],
    ["src/some.ts", "// As in src/nowhere.ts.\n/** See nowhere/, and nowhere.go */\n"],
  ])("is seen in a comment when it is missing: %s", (path, text) => {
    expect(missing(path, text).sort()).toEqual(["nowhere.go", "nowhere/", "src/nowhere.ts"]);
  });

  it.each([
    ["a folder that is there, from any folder on", "// See src/trust/path/, trust/path/ and path/."],
    ["code", "const folder = `nowhere/`;\n"],
    ["the domain of a name", "// The keys of lasthop.dev/ and k8s.io/apiserver/."],
    ["a fraction, a pattern or an address", "// and/or, nowhere/*, https://nowhere/, nowhere/${name}."],
  ])("is nothing in %s", (_what, text) => {
    expect(missing("src/some.ts", text)).toEqual([]);
  });

  it.each(documents)("by the links of $path is there, headings too", ({ path, text }) => {
    const links = [...text.matchAll(/\]\((?<link>[^)\s]+)\)/gu)].map(({ groups }) => groups?.["link"] ?? "");
    const broken = links.filter((link) => !/^[a-z]+:/u.test(link) && !leadsSomewhere(path, link));
    expect(broken).toEqual([]);
  });

  it.each(documents)("as npm scripts in $path is in package.json", ({ text }) => {
    const scripts = [...text.matchAll(/npm run (?:--silent |-s )?(?<script>[\w:-]+)/gu)].map(
      ({ groups }) => groups?.["script"] ?? "",
    );
    expect(scripts.filter((script) => !Object.hasOwn(packageJson.scripts, script))).toEqual([]);
  });
});

function leadsSomewhere(from: string, link: string): boolean {
  const [target = "", heading] = link.split("#");
  const file = target === "" ? join(ROOT, from) : resolve(ROOT, dirname(from), target);
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return false;
  return heading === undefined || headings(readFileSync(file, "utf8")).has(heading);
}

/** The anchors that GitHub makes of headings. */
function headings(text: string): ReadonlySet<string> {
  const titles = [...text.matchAll(/^#+ (?<title>.*)$/gmu)].map(({ groups }) => groups?.["title"] ?? "");
  return new Set(
    titles.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(/\s/gu, "-"),
    ),
  );
}

const CODES: readonly [string, readonly string[]][] = [
  ["docs/build.md", [...INPUT_CODES, ...OPTION_KEYS]],
  ["docs/failures.md", [...CONFIG_CODES, ...TRANSPORT_CODES]],
  ["docs/trust.md", [...REFUSAL_CODES, ...RULES]],
];

it.each(CODES)("%s names every code", (path, codes) => {
  const text = readFileSync(join(ROOT, path), "utf8");
  expect(codes.filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
});

it("docs/architecture.md names what a runtime lacks as the suite of all runtimes does", () => {
  const table = readFileSync(join(ROOT, "docs/architecture.md"), "utf8");
  const reasons = CHECKS.flatMap(({ lacks = {} }) => Object.values(lacks).map(({ reason }) => reason));
  expect(reasons.length).toBeGreaterThan(0);
  expect(reasons.filter((reason) => !table.includes(`| ${reason} `))).toEqual([]);
});
