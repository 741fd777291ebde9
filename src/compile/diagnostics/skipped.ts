/** Objects that are passed over, which the report lists. */
import { compareStrings, type Location, type ObjectRef } from "./diagnostics.ts";

/** An object of which nothing is read, and why. */
export interface Skipped {
  readonly object: ObjectRef;
  readonly location: Location | null;
  readonly reason: string;
}

/** By what the objects are, then by place. */
export function sortSkipped(skipped: readonly Skipped[]): Skipped[] {
  const key = ({ object, location }: Skipped): string =>
    [
      object.apiVersion,
      object.kind,
      object.namespace ?? "",
      object.name,
      location?.file ?? "",
      String(location?.line ?? 0).padStart(10, "0"),
    ].join("\0");
  return [...skipped].sort((a, b) => compareStrings(key(a), key(b)));
}
