/**
 * BackendTLSPolicy as v1.0 of the Gateway API had it: v1alpha2 with one `targetRef` and `tls`, v1alpha3 as v1 today. And
 * XListenerSet, which v1.5 made ListenerSet, with the same fields. Converted before validation; the author's spelling of
 * each field is kept for diagnostics.
 */
import type { RawObject } from "../kubernetes/raw-object.ts";
import type { FieldPath, Problem } from "../diagnostics/diagnostics.ts";
import { EXPERIMENTAL_GROUP, GATEWAY_GROUP } from "../kubernetes/names.ts";
import { field } from "../kubernetes/kinds.ts";

export interface Converted {
  readonly value: Record<string, unknown>;
  readonly spell: (path: FieldPath) => FieldPath;
  readonly problems: readonly Problem[];
}

const RENAMED: Readonly<Record<string, string>> = {
  caCertificateRefs: "caCertRefs",
  wellKnownCACertificates: "wellKnownCACerts",
};

/** Whether an object is an XListenerSet, which is read as a ListenerSet. */
export const isXListenerSet = ({ ref, group }: Pick<RawObject, "ref" | "group">): boolean =>
  ref.kind === "XListenerSet" && group === EXPERIMENTAL_GROUP;

/** Only apiVersion and kind differ. */
export function convertXListenerSet(raw: RawObject): Converted {
  const apiVersion = `${GATEWAY_GROUP}/v1`;
  const warning: Problem = {
    severity: "warning",
    code: "object-converted",
    path: ["kind"],
    message: "XListenerSet was read as ListenerSet, which replaces it; parentRefs that name it too",
    expected: `apiVersion ${apiVersion}, kind ListenerSet`,
    found: `${raw.ref.apiVersion} XListenerSet`,
    remedy: "change apiVersion and kind here, and group and kind in the parentRefs that name it",
  };
  const value = { ...raw.value, apiVersion, kind: "ListenerSet" };
  return { value, spell: (path) => path, problems: [warning] };
}

export function convertSeed(raw: RawObject): Converted {
  const warning: Problem = {
    severity: "warning",
    code: "policy-converted",
    path: ["apiVersion"],
    message: `BackendTLSPolicy ${raw.version} was read as v1`,
    expected: "gateway.networking.k8s.io/v1",
    found: raw.ref.apiVersion,
    remedy:
      raw.version === "v1alpha2"
        ? "write targetRefs and validation in place of targetRef and tls"
        : "change apiVersion",
  };
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
    // What either names is protected, as far as it can be read.
    converted["targetRefs"] = [
      withoutNamespace(targetRef, raw.ref.namespace ?? "default"),
      ...(Array.isArray(targetRefs) ? targetRefs : []),
    ];
  }
  if (tls !== undefined && rest["validation"] !== undefined) problems.push(spelledTwice("validation", "tls"));
  if (tls !== undefined) converted["validation"] = renameTls(tls);
  return {
    value: { ...raw.value, spec: converted },
    spell: (path) => spellSeed(path, targetRef !== undefined, tls !== undefined),
    problems,
  };
}

function spellSeed(path: FieldPath, hadTarget: boolean, hadTls: boolean): FieldPath {
  const [first, second, third, ...rest] = path;
  if (first !== "spec") return path;
  if (hadTarget && second === "targetRefs") return ["spec", "targetRef", ...rest];
  if (!hadTls || second !== "validation") return path;
  if (third === undefined) return ["spec", "tls"];
  return ["spec", "tls", typeof third === "string" ? (RENAMED[third] ?? third) : third, ...rest];
}

function renameTls(tls: unknown): unknown {
  if (tls === null || typeof tls !== "object" || Array.isArray(tls)) return tls;
  const { caCertRefs, wellKnownCACerts, ...rest } = tls as Record<string, unknown>;
  return {
    ...rest,
    ...(caCertRefs === undefined ? {} : { caCertificateRefs: caCertRefs }),
    // v1alpha2 spelled "none" as an empty string.
    ...(wellKnownCACerts === undefined || wellKnownCACerts === "" ? {} : { wellKnownCACertificates: wellKnownCACerts }),
  };
}

/** v1alpha2 could name another namespace than the policy's `own`: then the field stays, and the schema of v1 refuses it. */
function withoutNamespace(targetRef: unknown, own: string): unknown {
  if (targetRef === null || typeof targetRef !== "object" || Array.isArray(targetRef)) return targetRef;
  if (field(targetRef, "namespace") !== own) return targetRef;
  const { namespace: _, ...rest } = targetRef as Record<string, unknown>;
  return rest;
}

/** The field of v1 beside the one it replaces: which of them is meant? */
function spelledTwice(field: string, old: string): Problem {
  return {
    code: "policy-schema",
    path: ["spec", field],
    message: `v1alpha2 spells ${field} as ${old}, and has not both`,
    expected: `${old} alone`,
    remedy: `remove one of ${old} and ${field}`,
  };
}
