/** Problems that load/ finds in objects of any kind, one constructor for each. */
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import { type FieldPath, type Problem, show, type SourceObject } from "../diagnostics/diagnostics.ts";
import { field, type Kind, KINDS } from "../kubernetes/kinds.ts";
import { GATEWAY_GROUP } from "../kubernetes/names.ts";

/** An object that appears more than once. `first` is another copy of it, for its place; null: none is to be named. */
export function repeatedObject(kind: Kind, first: SourceObject | null, areEqual: boolean): Problem {
  const at = first?.locate([]) ?? null;
  return {
    ...(areEqual ? { severity: "warning" as const } : {}),
    code: kind === "BackendTLSPolicy" && !areEqual ? "policy-schema" : "object-duplicate",
    path: ["metadata", "name"],
    message: `this object appears more than once${areEqual ? "" : ", and the copies differ, so all are refused"}`,
    expected: "each object once",
    ...(at === null ? {} : { found: `the first at ${at.file}:${at.line}` }),
    remedy: "remove all copies but one",
  };
}

/** An apiVersion of a known kind that lasthop does not read. */
export function unknownVersion(kind: Kind, apiVersion: string): Problem {
  const { group, versions } = KINDS[kind];
  const known = versions.map((version) => (group === "" ? version : `${group}/${version}`));
  return {
    code: kind === "BackendTLSPolicy" ? "policy-schema" : "object-version",
    path: ["apiVersion"],
    message: `this is no apiVersion of ${kind} that lasthop reads`,
    expected: known.join(" or "),
    found: apiVersion,
    remedy: `use ${known[0]}`,
  };
}

/** A kind that the Gateway API does not have. */
export function unknownKind(kind: string): Problem {
  const similar = Object.keys(KINDS).find((known) => known.toLowerCase() === kind.toLowerCase());
  return {
    code: "object-kind",
    path: ["kind"],
    message: "the Gateway API has no such kind",
    expected: similar ?? Object.keys(KINDS).slice(0, 6).join(", "),
    found: show(kind),
    remedy: "correct the kind",
  };
}

/** The note that an object has more problems than the `listed` ones. */
export const moreProblems = (code: DiagnosticCode, listed: number): Problem => ({
  code,
  path: [],
  message: `the object has more faults than the ${listed} that are listed`,
  remedy: "correct those, and build again",
});

/** A warning about an XListenerSet. */
export function convertedListenerSet(apiVersion: string): Problem {
  return {
    severity: "warning",
    code: "object-converted",
    path: ["kind"],
    message: "XListenerSet was read as ListenerSet, which replaces it; parentRefs that name it too",
    expected: `apiVersion ${GATEWAY_GROUP}/v1, kind ListenerSet`,
    found: `${apiVersion} XListenerSet`,
    remedy: "change apiVersion and kind here, and group and kind in the parentRefs that name it",
  };
}

/** A warning about a BackendTLSPolicy of an older version. */
export function convertedPolicy(version: string, apiVersion: string): Problem {
  return {
    severity: "warning",
    code: "policy-converted",
    path: ["apiVersion"],
    message: `BackendTLSPolicy ${version} was read as v1`,
    expected: "gateway.networking.k8s.io/v1",
    found: apiVersion,
    remedy:
      version === "v1alpha2" ? "write targetRefs and validation in place of targetRef and tls" : "change apiVersion",
  };
}

/** A v1alpha2 policy that has the field of v1 beside the older one: it is not known which of the two is meant. */
export const spelledTwice = (name: string, older: string): Problem => ({
  code: "policy-schema",
  path: ["spec", name],
  message: `v1alpha2 spells ${name} as ${older}, and has not both`,
  expected: `${older} alone`,
  remedy: `remove one of ${older} and ${name}`,
});

/** A policy whose Services cannot be known, because of the field at `path`. */
export function targetsUnreadable({ value }: SourceObject, path: FieldPath): Problem {
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
