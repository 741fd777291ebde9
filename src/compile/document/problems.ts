/** Faults of documents that are no objects. */
import { type Diagnostic, inputDiagnostic, type Location } from "../diagnostics/diagnostics.ts";

/** A file without any object. */
export const emptyInput = (file: string): Diagnostic =>
  inputDiagnostic({
    severity: "warning",
    code: "input-empty",
    message: `${file} holds no object`,
    location: { file, line: 1, column: 1, length: 1, sourceLine: null },
    expected: "Kubernetes objects",
    remedy: "remove the file, or add the objects",
  });

/** The remedy for a document that is a list in JSON. */
export const UNPACK =
  'put the list under `items` of an object with `apiVersion: v1` and `kind: List`: jq \'{apiVersion: "v1", kind: "List", items: .}\'';

/** The type of a value in terms of YAML. The value itself may be a secret, and is not shown. */
export function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "a list (array)";
  if (value === null) return "null";
  return typeof value === "object" ? "a mapping (object)" : `a ${typeof value}`;
}

/** A document, or an item of a list, that is no object. */
export const malformed = (
  location: Location,
  fault: Pick<Diagnostic, "message" | "expected" | "found"> & { readonly remedy?: string },
): Diagnostic =>
  inputDiagnostic({
    code: "object-malformed",
    location,
    remedy: "write one Kubernetes object per YAML document, separated by `---`",
    ...fault,
  });
