/** Objects of the inputs that lasthop does not read; the report lists them. */
import { compareStrings, type Location, type ObjectRef } from "./diagnostics.ts";

/** An object that was not read, and the reason. */
export interface Skipped {
  readonly object: ObjectRef;
  readonly location: Location | null;
  readonly reason: string;
}

/** The objects sorted by apiVersion, kind, namespace and name, then by place. */
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
