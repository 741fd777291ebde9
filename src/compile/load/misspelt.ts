/** The kind that an object is read as, also where its author misspelt it, and why other objects are skipped. */
import type { Problem } from "../diagnostics/diagnostics.ts";
import { field, type Kind, KINDS } from "../kubernetes/kinds.ts";
import { GATEWAY_GROUP } from "../kubernetes/names.ts";
import type { RawObject } from "../kubernetes/raw-object.ts";
import { isNear } from "../kubernetes/spelling.ts";
import { isXListenerSet } from "./conversion.ts";
import { exportCommand, generatedFrom } from "./generated.ts";
import { unknownKind } from "./problems.ts";

/** The kind that an object is read as. Null: it is skipped, or {@link misspeltKind} says what is wrong with it. */
export function kindOf(raw: RawObject): Kind | null {
  if (meansPolicy(raw)) return "BackendTLSPolicy";
  if (isXListenerSet(raw)) return "ListenerSet";
  if (!Object.hasOwn(KINDS, raw.ref.kind)) return null;
  const kind = raw.ref.kind as Kind;
  return KINDS[kind].group === raw.group ? kind : null;
}

/**
 * Whether an object is a BackendTLSPolicy, perhaps with a misspelt kind or group. An API server would not take it, and
 * requests to the Services that its author means to protect would go out in plaintext. Such an object is therefore read
 * as a refused policy, which closes the ports of these Services.
 */
function meansPolicy(raw: RawObject): boolean {
  if (raw.ref.kind.toLowerCase() === "backendtlspolicy") return !isForeignGroup(raw.group);
  if (Object.hasOwn(KINDS, raw.ref.kind) || misspeltKind(raw) === null) return false;
  const spec = field(raw.value, "spec");
  return field(spec, "targetRefs") !== undefined || field(spec, "targetRef") !== undefined;
}

/** The problem of an object that has the Gateway API's group and a kind that the API does not have; null: no such object. */
export const misspeltKind = ({ ref, group }: RawObject): Problem | null =>
  group === GATEWAY_GROUP && !Object.hasOwn(KINDS, ref.kind) ? unknownKind(ref.kind) : null;

/**
 * Whether a group is another vendor's, as `alb.networking.azure.io` with a BackendTLSPolicy of its own. Every other group
 * counts as the Gateway API's, misspelt: one of Kubernetes, none at all, and one that lacks a part of the Gateway API's
 * group or differs from it in a few letters.
 */
function isForeignGroup(group: string): boolean {
  const isOfKubernetes = /(^|[.-])k8s\.io$/.test(group) || !group.includes(".");
  const labels = GATEWAY_GROUP.split(".");
  const lacksPart = group.split(".").every((label) => labels.includes(label));
  return !isOfKubernetes && !lacksPart && !isNear(group, GATEWAY_GROUP);
}

/** Why an object is skipped, and what lasthop reads in its place, where that is known. */
export function reasonToSkip(raw: RawObject): string {
  const { ref, group } = raw;
  if (Object.hasOwn(KINDS, ref.kind)) {
    const { group: known } = KINDS[ref.kind as Kind];
    return `another API's ${ref.kind}; lasthop reads those of ${known === "" ? "the core API" : known}`;
  }
  const generated = generatedFrom(raw);
  if (generated !== null)
    return `a cluster makes ${generated.kind} ${generated.name} of it, which lasthop reads: ${exportCommand(generated, generated.namespace ?? "NAMESPACE")}`;
  if (group === "kustomize.config.k8s.io") return "build it first: kubectl kustomize DIRECTORY | lasthop build -f -";
  return "lasthop has no use for this kind";
}
