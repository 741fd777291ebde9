/** Which of two objects comes first: the older, then by `namespace/name`. One without a creation time is the newest. */
import { compareStrings } from "../diagnostics/diagnostics.ts";
import { field } from "./kinds.ts";

export interface Seniority {
  readonly createdMs: number;
  readonly name: string;
}

export function seniorityOf(name: string, object: unknown): Seniority {
  const created = field(field(object, "metadata"), "creationTimestamp");
  const createdMs = typeof created === "string" ? Date.parse(created) : Number.NaN;
  return { createdMs: Number.isNaN(createdMs) ? Number.POSITIVE_INFINITY : createdMs, name };
}

export function compareSeniority(a: Seniority, b: Seniority): number {
  if (a.createdMs !== b.createdMs) return a.createdMs < b.createdMs ? -1 : 1;
  return compareStrings(a.name, b.name);
}
