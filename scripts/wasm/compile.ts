/** The compilation of the crate into the bytes of a module. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { CRATE, ROOT } from "./sources.ts";
import { ARCHIVER, BuildError, TOOLS, WASI_LIB, rustSources } from "./toolchain.ts";

const TARGET = "wasm32-wasip1";

/** The features of WebAssembly that all four runtimes have and wasm-opt may use. */
const FEATURES = [
  "bulk-memory",
  "sign-ext",
  "mutable-globals",
  "nontrapping-float-to-int",
  "multivalue",
  "reference-types",
  "simd",
];

/** The modules: the features of the crate that each has, by its name. A worker has no sockets of clients to serve. */
const MODULES = { "lasthop_tls.wasm": "", "lasthop_server.wasm": "server" } as const;
/** The name of a module's file. */
export type ModuleName = keyof typeof MODULES;
/** The names of the modules. */
export const MODULE_NAMES = Object.keys(MODULES) as ModuleName[];

/** Compiles into a new folder outside of the repository, so that a check never writes to wasm/dist/. */
export function compile(): Readonly<Record<ModuleName, Buffer>> {
  const scratch = mkdtempSync(join(tmpdir(), "lasthop-wasm-"));
  const cargoHome = process.env["CARGO_HOME"] ?? join(homedir(), ".cargo");
  try {
    const compileModule = (name: ModuleName): Buffer => {
      buildCrate(scratch, MODULES[name], pathNames(scratch, cargoHome));
      const optimized = join(scratch, "optimized.wasm");
      optimize(join(scratch, TARGET, "release", "lasthop_tls.wasm"), optimized);
      const module = readFileSync(optimized);
      refuseMachinePaths(module, [ROOT, cargoHome, scratch, homedir()]);
      return module;
    };
    return {
      "lasthop_tls.wasm": compileModule("lasthop_tls.wasm"),
      "lasthop_server.wasm": compileModule("lasthop_server.wasm"),
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

type PathNames = readonly (readonly [path: string, name: string])[];

/** The names that stand in the module for paths of this machine, so that its bytes do not depend on them. */
function pathNames(scratch: string, cargoHome: string): PathNames {
  const rust = rustSources();
  return [
    [CRATE, "/wasm"],
    [cargoHome, "/cargo"],
    [rust, "/rust"],
    [realpathSync(rust), "/rust"],
    [scratch, "/target"],
  ];
}

function buildCrate(targetDirectory: string, features: string, names: PathNames): void {
  const rustFlags = [
    "-Ctarget-feature=+simd128",
    `-Lnative=${WASI_LIB}`,
    "-Clink-self-contained=no",
    `-Clink-arg=${WASI_LIB}/crt1-reactor.o`,
    "-Clink-arg=--export=_initialize",
    "-Clink-arg=--no-entry",
    ...names.map(([path, name]) => `--remap-path-prefix=${path}=${name}`),
  ];
  const cFlags = [
    "-O3",
    "--sysroot=/usr",
    "-msimd128",
    ...names.map(([path, name]) => `-ffile-prefix-map=${path}=${name}`),
  ];
  const target = ["--target", TARGET, "--target-dir", targetDirectory];
  const options = ["--release", "--lib", "--locked", "--no-default-features", "--features", features, ...target];
  run(TOOLS.cargo, ["build", ...options, "-Zbuild-std=std,panic_abort"], {
    RUSTC: TOOLS.rustc,
    // Debian's rustc is a stable one, and building std from rust-web-src is an unstable option.
    RUSTC_BOOTSTRAP: "1",
    CARGO_ENCODED_RUSTFLAGS: rustFlags.join("\x1f"),
    CARGO_TARGET_WASM32_WASIP1_LINKER: TOOLS.lld,
    CC_wasm32_wasip1: TOOLS.clang,
    AR_wasm32_wasip1: ARCHIVER,
    CFLAGS_wasm32_wasip1: cFlags.join(" "),
  });
}

function optimize(module: string, output: string): void {
  const features = FEATURES.map((feature) => `--enable-${feature}`);
  run(TOOLS.wasmOpt, ["-O3", "--strip-debug", "--strip-producers", ...features, module, "-o", output]);
}

function refuseMachinePaths(module: Buffer, paths: readonly string[]): void {
  for (const path of paths) {
    if (path.length > 1 && module.includes(path))
      throw new BuildError(`the module holds a path of this machine: ${path}`);
  }
}

function run(tool: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): void {
  try {
    execFileSync(tool, args, { cwd: CRATE, stdio: "inherit", env: { ...process.env, ...environment } });
  } catch (error) {
    throw new BuildError(`${tool} failed`, { cause: error });
  }
}
