/** The targets of a BackendTLSPolicy that may be at fault: what it names is closed, so it must be known. */
import { type Diagnostics, show, type SourceObject } from "./diagnostics.ts";
import type { PolicyTarget } from "./objects.ts";
import { field } from "./schema/validate.ts";

/** The targets of a policy that may be at fault; null when any of them cannot be read. An empty sectionName is none. */
export function readTargets(value: unknown): PolicyTarget[] | null {
  const spec = field(value, "spec");
  const given = field(spec, "targetRefs");
  // v1 has no targetRef: who writes one besides targetRefs means to protect that Service too.
  const single = field(spec, "targetRef");
  const refs = single !== undefined && Array.isArray(given) ? [...(given as unknown[]), single] : given;
  if (!Array.isArray(refs) || refs.length === 0) return null;
  const targets: PolicyTarget[] = [];
  for (const ref of refs as unknown[]) {
    const [group, kind, name, sectionName] = ["group", "kind", "name", "sectionName"].map((key) => field(ref, key));
    if (typeof kind !== "string" || kind === "" || typeof name !== "string" || name === "") return null;
    if (
      (group !== undefined && typeof group !== "string") ||
      (sectionName !== undefined && typeof sectionName !== "string")
    )
      return null;
    targets.push({
      group: group ?? "",
      kind,
      name,
      ...(sectionName === undefined || sectionName === "" ? {} : { sectionName }),
    });
  }
  return targets;
}

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
        namespace !== undefined && typeof namespace !== "string"
        ? ["metadata", "namespace"]
        : (targets?.length ?? Number.POSITIVE_INFINITY) > MAX_TARGETS
          ? ["spec", "targetRefs"]
          : null;
  if (path === null) return false;
  const [parent = "", last = ""] = path;
  diagnostics.report(object, {
    code: "policy-targets-unreadable",
    path,
    message:
      "which Services this policy protects cannot be read, so nothing is built: one of them could be sent plaintext",
    expected: parent === "metadata" ? `a string ${last}` : "targetRefs of group, kind Service and name",
    found: show(field(field(object.value, parent), last)),
    remedy: `correct ${last}, or remove the policy`,
  });
  return true;
}
