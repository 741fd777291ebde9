/**
 * Conversion of older versions before validation: BackendTLSPolicy v1alpha2 (one `targetRef`, and `tls` in place of
 * `validation`) and v1alpha3 (the fields of v1), as Gateway API v1.0 and v1.1 had them; and XListenerSet, which became
 * ListenerSet. Diagnostics name each field as the author wrote it.
 */
import type { FieldPath, Problem } from "../diagnostics/diagnostics.ts";
import { field } from "../kubernetes/kinds.ts";
import { EXPERIMENTAL_GROUP, GATEWAY_GROUP } from "../kubernetes/names.ts";
import type { RawObject } from "../kubernetes/raw-object.ts";
import { convertedListenerSet, convertedPolicy, spelledTwice } from "./problems.ts";

/** An object in the form of the current version. */
export interface Converted {
  readonly value: Record<string, unknown>;
  /** Path of a field in the object as its author wrote it: `spec.tls` for `spec.validation` of v1alpha2. */
  readonly spell: (path: FieldPath) => FieldPath;
  readonly problems: readonly Problem[];
}

/** Whether an object is an XListenerSet, which is read as a ListenerSet. */
export const isXListenerSet = ({ ref, group }: Pick<RawObject, "ref" | "group">): boolean =>
  ref.kind === "XListenerSet" && group === EXPERIMENTAL_GROUP;

/** An XListenerSet as a ListenerSet: only apiVersion and kind differ. */
export function convertXListenerSet(raw: RawObject): Converted {
  const value = { ...raw.value, apiVersion: `${GATEWAY_GROUP}/v1`, kind: "ListenerSet" };
  return { value, spell: (path) => path, problems: [convertedListenerSet(raw.ref.apiVersion)] };
}

/** A BackendTLSPolicy of an older version as v1, with a warning. Other faults are left for the schema of v1 to find. */
export function convertPolicy(raw: RawObject): Converted {
  const warning = convertedPolicy(raw.version, raw.ref.apiVersion);
  const spec = field(raw.value, "spec");
  if (raw.version !== "v1alpha2" || spec === null || typeof spec !== "object" || Array.isArray(spec)) {
    return { value: raw.value, spell: (path) => path, problems: [warning] };
  }
  const { targetRef, tls, ...rest } = spec as Record<string, unknown>;
  const problems: Problem[] = [warning];
  const converted = { ...rest };
  if (targetRef !== undefined) {
    const { targetRefs } = rest;
    if (targetRefs !== undefined) problems.push(spelledTwice("targetRefs", "targetRef"));
    // The policy is refused then, and closes the ports of every Service that either field names.
    converted["targetRefs"] = [
      withoutOwnNamespace(targetRef, raw.ref.namespace ?? "default"),
      ...(Array.isArray(targetRefs) ? targetRefs : []),
    ];
  }
  if (tls !== undefined && rest["validation"] !== undefined) problems.push(spelledTwice("validation", "tls"));
  if (tls !== undefined) converted["validation"] = validationOf(tls);
  return {
    value: { ...raw.value, spec: converted },
    spell: (path) => spellAsV1alpha2(path, targetRef !== undefined, tls !== undefined),
    problems,
  };
}

/** Fields of `validation` that v1alpha2 named otherwise in `tls`. */
const V1ALPHA2_NAMES: Readonly<Record<string, string>> = {
  caCertificateRefs: "caCertRefs",
  wellKnownCACertificates: "wellKnownCACerts",
};

function spellAsV1alpha2(path: FieldPath, hadTarget: boolean, hadTls: boolean): FieldPath {
  const [first, second, third, ...rest] = path;
  if (first !== "spec") return path;
  if (hadTarget && second === "targetRefs") return ["spec", "targetRef", ...rest];
  if (!hadTls || second !== "validation") return path;
  if (third === undefined) return ["spec", "tls"];
  return ["spec", "tls", typeof third === "string" ? (V1ALPHA2_NAMES[third] ?? third) : third, ...rest];
}

function validationOf(tls: unknown): unknown {
  if (tls === null || typeof tls !== "object" || Array.isArray(tls)) return tls;
  const { caCertRefs, wellKnownCACerts, ...rest } = tls as Record<string, unknown>;
  return {
    ...rest,
    ...(caCertRefs === undefined ? {} : { caCertificateRefs: caCertRefs }),
    // In v1alpha2 an empty string says that no well-known certificates are wanted.
    ...(wellKnownCACerts === undefined || wellKnownCACerts === "" ? {} : { wellKnownCACertificates: wellKnownCACerts }),
  };
}

/**
 * The targetRef without its namespace where that is the policy's `own`. A targetRef of v1alpha2 that names another
 * namespace keeps the field, and the schema of v1 refuses it.
 */
function withoutOwnNamespace(targetRef: unknown, own: string): unknown {
  if (targetRef === null || typeof targetRef !== "object" || Array.isArray(targetRef)) return targetRef;
  if (field(targetRef, "namespace") !== own) return targetRef;
  const { namespace: _, ...rest } = targetRef as Record<string, unknown>;
  return rest;
}
