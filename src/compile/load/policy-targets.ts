/**
 * The targets of a BackendTLSPolicy that may be at fault. A refused policy closes the ports that it names, so its targets
 * must be known even where its schema refuses it.
 */
import type { Diagnostics, FieldPath, SourceObject } from "../diagnostics/diagnostics.ts";
import { templateIn } from "../document/templates.ts";
import { field } from "../kubernetes/kinds.ts";
import type { PolicyTarget } from "../kubernetes/objects.ts";
import { targetsUnreadable } from "./problems.ts";

/** A target as its author wrote it, in a policy that may be at fault. */
export interface WrittenTarget extends PolicyTarget {
  /** A field of v1alpha2. No version lets it name another namespace than the policy's. */
  readonly namespace?: string;
}

/** The targets of a policy that may be at fault; null when one of them cannot be read. An empty sectionName is left out. */
export function readTargets(value: unknown): WrittenTarget[] | null {
  const spec = field(value, "spec");
  const given = field(spec, "targetRefs");
  // v1 has no targetRef. An author who writes a targetRef beside targetRefs means to protect its Service too.
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

/** Whether a value can be metadata.namespace: a label of RFC 1123 §2.1, or absent or empty, as in manifests of a build. */
const isNamespace = (value: unknown): boolean =>
  value === undefined || (typeof value === "string" && /^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$/.test(value));

/** Targets of one policy that are read. The API allows 16; each target costs work and perhaps a diagnostic. */
const MAX_TARGETS = 1_000;

/** Whether it cannot be known which Services a refused policy names. Reports the field at fault. */
export function hasUnreadableTargets(object: SourceObject, diagnostics: Diagnostics): boolean {
  const path = unreadableField(object);
  if (path === null) return false;
  diagnostics.report(object, targetsUnreadable(object, path));
  return true;
}

function unreadableField({ ref, value }: SourceObject): FieldPath | null {
  if (ref.name === "") return ["metadata", "name"];
  // The policy is about Services of its namespace.
  if (!isNamespace(field(field(value, "metadata"), "namespace"))) return ["metadata", "namespace"];
  const count = readTargets(value)?.length ?? Number.POSITIVE_INFINITY;
  return count > MAX_TARGETS ? ["spec", "targetRefs"] : null;
}

/**
 * Whether a target's name is a template that some tool should have replaced; reports it. Only manifests of a build are
 * asked: an API server stores any name, and the author of one policy must not be able to stop all others.
 */
export function hasUnrenderedTargets(object: SourceObject, diagnostics: Diagnostics): boolean {
  const templates = (readTargets(object.value) ?? []).map(({ name }) => templateIn(name));
  const index = templates.findIndex((template) => template !== null);
  const template = templates[index] ?? null;
  if (template === null) return false;
  const { message, ...problem } = targetsUnreadable(object, ["spec", "targetRefs", index, "name"]);
  diagnostics.report(object, {
    ...problem,
    message: `${template.mark} looks like ${template.tool}: ${message}`,
    remedy: template.remedy,
  });
  return true;
}
