/** Which kind an object is read as, and what is to be said about the others. */
import { type Problem, show } from "../diagnostics/diagnostics.ts";
import type { RawObject } from "../kubernetes/raw-object.ts";
import { exportOf, madeOf } from "./makers.ts";
import { isNear } from "../kubernetes/spelling.ts";
import { GATEWAY_GROUP } from "../kubernetes/names.ts";
import { isXListenerSet } from "./seed.ts";
import { field, type Kind, KINDS } from "../kubernetes/kinds.ts";

/** The kind an object is read as; null: it is skipped, or {@link misspeltKind} says why not. */
export function kindOf(raw: RawObject): Kind | null {
  if (meansPolicy(raw)) return "BackendTLSPolicy";
  if (isXListenerSet(raw)) return "ListenerSet";
  if (!Object.hasOwn(KINDS, raw.ref.kind)) return null;
  const kind = raw.ref.kind as Kind;
  return KINDS[kind].group === raw.group ? kind : null;
}

/**
 * A policy with a misspelt kind or group is none to the API server, and what its author means to protect would be sent
 * plaintext: it is read as a refused policy, which closes the Services it names.
 */
function meansPolicy(raw: RawObject): boolean {
  if (raw.ref.kind.toLowerCase() === "backendtlspolicy") return !isForeignGroup(raw.group);
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

/**
 * Whether another vendor has such a group, as `alb.networking.azure.io` has its own BackendTLSPolicy: its objects are that
 * vendor's business. A group of Kubernetes, none, or one that differs from ours in a few letters or lacks a part of it
 * is taken for ours, misspelt.
 */
function isForeignGroup(group: string): boolean {
  const isOfKubernetes = /(^|[.-])k8s\.io$/.test(group) || !group.includes(".");
  const labels = GATEWAY_GROUP.split(".");
  const lacksPart = group.split(".").every((label) => labels.includes(label));
  return !isOfKubernetes && !lacksPart && !isNear(group, GATEWAY_GROUP);
}

/** Why an object is passed over, and what is read in its place where that is known. */
export function reasonToSkip(raw: RawObject): string {
  const { ref, group } = raw;
  if (Object.hasOwn(KINDS, ref.kind)) {
    const { group: own } = KINDS[ref.kind as Kind];
    return `another API's ${ref.kind}; lasthop reads those of ${own === "" ? "the core API" : own}`;
  }
  const made = madeOf(raw);
  if (made !== null)
    return `a cluster makes ${made.kind} ${made.name} of it, which lasthop reads: ${exportOf(made, made.namespace ?? "NAMESPACE")}`;
  if (group === "kustomize.config.k8s.io") return "build it first: kubectl kustomize DIRECTORY | lasthop build -f -";
  return "lasthop has no use for this kind";
}
