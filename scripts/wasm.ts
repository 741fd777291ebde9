/**
 * Builds wasm/ into the modules of wasm/dist/ and writes what they were built from.
 *
 *   node scripts/wasm.ts            build
 *   node scripts/wasm.ts --check    exit 1 when the committed modules are not of these sources; with the toolchain
 *                                   present, also rebuild, and compare bytes when every tool's version matches
 *   node scripts/wasm.ts --check --install    and put the rebuilt modules in place, so that tests judge these sources
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { compile, MODULE_NAMES, type ModuleName } from "./wasm/compile.ts";
import { CRATE, ROOT, sourceDigest } from "./wasm/sources.ts";
import {
  BuildError,
  type ToolVersions,
  differences,
  howToInstall,
  missingTools,
  toolVersions,
} from "./wasm/toolchain.ts";

const fileOf = (name: ModuleName): string => join(CRATE, "dist", name);
const RECORD = join(CRATE, "dist", "built-from.json");

/** wasm/dist/built-from.json. Digests are lower-case hex SHA-256. */
interface BuiltFrom {
  readonly sourceDigest: string;
  readonly tools: ToolVersions;
  readonly modules: Readonly<Record<ModuleName, BuiltModule>>;
}

interface BuiltModule {
  readonly digest: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

function main(args: readonly string[]): void {
  if (args.length === 0) return build();
  if (args[0] === "--check" && args.length === 1) return check(false);
  if (args[0] === "--check" && args[1] === "--install" && args.length === 2) return check(true);
  throw new BuildError("usage: node scripts/wasm.ts [--check [--install]]");
}

function build(): void {
  const missing = missingTools();
  if (missing.length > 0) throw new BuildError(howToInstall(missing));
  const source = sourceDigest();
  const compiled = compile();
  if (sourceDigest() !== source) throw new BuildError("wasm/ changed while it was being built: build again");
  const built = (name: ModuleName): BuiltModule => {
    const { [name]: module } = compiled;
    return { digest: sha256(module), bytes: module.length, gzipBytes: gzipSync(module, { level: 9 }).length };
  };
  const modules = {
    "lasthop_tls.wasm": built("lasthop_tls.wasm"),
    "lasthop_server.wasm": built("lasthop_server.wasm"),
  };
  const record: BuiltFrom = { sourceDigest: source, tools: toolVersions(), modules };
  mkdirSync(join(CRATE, "dist"), { recursive: true });
  for (const name of MODULE_NAMES) {
    replaceFile(fileOf(name), compiled[name]);
    console.log(`${relative(ROOT, fileOf(name))}: ${modules[name].bytes} bytes, ${modules[name].gzipBytes} gzipped`);
  }
  replaceFile(RECORD, `${JSON.stringify(record, null, 2)}\n`);
}

function check(install: boolean): void {
  const record = committedRecord();
  const missing = missingTools();
  if (missing.length > 0) {
    console.log(`not rebuilt: ${howToInstall(missing)}`);
    return;
  }
  const compiled = compile();
  if (install) for (const name of MODULE_NAMES) replaceFile(fileOf(name), compiled[name]);
  console.log(compareRebuilt(record, compiled));
}

/** The record of the committed modules. Throws when a module or the sources are not those of the record. */
function committedRecord(): BuiltFrom {
  if (![RECORD, ...MODULE_NAMES.map(fileOf)].every((file) => existsSync(file)))
    throw new BuildError("wasm/dist/ lacks a built module: run `npm run wasm`");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by build(); a wrong shape shows as a difference
  const record = JSON.parse(readFileSync(RECORD, "utf8")) as BuiltFrom;
  const source = sourceDigest();
  if (record.sourceDigest !== source) {
    throw new BuildError(
      `the committed modules are not of these sources: built from ${record.sourceDigest}, wasm/ is ${source}; run \`npm run wasm\``,
    );
  }
  for (const name of MODULE_NAMES) {
    const output = sha256(readFileSync(fileOf(name)));
    if (record.modules[name].digest !== output)
      throw new BuildError(`wasm/dist/${name} was altered: recorded ${record.modules[name].digest}, found ${output}`);
  }
  console.log("the committed modules are of these sources");
  return record;
}

/** A sentence on the rebuilt modules. Throws when the same tools gave other bytes. */
function compareRebuilt(record: BuiltFrom, compiled: ReturnType<typeof compile>): string {
  const different = differences(record.tools, toolVersions());
  if (different.length > 0) return `it builds; bytes not compared, other tool versions:\n  ${different.join("\n  ")}`;
  for (const name of MODULE_NAMES) {
    const rebuilt = sha256(compiled[name]);
    if (rebuilt === record.modules[name].digest) continue;
    throw new BuildError(
      `a rebuild of ${name} with the same tools gives other bytes: recorded ${record.modules[name].digest}, rebuilt ${rebuilt}`,
    );
  }
  return "a rebuild gives the same bytes";
}

/** Writes a new file and renames it, so that an interrupted build leaves the old file. */
function replaceFile(path: string, content: Buffer | string): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

try {
  main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(`wasm: ${error.message}`);
  process.exitCode = 1;
}
