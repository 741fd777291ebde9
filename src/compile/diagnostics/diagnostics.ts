/**
 * Diagnostics: the place, object and field of a fault, what was expected and found there, and the remedy. The file is long
 * because a problem, its place and their text are made from each other, and every pass imports them together.
 */
import { canonicalJson } from "../../bundle/codec.ts";
import type { DiagnosticCode } from "./codes.ts";

/** Path of a field in its object: `["spec", "rules", 0, "name"]`. */
export type FieldPath = readonly (string | number)[];

/** A place in an input file. */
export interface Location {
  /** The file's name as on the command line; `<stdin>` for standard input. */
  readonly file: string;
  /** Line, from 1. */
  readonly line: number;
  /** Column, from 1, in UTF-16 code units. */
  readonly column: number;
  /** UTF-16 code units to underline on that line; at least 1. */
  readonly length: number;
  /** The line's first 200 characters; null where the line may hold a secret, or where the place lies beyond them. */
  readonly sourceLine: string | null;
}

/** Identity of an object. */
export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  /** The object's namespace; null for cluster-scoped kinds. */
  readonly namespace: string | null;
  readonly name: string;
}

/** An object that is refused or absent, so that references to it fail. */
export type Cause = Omit<ObjectRef, "apiVersion">;

/** Cause from a kind and `namespace/name`, or the name alone of a cluster-scoped object. */
export function causeOf(kind: string, name: string): Cause {
  const slash = name.indexOf("/");
  return { kind, namespace: slash < 0 ? null : name.slice(0, slash), name: name.slice(slash + 1) };
}

/** One message about the inputs, as `build` prints it. */
export interface Diagnostic {
  /** The severity. `error`: an object, or a reference of an object, is refused. */
  readonly severity: "error" | "warning";
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly location: Location | null;
  readonly object: ObjectRef | null;
  /** The field: `spec.rules[0].matches[1].path.value`. Null: the whole object. */
  readonly path: string | null;
  readonly expected: string | null;
  readonly found: string | null;
  readonly remedy: string;
  /** Another place that matters, such as the ConfigMap a reference names. */
  readonly note: { readonly message: string; readonly location: Location } | null;
  /** The object whose fault or absence led to this diagnostic. */
  readonly causedBy?: Cause;
}

/**
 * What a pass finds wrong with an object, before the field is located in its file. `found` never holds a secret. Without a
 * severity the problem is an error.
 */
export interface Problem<Code extends DiagnosticCode = DiagnosticCode> {
  readonly code: Code;
  readonly path: FieldPath;
  readonly message: string;
  readonly remedy: string;
  readonly expected?: string;
  readonly found?: string;
  readonly severity?: "warning";
  readonly note?: Note;
  /** The object whose fault or absence led to this problem. */
  readonly cause?: Cause;
  /** Line within the block of text at `path`, from 1. */
  readonly line?: number;
}

/** A fault of an input that is no object, or of the command line. */
type InputFault = Pick<Diagnostic, "code" | "message" | "remedy"> &
  Partial<Pick<Diagnostic, "severity" | "location" | "expected" | "found">>;

/** A diagnostic that is about no object; without a severity, an error. */
export const inputDiagnostic = ({
  severity,
  code,
  message,
  location,
  expected,
  found,
  remedy,
}: InputFault): Diagnostic => ({
  severity: severity ?? "error",
  code,
  message,
  location: location ?? null,
  object: null,
  path: null,
  expected: expected ?? null,
  found: found ?? null,
  remedy,
  note: null,
});

/** A field of another object that helps to understand a problem. */
export interface Note {
  readonly message: string;
  readonly object: SourceObject;
  readonly path: FieldPath;
  /** Line within the block of text at `path`, from 1. */
  readonly line?: number;
}

/** An object of the inputs: its value, and the place of each of its fields. */
export interface SourceObject<T = unknown> {
  readonly ref: ObjectRef;
  readonly value: T;
  /** The place of a field, or else of the closest field around it; null when the object came from an API server. */
  readonly locate: (path: FieldPath) => Location | null;
  /** Whether the manifest has no metadata.namespace, so that `default` was taken. */
  readonly assumesNamespace: boolean;
  /**
   * The path of a field in the object as its author wrote it: another path than here where an older version of the
   * object was converted.
   */
  readonly spell: (path: FieldPath) => FieldPath;
}

/** The diagnostics of one compilation, or of one pass of it. */
export class Diagnostics {
  readonly #all: Diagnostic[] = [];

  /** All diagnostics in the order in which they were added. */
  get all(): readonly Diagnostic[] {
    return this.#all;
  }

  add(diagnostic: Diagnostic): void {
    this.#all.push(diagnostic);
  }

  /** Adds a problem of `object`, with its place in the file. */
  report(object: SourceObject, problem: Problem): void {
    const path = object.spell(problem.path);
    this.add({
      severity: problem.severity ?? "error",
      code: problem.code,
      message: problem.message,
      location: object.locate(withLine(path, problem.line)),
      object: object.ref,
      path: path.length === 0 ? null : formatPath(path),
      expected: problem.expected ?? null,
      found: problem.found ?? null,
      remedy: problem.remedy,
      note: noteOf(problem.note),
      ...(problem.cause === undefined ? {} : { causedBy: problem.cause }),
    });
  }

  /** All diagnostics, each once, sorted by place, then object, field and code: the same for any order of the inputs. */
  sorted(): Diagnostic[] {
    const keyed = new Map(this.#all.map((diagnostic) => [sortKey(diagnostic), diagnostic]));
    return [...keyed].sort(([a], [b]) => compareStrings(a, b)).map(([, diagnostic]) => diagnostic);
  }
}

const withLine = (path: FieldPath, line: number | undefined): FieldPath =>
  line === undefined ? path : [...path, line];

function noteOf(note: Note | undefined): Diagnostic["note"] {
  const location = note?.object.locate(withLine(note.object.spell(note.path), note.line)) ?? null;
  return note === undefined || location === null ? null : { message: note.message, location };
}

function sortKey({ location, object, path, code, message, found }: Diagnostic): string {
  const place = location === null ? [] : [location.file, pad(location.line), pad(location.column)];
  const ref = object === null ? [] : [object.kind, object.namespace ?? "", object.name];
  return [...place, ...ref, path ?? "", code, message, found ?? ""].join("\0");
}

const pad = (value: number): string => String(value).padStart(10, "0");

/** Order of strings by UTF-16 code unit, which no locale changes; for `sort`. */
export function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Text of a path: `spec.rules[0].name`, `metadata.labels["app.kubernetes.io/name"]`. */
export function formatPath(path: FieldPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** Message of a condition: `spec.gatewayClassName: this GatewayClass is refused itself (found "x") [gateway-class-not-found]`. */
export function explain(object: SourceObject, problem: Problem): string {
  const path = formatPath(object.spell(problem.path));
  const found = problem.found === undefined ? "" : ` (found ${problem.found})`;
  return `${path === "" ? "" : `${path}: `}${problem.message}${found} [${problem.code}]`;
}

/** A value as JSON on one line of at most 120 characters; `[redacted]` when it holds a private key. */
export function show(value: unknown): string {
  const text = value === undefined ? "nothing" : canonicalJson(value);
  if (text.includes("PRIVATE KEY")) return "[redacted]";
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}

/** `namespace/name`, or the name alone of a cluster-scoped object. */
export const namespacedName = ({ namespace, name }: ObjectRef): string =>
  namespace === null ? name : `${namespace}/${name}`;
