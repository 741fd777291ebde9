/**
 * Builds wasm/ into wasm/dist/lasthop_tls.wasm and writes what it was built from.
 *
 *   node scripts/wasm.ts            build
 *   node scripts/wasm.ts --check    exit 1 when the committed module is not of these sources; with the toolchain
 *                                   present, also rebuild, and compare bytes when every tool's version matches
 *   node scripts/wasm.ts --check --install    and put the rebuilt module in place, so that tests judge these sources
 *
 * The toolchain is Debian's (see PACKAGES): pinned by apt, no rustup target, no wasi-sdk download.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CRATE = join(ROOT, "wasm");
const MODULE = join(CRATE, "dist", "lasthop_tls.wasm");
const RECORD = join(CRATE, "dist", "built-from.json");
const TARGET = "wasm32-wasip1";
const PACKAGES = ["rustc-web", "cargo-web", "rust-web-src", "lld-19", "clang-19", "llvm-19", "wasi-libc"];
/** Debian's wasi-libc. */
const WASI_LIB = "/usr/lib/wasm32-wasi";
const TOOLS = {
  rustc: "/usr/bin/rustc",
  cargo: "/usr/bin/cargo",
  lld: "/usr/bin/wasm-ld-19",
  clang: "/usr/bin/clang-19",
  wasmOpt: join(ROOT, "node_modules", ".bin", "wasm-opt"),
} as const;
/** Never in the digest: what a build writes. */
const NOT_SOURCES = new Set(["dist", "target"]);

type ToolVersions = Record<keyof typeof TOOLS, string>;

/** wasm/dist/built-from.json. Digests are lower-case hex SHA-256. */
interface BuiltFrom {
  readonly sourceDigest: string;
  readonly tools: ToolVersions;
  readonly outputDigest: string;
  readonly sizes: { readonly bytes: number; readonly gzipBytes: number };
}

class Complaint extends Error {}

function main(args: readonly string[]): void {
  if (args.length === 0) return build();
  if (args[0] === "--check" && args.length === 1) return check(false);
  if (args[0] === "--check" && args[1] === "--install" && args.length === 2) return check(true);
  throw new Complaint("usage: node scripts/wasm.ts [--check [--install]]");
}

function build(): void {
  const missing = missingTools();
  if (missing.length > 0) throw new Complaint(howToInstall(missing));
  const source = sourceDigest();
  const module = compile();
  if (sourceDigest() !== source) throw new Complaint("wasm/ changed while it was being built: build again");
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
  if (!existsSync(MODULE) || !existsSync(RECORD))
    throw new Complaint("wasm/dist/ holds no built module: run `npm run wasm`");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by build(); a wrong shape shows as a difference
  const record = JSON.parse(readFileSync(RECORD, "utf8")) as BuiltFrom;
  const output = sha256(readFileSync(MODULE));
  const source = sourceDigest();
  if (record.sourceDigest !== source) {
    throw new Complaint(
      `the committed module is not of these sources: built from ${record.sourceDigest}, wasm/ is ${source}; run \`npm run wasm\``,
    );
  }
  if (record.outputDigest !== output) {
    throw new Complaint(`wasm/dist/lasthop_tls.wasm was altered: recorded ${record.outputDigest}, found ${output}`);
  }
  console.log("the committed module is of these sources");

  const missing = missingTools();
  if (missing.length > 0) {
    console.log(`not rebuilt: ${howToInstall(missing)}`);
    return;
  }
  const module = compile();
  const rebuilt = sha256(module);
  if (install) replaceFile(MODULE, module);
  const different = differences(record.tools, toolVersions());
  if (different.length > 0) {
    console.log(`it builds; bytes not compared, other tool versions:\n  ${different.join("\n  ")}`);
  } else if (rebuilt !== record.outputDigest) {
    throw new Complaint(
      `a rebuild with the same tools gives other bytes: recorded ${record.outputDigest}, rebuilt ${rebuilt}`,
    );
  } else {
    console.log("a rebuild gives the same bytes");
  }
}

