/** Which kind an object is read as, and what is to be said about the others. */
import { type Problem, show } from "./diagnostics.ts";
import type { RawObject } from "./document/objects.ts";
import { field, type Kind, KINDS } from "./schema/validate.ts";

/** The kind an object is read as; null: it is skipped, or {@link misspeltKind} says why not. */
export function kindOf(raw: RawObject): Kind | null {
  if (meansPolicy(raw)) return "BackendTLSPolicy";
  if (!Object.hasOwn(KINDS, raw.ref.kind)) return null;
  const kind = raw.ref.kind as Kind;
  return KINDS[kind].group === raw.group ? kind : null;
}

/**
 * A policy with a misspelt kind or group is none to the API server, and what its author means to protect would be sent
 * plaintext: it is read as a refused policy, which closes the Services it names.
 */
function meansPolicy(raw: RawObject): boolean {
  if (raw.ref.kind.toLowerCase() === "backendtlspolicy") return true;
  if (Object.hasOwn(KINDS, raw.ref.kind) || misspeltKind(raw) === null) return false;
  const spec = field(raw.value, "spec");
  return field(spec, "targetRefs") !== undefined || field(spec, "targetRef") !== undefined;
}

/** Of the API group, and no kind it has. */
export function misspeltKind({ ref, group }: RawObject): Problem | null {
  if (group !== "gateway.networking.k8s.io" || Object.hasOwn(KINDS, ref.kind)) return null;
  const similar = Object.keys(KINDS).find((kind) => kind.toLowerCase() === ref.kind.toLowerCase());
  return {
    code: "object-kind",
    path: ["kind"],
    message: "the Gateway API has no such kind",
    expected: similar ?? Object.keys(KINDS).slice(0, 6).join(", "),
    found: show(ref.kind),
    remedy: "correct the kind",
  };
}

export const reasonToSkip = "lasthop has no use for this kind";
