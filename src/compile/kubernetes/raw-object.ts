import type { FieldPath, Location, ObjectRef } from "../diagnostics/diagnostics.ts";

/** An object as it was read: identity known, nothing else checked. */
export interface RawObject {
  readonly ref: ObjectRef;
  readonly group: string;
  readonly version: string;
  readonly value: Record<string, unknown>;
  readonly locate: (path: FieldPath) => Location | null;
}
