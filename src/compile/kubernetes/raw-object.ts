/** Objects as they come from a file or from an API server, before their schema is checked. */
import type { FieldPath, Location, ObjectRef } from "../diagnostics/diagnostics.ts";

/** An object of which only apiVersion, kind, name and namespace have been read. */
export interface RawObject {
  readonly ref: ObjectRef;
  /** The API group; empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The whole object. It must not be changed, because a controller passes the same object to every compilation. */
  readonly value: Record<string, unknown>;
  /** The place of a field in its file; null when the object came from an API server. */
  readonly locate: (path: FieldPath) => Location | null;
}
