/** The tools that build the module: Debian's packages, which apt pins, and wasm-opt from npm. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const PACKAGES = ["rustc-web", "cargo-web", "rust-web-src", "lld-19", "clang-19", "llvm-19", "wasi-libc"];

/** The folder of Debian's wasi-libc. */
export const WASI_LIB = "/usr/lib/wasm32-wasi";

/** The archiver, whose version does not affect the module. */
export const ARCHIVER = "/usr/bin/llvm-ar-19";

/** The paths of the tools whose versions affect the module's bytes. */
export const TOOLS = {
  rustc: "/usr/bin/rustc",
  cargo: "/usr/bin/cargo",
  lld: "/usr/bin/wasm-ld-19",
  clang: "/usr/bin/clang-19",
  wasmOpt: resolve(import.meta.dirname, "../../node_modules/.bin/wasm-opt"),
} as const;

/** The first line of what each tool prints as its version. */
export type ToolVersions = Record<keyof typeof TOOLS, string>;

/** A failure that the person at the command line can mend. Its message is printed without a stack. */
export class BuildError extends Error {}

/** The paths of the toolchain that do not exist. */
export function missingTools(): string[] {
  const needed = [...Object.values(TOOLS), ARCHIVER, join(WASI_LIB, "crt1-reactor.o")];
  const missing = needed.filter((path) => !existsSync(path));
  if (missing.length > 0) return missing;
  const std = join(rustSources(), "library/std");
  return existsSync(std) ? [] : [std];
}

/** A sentence that says what is missing and how to install it. */
export function howToInstall(missing: readonly string[]): string {
  return `the toolchain is incomplete (no ${missing.join(", ")}).\nOn Debian: apt-get install ${PACKAGES.join(" ")}; and npm ci, for wasm-opt`;
}

/** The versions of the installed tools. */
export function toolVersions(): ToolVersions {
  return {
    rustc: firstLine(TOOLS.rustc, "--version"),
    cargo: firstLine(TOOLS.cargo, "--version"),
    lld: firstLine(TOOLS.lld, "--version"),
    clang: firstLine(TOOLS.clang, "--version"),
    wasmOpt: firstLine(TOOLS.wasmOpt, "--version"),
  };
}

/** A line for each tool whose version is not the recorded one. */
export function differences(recorded: ToolVersions, present: ToolVersions): string[] {
  const names = ["rustc", "cargo", "lld", "clang", "wasmOpt"] as const;
  return names
    .filter((name) => recorded[name] !== present[name])
    .map((name) => `${name}: ${recorded[name]} recorded, ${present[name]} here`);
}

/** The folder of the standard library's sources, from which the build compiles it. */
export function rustSources(): string {
  return join(firstLine(TOOLS.rustc, "--print", "sysroot"), "lib/rustlib/src/rust");
}

function firstLine(tool: string, ...args: string[]): string {
  return execFileSync(tool, args, { encoding: "utf8" }).trim().split("\n")[0] ?? "";
}
