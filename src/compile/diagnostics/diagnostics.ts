/** What `build` tells people: where, which object and field, what was expected and found, and what to do. */
import { canonicalJson } from "../../bundle/codec.ts";
import type { ConfigCode } from "../../bundle/types.ts";

/** Codes of diagnostics that no condition, log or metric carries. Never rename one. */
export const INPUT_CODES = [
  "input-unreadable",
  "input-empty",
  "yaml-syntax",
  "yaml-aliases",
  "object-malformed",
  "object-duplicate",
  "object-kind",
  "object-version",
  "object-converted",
  "object-schema",
  "object-unknown-field",
  "gateway-not-found",
  "gateway-ambiguous",
  "gateway-class-not-found",
  "gateway-class-parameters",
  "gateway-feature-unsupported",
  "listener-conflict",
  "listener-protocol",
  "listener-hostname",
  "listener-route-kinds",
  "listener-feature-unsupported",
  "listener-client-validation",
  "listener-set-parent-not-found",
  "listener-set-not-allowed",
  "route-kind-unsupported",
  "route-parent-not-found",
  "route-parent-no-listener",
  "route-parent-not-allowed",
  "route-parent-hostname",
  "route-header-repeated",
  "route-filters-incompatible",
  "backend-no-endpoints",
  "backend-no-usable-address",
  "backend-plaintext",
  "endpoint-address",
  "address-annotation",
  "policy-conflict",
  "policy-target-not-found",
  "policy-target-kind",
  "policy-targets-unreadable",
  "policy-unused",
  "policy-converted",
  "ca-certificate-unusable",
  "ca-certificate-form",
  "ca-certificate-end-entity",
  "crl-stale",
  "crl-due",
  "crl-not-yet-valid",
  "certificate-expired",
  "certificate-not-yet-valid",
  "certificate-hostname",
  "certificate-usage",
  "certificate-chain",
  "secrets-not-written",
  "target-port",
  "target-front-tls",
  "output-unwritable",
] as const;
export type DiagnosticCode = ConfigCode | (typeof INPUT_CODES)[number];

/** A field of an object: `["spec", "rules", 0, "name"]`. */
export type FieldPath = readonly (string | number)[];

export interface Location {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  /** Code units to underline on that line; at least 1. */
  readonly length: number;
  /** The line's text, or its start; null where it may hold a secret, or where its start would not show the place. */
  readonly sourceLine: string | null;
}

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  /** Null for cluster-scoped kinds. */
  readonly namespace: string | null;
  readonly name: string;
}

/** An object that is refused or not there, so that what names it fails. */
export type Cause = Omit<ObjectRef, "apiVersion">;

/** Of a kind in the namespace `NAMESPACE/NAME`, or of a cluster-scoped one. */
export function causeOf(kind: string, name: string): Cause {
  const slash = name.indexOf("/");
  return { kind, namespace: slash < 0 ? null : name.slice(0, slash), name: name.slice(slash + 1) };
}

export interface Diagnostic {
  /** An error means that an object or reference is refused. */
  readonly severity: "error" | "warning";
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly location: Location | null;
  readonly object: ObjectRef | null;
  /** `spec.rules[0].matches[1].path.value`. */
  readonly path: string | null;
  readonly expected: string | null;
  readonly found: string | null;
  readonly remedy: string;
  /** Another place that matters, such as the ConfigMap a reference names. */
  readonly note: { readonly message: string; readonly location: Location } | null;
  /** The object from whose fault or absence this follows. */
  readonly causedBy?: Cause;
}

/** A fault of one object, before its place is known. `found` never holds a secret. */
export interface Problem<Code extends DiagnosticCode = DiagnosticCode> {
  readonly code: Code;
  readonly path: FieldPath;
  readonly message: string;
  readonly remedy: string;
  readonly expected?: string;
  readonly found?: string;
  readonly severity?: "warning";
  readonly note?: Note;
  /** The object from whose fault or absence this follows. */
  readonly cause?: Cause;
  /** Of the text at `path`, from 1. */
  readonly line?: number;
}

/** A field of another object. */
export interface Note {
  readonly message: string;
  readonly object: SourceObject;
  readonly path: FieldPath;
  /** Of the text at `path`, from 1. */
  readonly line?: number;
}

/** An object of the inputs: its value, and where each of its fields stands. */
export interface SourceObject<T = unknown> {
  readonly ref: ObjectRef;
  readonly value: T;
  /** The place of a field, or of its closest ancestor that is there; null when the object came from no file. */
  readonly locate: (path: FieldPath) => Location | null;
  /** metadata.namespace is absent, and `default` was taken for it, as kubectl takes its context's. */
  readonly assumesNamespace: boolean;
  /** How the object's author spells a path: differs from ours where a seed version was converted. */
  readonly spell: (path: FieldPath) => FieldPath;
}

export class Diagnostics {
  readonly #all: Diagnostic[] = [];

  /** In the order in which they came. */
  get all(): readonly Diagnostic[] {
    return this.#all;
  }

  add(diagnostic: Diagnostic): void {
    this.#all.push(diagnostic);
  }

  report(object: SourceObject, problem: Problem): void {
    const path = object.spell(problem.path);
    this.add({
      severity: problem.severity ?? "error",
      code: problem.code,
      message: problem.message,
      location: object.locate(placeOf(path, problem.line)),
      object: object.ref,
      path: path.length === 0 ? null : formatPath(path),
      expected: problem.expected ?? null,
      found: problem.found ?? null,
      remedy: problem.remedy,
      note: noteOf(problem.note),
      ...(problem.cause === undefined ? {} : { causedBy: problem.cause }),
    });
  }

  /** By place, then code and field: the same for any order of the inputs' objects. Exact repetitions appear once. */
  sorted(): Diagnostic[] {
    const keyed = new Map(this.#all.map((diagnostic) => [sortKey(diagnostic), diagnostic]));
    return [...keyed].sort(([a], [b]) => compareStrings(a, b)).map(([, diagnostic]) => diagnostic);
  }
}

const placeOf = (path: FieldPath, line: number | undefined): FieldPath => (line === undefined ? path : [...path, line]);

function noteOf(note: Note | undefined): Diagnostic["note"] {
  const location = note?.object.locate(placeOf(note.object.spell(note.path), note.line)) ?? null;
  return note === undefined || location === null ? null : { message: note.message, location };
}

function sortKey({ location, object, path, code, message, found }: Diagnostic): string {
  const place = location === null ? [] : [location.file, pad(location.line), pad(location.column)];
  const ref = object === null ? [] : [object.kind, object.namespace ?? "", object.name];
  return [...place, ...ref, path ?? "", code, message, found ?? ""].join("\0");
}

const pad = (value: number): string => String(value).padStart(10, "0");

/** By UTF-16 code unit, whatever the locale. */
export function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function formatPath(path: FieldPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** The text of a condition's message: the field, the fault, the code. */
export function explain(object: SourceObject, problem: Problem): string {
  const path = formatPath(object.spell(problem.path));
  const found = problem.found === undefined ? "" : ` (found ${problem.found})`;
  return `${path === "" ? "" : `${path}: `}${problem.message}${found} [${problem.code}]`;
}

/** A value as it may be shown: one line, bounded, never a private key. */
export function show(value: unknown): string {
  const text = value === undefined ? "nothing" : canonicalJson(value);
  if (text.includes("PRIVATE KEY")) return "[redacted]";
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}

export const namespacedName = ({ namespace, name }: ObjectRef): string =>
  namespace === null ? name : `${namespace}/${name}`;
