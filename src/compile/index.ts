/** The door of compile/: everything that other rooms may import. */
export type { Target } from "./backends/addresses.ts";
export {
  type ClusterCompiler,
  clusterCompiler,
  type ClusterOptions,
  type CompiledCluster,
  type CompiledGateway,
} from "./cluster.ts";
export { compile, type CompileOptions, compileObjects, type CompileResult } from "./compile.ts";
export type { Condition } from "./diagnostics/conditions.ts";
export { type Diagnostic, Diagnostics, type Location, type ObjectRef } from "./diagnostics/diagnostics.ts";
export { type DiagnosticCode } from "./diagnostics/codes.ts";
export type { Skipped } from "./diagnostics/skipped.ts";
export type { InputDocument } from "./document/parse.ts";
export { inputFiles, type InputsRead, readInputs } from "./document/read.ts";
export type { PlaintextBackend, PlaintextUser } from "./emit/plaintext.ts";
export { CONTROLLER_NAME } from "./kubernetes/names.ts";
export type { RawObject } from "./kubernetes/raw-object.ts";
export { reportJson, reportText } from "./report/report.ts";
export type { ObjectStatus } from "./status/object-status.ts";
