/** The public face of compile/. */
export type { Target } from "./addresses.ts";
export {
  type ClusterCompiler,
  clusterCompiler,
  type ClusterOptions,
  type CompiledCluster,
  type CompiledGateway,
} from "./cluster.ts";
export { compile, type CompileOptions, compileObjects, type CompileResult } from "./compile.ts";
export { type Diagnostic, type DiagnosticCode, Diagnostics, type Location, type ObjectRef } from "./diagnostics.ts";
export type { RawObject } from "./document/objects.ts";
export type { InputDocument } from "./document/parse.ts";
export type { Condition } from "./conditions.ts";
export type { Skipped } from "./load.ts";
export { CONTROLLER_NAME } from "./names.ts";
export type { PlaintextBackend, PlaintextUser } from "./plaintext.ts";
export { inputFiles, type InputsRead, readInputs } from "./read.ts";
export { reportJson, reportText } from "./report.ts";
export type { ObjectStatus } from "./statuses.ts";
