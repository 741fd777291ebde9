/** `lasthop build`: compiles manifests into a bundle, statuses and diagnostics. */
import { compile, type Diagnostic, type ObjectStatus, readInputs, reportJson, reportText } from "../compile/index.ts";
import { BUILD_USAGE, type BuildOptions, parseBuildArgs } from "./build/args.ts";
import { writeOutputs } from "./build/outputs.ts";

/** The result of one build. */
export interface BuildResult {
  /** The exit status that {@link BUILD_USAGE} explains. */
  readonly exitCode: 0 | 1 | 2;
  readonly statuses: readonly ObjectStatus[];
  readonly diagnostics: readonly Diagnostic[];
  /** The bundle's digest; empty when no bundle was written. */
  readonly digest: string;
  /** The port of the bundle's first HTTP listener; 80 when it has none. */
  readonly listenerPort: number;
}

/** `lasthop build`. Resolves with the exit status. */
export async function build(args: readonly string[]): Promise<number> {
  const parsed = parseBuildArgs(args);
  if (typeof parsed === "string") {
    process.stderr.write(`lasthop build: ${parsed}\n\n${BUILD_USAGE}`);
    return 2;
  }
  if (parsed === null) {
    process.stdout.write(BUILD_USAGE);
    return 0;
  }
  const stream = parsed.format === "json" ? process.stdout : process.stderr;
  const colour = process.stderr.isTTY && process.env["NO_COLOR"] === undefined;
  const { exitCode } = await buildOnce({ ...parsed, colour, print: (text) => void stream.write(text) });
  return exitCode;
}

/** Reads, compiles, reports and writes. When the exit code is 2, nothing has been written. */
export async function buildOnce(options: BuildOptions): Promise<BuildResult> {
  const outputs = [options.output, options.secrets, options.status].filter((path) => path !== undefined);
  const { documents, faults } = options.inputs ?? readInputs(options.paths, outputs);
  // Inputs that can be read are compiled even when others cannot, so that one run reports everything.
  const compiled = compile(documents, { ...options, nowMs: Date.now() });
  const fatal = faults.length > 0 || compiled.fatal;
  // A Gateway that was not found may be in an input that could not be read.
  const compileDiagnostics =
    faults.length > 0 ? compiled.diagnostics.filter(({ code }) => code !== "gateway-not-found") : compiled.diagnostics;
  const diagnostics = [...faults, ...compileDiagnostics];
  if (compiled.secrets !== null && options.secrets === undefined) diagnostics.push(SECRETS_NOT_WRITTEN);
  const writeFaults = fatal ? [] : await writeOutputs(options, compiled);
  diagnostics.push(...writeFaults);
  const exitCode =
    fatal || writeFaults.length > 0 ? 2 : diagnostics.some(({ severity }) => severity === "error") ? 1 : 0;
  const report = { diagnostics, skipped: compiled.skipped, plaintext: fatal ? [] : compiled.plaintext };
  const text = options.format === "json" ? reportJson(report) : reportText(report, options.colour ?? false);
  if (text !== "") options.print(text);
  return {
    exitCode,
    diagnostics,
    statuses: compiled.statuses,
    digest: exitCode === 2 ? "" : (compiled.bundle?.digest ?? ""),
    listenerPort: compiled.bundle?.listeners.find(({ protocol }) => protocol === "HTTP")?.port ?? 80,
  };
}

const SECRETS_NOT_WRITTEN: Diagnostic = {
  severity: "warning",
  code: "secrets-not-written",
  message:
    "the bundle's certificates have private keys, which no bundle holds, and a host that presents them needs them",
  location: null,
  object: null,
  path: null,
  expected: "--secrets FILE",
  found: null,
  remedy: "build with --secrets FILE, and give the file to the host",
  note: null,
};
