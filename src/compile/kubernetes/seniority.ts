/**
 * The precedence between two objects that conflict: the older one comes first, and of equally old ones the first by
 * `namespace/name`. Manifests may lack a creationTimestamp; such an object counts as the newest.
 */
import { compareStrings } from "../diagnostics/diagnostics.ts";
import { field } from "./kinds.ts";

/** The age and name of an object, which {@link compareSeniority} compares. */
export interface Seniority {
  /** creationTimestamp in milliseconds since the epoch; infinite when it is absent. */
  readonly createdMs: number;
  /** `namespace/name`. */
  readonly name: string;
}

/** Seniority of the object named `namespace/name`; `object` need not be valid. */
export function seniorityOf(name: string, object: unknown): Seniority {
  const created = field(field(object, "metadata"), "creationTimestamp");
  const createdMs = typeof created === "string" ? Date.parse(created) : Number.NaN;
  return { createdMs: Number.isNaN(createdMs) ? Number.POSITIVE_INFINITY : createdMs, name };
}

/** Negative when `a` takes precedence over `b`. */
export function compareSeniority(a: Seniority, b: Seniority): number {
  if (a.createdMs !== b.createdMs) return a.createdMs < b.createdMs ? -1 : 1;
  return compareStrings(a.name, b.name);
}
