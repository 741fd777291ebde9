/**
 * Builds wasm/ into wasm/dist/lasthop_tls.wasm and writes what it was built from.
 *
 *   node scripts/wasm.ts            build
 *   node scripts/wasm.ts --check    exit 1 when the committed module is not of these sources; with the toolchain
 *                                   present, also rebuild, and compare bytes when every tool's version matches
 *   node scripts/wasm.ts --check --install    and put the rebuilt module in place, so that tests judge these sources
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { compile } from "./wasm/compile.ts";
import { CRATE, ROOT, sourceDigest } from "./wasm/sources.ts";
import {
  BuildError,
  type ToolVersions,
  differences,
  howToInstall,
  missingTools,
  toolVersions,
} from "./wasm/toolchain.ts";

const MODULE = join(CRATE, "dist", "lasthop_tls.wasm");
const RECORD = join(CRATE, "dist", "built-from.json");

/** wasm/dist/built-from.json. Digests are lower-case hex SHA-256. */
interface BuiltFrom {
  readonly sourceDigest: string;
  readonly tools: ToolVersions;
  readonly outputDigest: string;
  readonly sizes: { readonly bytes: number; readonly gzipBytes: number };
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
  const module = compile();
  if (sourceDigest() !== source) throw new BuildError("wasm/ changed while it was being built: build again");
  const record: BuiltFrom = {
    sourceDigest: source,
    tools: toolVersions(),
    outputDigest: sha256(module),
    sizes: { bytes: module.length, gzipBytes: gzipSync(module, { level: 9 }).length },
  };
  mkdirSync(join(CRATE, "dist"), { recursive: true });
  replaceFile(MODULE, module);
  replaceFile(RECORD, `${JSON.stringify(record, null, 2)}\n`);
  console.log(`${relative(ROOT, MODULE)}: ${record.sizes.bytes} bytes, ${record.sizes.gzipBytes} gzipped`);
}

function check(install: boolean): void {
  const record = committedRecord();
  const missing = missingTools();
  if (missing.length > 0) {
    console.log(`not rebuilt: ${howToInstall(missing)}`);
    return;
  }
  const module = compile();
  if (install) replaceFile(MODULE, module);
  console.log(compareRebuilt(record, module));
}

/** The record of the committed module. Throws when the module or the sources are not those of the record. */
function committedRecord(): BuiltFrom {
  if (!existsSync(MODULE) || !existsSync(RECORD))
    throw new BuildError("wasm/dist/ holds no built module: run `npm run wasm`");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by build(); a wrong shape shows as a difference
  const record = JSON.parse(readFileSync(RECORD, "utf8")) as BuiltFrom;
  const output = sha256(readFileSync(MODULE));
  const source = sourceDigest();
  if (record.sourceDigest !== source) {
    throw new BuildError(
      `the committed module is not of these sources: built from ${record.sourceDigest}, wasm/ is ${source}; run \`npm run wasm\``,
    );
  }
  if (record.outputDigest !== output) {
    throw new BuildError(`wasm/dist/lasthop_tls.wasm was altered: recorded ${record.outputDigest}, found ${output}`);
  }
  console.log("the committed module is of these sources");
  return record;
}

/** A sentence on a rebuilt module. Throws when the same tools gave other bytes. */
function compareRebuilt(record: BuiltFrom, module: Buffer): string {
  const different = differences(record.tools, toolVersions());
  if (different.length > 0) return `it builds; bytes not compared, other tool versions:\n  ${different.join("\n  ")}`;
  const rebuilt = sha256(module);
  if (rebuilt !== record.outputDigest) {
    throw new BuildError(
      `a rebuild with the same tools gives other bytes: recorded ${record.outputDigest}, rebuilt ${rebuilt}`,
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