/** Compiles into a directory of its own, so that a check never touches wasm/dist/, and answers the module's bytes. */
function compile(): Buffer {
  const scratch = mkdtempSync(join(tmpdir(), "lasthop-wasm-"));
  try {
    const cargoHome = process.env["CARGO_HOME"] ?? join(homedir(), ".cargo");
    const sysroot = version(TOOLS.rustc, "--print", "sysroot");
    const rustSource = join(sysroot, "lib/rustlib/src/rust");
    const remaps: readonly (readonly [from: string, to: string])[] = [
      [CRATE, "/wasm"],
      [cargoHome, "/cargo"],
      [rustSource, "/rust"],
      [realDirectory(rustSource), "/rust"],
      [scratch, "/target"],
    ];
    const rustFlags = [
      "-Ctarget-feature=+simd128",
      `-Lnative=${WASI_LIB}`,
      "-Clink-self-contained=no",
      `-Clink-arg=${WASI_LIB}/crt1-reactor.o`,
      "-Clink-arg=--export=_initialize",
      "-Clink-arg=--no-entry",
      ...remaps.map(([from, to]) => `--remap-path-prefix=${from}=${to}`),
    ];
    const cFlags = [
      "-O3",
      "--sysroot=/usr",
      "-msimd128",
      ...remaps.map(([from, to]) => `-ffile-prefix-map=${from}=${to}`),
    ];
    run(
      TOOLS.cargo,
      [
        "build",
        "--release",
        "--lib",
        "--locked",
        "--target",
        TARGET,
        "--target-dir",
        scratch,
        "-Zbuild-std=std,panic_abort",
      ],
      {
        RUSTC: TOOLS.rustc,
        // Debian's stable rustc, with the one unstable option that builds std from rust-web-src.
        RUSTC_BOOTSTRAP: "1",
        CARGO_ENCODED_RUSTFLAGS: rustFlags.join("\x1f"),
        CARGO_TARGET_WASM32_WASIP1_LINKER: TOOLS.lld,
        CC_wasm32_wasip1: TOOLS.clang,
        AR_wasm32_wasip1: "/usr/bin/llvm-ar-19",
        CFLAGS_wasm32_wasip1: cFlags.join(" "),
      },
    );
    const optimized = join(scratch, "optimized.wasm");
    const features = [
      "bulk-memory",
      "sign-ext",
      "mutable-globals",
      "nontrapping-float-to-int",
      "multivalue",
      "reference-types",
      "simd",
    ];
    run(TOOLS.wasmOpt, [
      "-O3",
      "--strip-debug",
      "--strip-producers",
      ...features.map((feature) => `--enable-${feature}`),
      join(scratch, TARGET, "release", "lasthop_tls.wasm"),
      "-o",
      optimized,
    ]);
    const module = readFileSync(optimized);
    refuseMachinePaths(module, [ROOT, cargoHome, scratch, homedir()]);
    return module;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A path of this machine in the module would make its bytes depend on the checkout. */
function refuseMachinePaths(module: Buffer, paths: readonly string[]): void {
  for (const path of paths) {
    if (path.length > 1 && module.includes(path))
      throw new Complaint(`the module holds a path of this machine: ${path}`);
  }
}

/** SHA-256 over every source's path, length and bytes, in path order. */
function sourceDigest(): string {
  const files = [...sources(CRATE), fileURLToPath(import.meta.url)];
  const named = files.map((file) => [relative(ROOT, file).replaceAll("\\", "/"), file] as const);
  named.sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256");
  for (const [name, file] of named) {
    const bytes = readFileSync(file);
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return directory === CRATE && NOT_SOURCES.has(entry.name) ? [] : sources(path);
    return [path];
  });
}

function missingTools(): string[] {
  const needed = [...Object.values(TOOLS), "/usr/bin/llvm-ar-19", join(WASI_LIB, "crt1-reactor.o")];
  const missing = needed.filter((path) => !existsSync(path));
  if (missing.length > 0) return missing;
  const std = join(version(TOOLS.rustc, "--print", "sysroot"), "lib/rustlib/src/rust/library/std");
  return existsSync(std) ? [] : [std];
}

function howToInstall(missing: readonly string[]): string {
  return `the toolchain is incomplete (no ${missing.join(", ")}).\nOn Debian: apt-get install ${PACKAGES.join(" ")}; and npm ci, for wasm-opt`;
}

function toolVersions(): ToolVersions {
  return {
    rustc: version(TOOLS.rustc, "--version"),
    cargo: version(TOOLS.cargo, "--version"),
    lld: version(TOOLS.lld, "--version"),
    clang: version(TOOLS.clang, "--version"),
    wasmOpt: version(TOOLS.wasmOpt, "--version"),
  };
}

function differences(recorded: ToolVersions, present: ToolVersions): string[] {
  const names = ["rustc", "cargo", "lld", "clang", "wasmOpt"] as const;
  return names
    .filter((name) => recorded[name] !== present[name])
    .map((name) => `${name}: ${recorded[name]} recorded, ${present[name]} here`);
}

function version(tool: string, ...args: string[]): string {
  return execFileSync(tool, args, { encoding: "utf8" }).trim().split("\n")[0] ?? "";
}

function run(tool: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): void {
  try {
    execFileSync(tool, args, { cwd: CRATE, stdio: "inherit", env: { ...process.env, ...environment } });
  } catch (error) {
    throw new Complaint(`${tool} failed`, { cause: error });
  }
}

function realDirectory(path: string): string {
  return execFileSync("realpath", [path], { encoding: "utf8" }).trim();
}

/** Written beside and renamed, so that an interrupted build leaves no half module. */
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
  if (!(error instanceof Complaint)) throw error;
  console.error(`wasm: ${error.message}`);
  process.exitCode = 1;
}
