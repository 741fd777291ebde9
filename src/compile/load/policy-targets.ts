/** The targets of a BackendTLSPolicy that may be at fault: what it names is closed, so it must be known. */
import { type Diagnostics, type FieldPath, type Problem, show, type SourceObject } from "../diagnostics/diagnostics.ts";
import { templateIn } from "../document/templates.ts";
import type { PolicyTarget } from "../kubernetes/objects.ts";
import { field } from "../kubernetes/kinds.ts";

/** A target as its author wrote it, in a policy that may be at fault. */
export interface WrittenTarget extends PolicyTarget {
  /** v1alpha2 had the field; no version lets it name another namespace than the policy's. */
  readonly namespace?: string;
}

/** The targets of a policy that may be at fault; null when any of them cannot be read. An empty sectionName is none. */
export function readTargets(value: unknown): WrittenTarget[] | null {
  const spec = field(value, "spec");
  const given = field(spec, "targetRefs");
  // v1 has no targetRef: who writes one besides targetRefs means to protect that Service too.
  const single = field(spec, "targetRef");
  const refs = single !== undefined && Array.isArray(given) ? [...(given as unknown[]), single] : given;
  if (!Array.isArray(refs) || refs.length === 0) return null;
  const targets: WrittenTarget[] = [];
  for (const ref of refs as unknown[]) {
    const [group, kind, name, sectionName, namespace] = ["group", "kind", "name", "sectionName", "namespace"].map(
      (key) => field(ref, key),
    );
    if (typeof kind !== "string" || kind === "" || typeof name !== "string" || name === "") return null;
    if (
      (group !== undefined && typeof group !== "string") ||
      (sectionName !== undefined && typeof sectionName !== "string") ||
      (namespace !== undefined && typeof namespace !== "string")
    )
      return null;
    targets.push({
      group: group ?? "",
      kind,
      name,
      ...(sectionName === undefined || sectionName === "" ? {} : { sectionName }),
      ...(namespace === undefined || namespace === "" ? {} : { namespace }),
    });
  }
  return targets;
}

/** RFC 1123 §2.1, as Kubernetes names namespaces. None, and an empty one, are those of a build. */
const isNamespace = (value: unknown): boolean =>
  value === undefined || (typeof value === "string" && /^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$/.test(value));

/** Far above the API's 16: each is decided and reported. */
const MAX_TARGETS = 1_000;

/** True, with a diagnostic, when nobody can tell which Services a refused policy names. */
export function unreadableTargets(object: SourceObject, diagnostics: Diagnostics): boolean {
  const namespace = field(field(object.value, "metadata"), "namespace");
  const targets = readTargets(object.value);
  const path =
    object.ref.name === ""
      ? ["metadata", "name"]
      : // Its Services are those of a namespace that nobody can tell.
        !isNamespace(namespace)
        ? ["metadata", "namespace"]
        : (targets?.length ?? Number.POSITIVE_INFINITY) > MAX_TARGETS
          ? ["spec", "targetRefs"]
          : null;
  if (path === null) return false;
  diagnostics.report(object, unreadable(object, path));
  return true;
}

/**
 * True, with a diagnostic, when a tool should have replaced the name of a target. Of a build alone: the API server stores
 * any name, and whoever may write one policy must not stop the others.
 */
export function unrenderedTargets(object: SourceObject, diagnostics: Diagnostics): boolean {
  const templates = (readTargets(object.value) ?? []).map(({ name }) => templateIn(name));
  const index = templates.findIndex((template) => template !== null);
  const template = templates[index] ?? null;
  if (template === null) return false;
  const { message, ...problem } = unreadable(object, ["spec", "targetRefs", index, "name"]);
  diagnostics.report(object, {
    ...problem,
    message: `${template.mark} looks like ${template.tool}: ${message}`,
    remedy: template.remedy,
  });
  return true;
}

function unreadable({ value }: SourceObject, path: FieldPath): Problem {
  const last = String(path.at(-1));
  return {
    code: "policy-targets-unreadable",
    path,
    message:
      "which Services this policy protects cannot be read, so nothing is built: one of them could be sent plaintext",
    expected: last === "targetRefs" ? "targetRefs of group, kind Service and name" : `a ${last}`,
    found: show(path.reduce<unknown>(field, value)),
    remedy: `correct ${last}, or remove the policy`,
  };
}
