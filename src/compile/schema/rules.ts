/**
 * The cross-field rules of the CRDs (CEL, `x-kubernetes-validations`) for the fields that lasthop accepts, as typed checks.
 * gateway-rules.ts has those of Gateways and ListenerSets, route-rules.ts those of HTTPRoutes, filter-rules.ts those of filters.
 */
import { type Problem, show } from "../diagnostics/diagnostics.ts";
import type { BackendTLSPolicy, Gateway, HTTPRoute, ListenerSet } from "../kubernetes/objects.ts";
import type { Service } from "../kubernetes/core-objects.ts";
import { gatewayRules, listenerRules } from "./gateway-rules.ts";
import { routeRules } from "./route-rules.ts";
import { distinctRefs, rule } from "./rule.ts";
import type { Kind } from "../kubernetes/kinds.ts";

/** The rules that an object breaks; its structure must be sound. */
export function validateRules(kind: Kind, value: unknown): Problem[] {
  if (kind === "Gateway") return gatewayRules(value as Gateway);
  if (kind === "ListenerSet") return listenerRules(value as ListenerSet);
  if (kind === "HTTPRoute") return routeRules(value as HTTPRoute);
  if (kind === "Service") return serviceRules(value as Service);
  return kind === "BackendTLSPolicy" ? policyRules(value as BackendTLSPolicy) : [];
}

/**
 * The rules of Services: names and numbers of ports are unique (`ValidateService`), so that a sectionName or backendRef
 * means one port.
 */
function serviceRules({ spec: { ports } }: Service): Problem[] {
  const problems: Problem[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, { name, port, protocol }] of ports.entries()) {
    const at = ["spec", "ports", index];
    if (name === "" && ports.length > 1)
      problems.push(rule([...at, "name"], "each of several ports must have a name", "name the port"));
    else if (names.has(name))
      problems.push(rule([...at, "name"], "two ports must not have one name", "rename one of the ports", show(name)));
    names.add(name);
    const number = `${protocol} ${port}`;
    if (numbers.has(number))
      problems.push(rule([...at, "port"], `two ports must not both be ${number}`, "remove one of them", String(port)));
    numbers.add(number);
  }
  return problems;
}

function policyRules({ spec }: BackendTLSPolicy): Problem[] {
  const { validation } = spec;
  const problems = distinctRefs(
    ["spec", "targetRefs"],
    spec.targetRefs.map((ref) => ({
      ...ref,
      section: ref.sectionName ?? "",
      shape: String(ref.sectionName === undefined),
    })),
  );
  const refs = validation.caCertificateRefs?.length ?? 0;
  if (refs > 0 && validation.wellKnownCACertificates !== undefined) {
    problems.push(
      rule(
        ["spec", "validation"],
        "must not contain both caCertificateRefs and wellKnownCACertificates",
        "keep one of them",
      ),
    );
  }
  if (refs === 0 && validation.wellKnownCACertificates === undefined) {
    problems.push(
      rule(
        ["spec", "validation"],
        "must specify either caCertificateRefs or wellKnownCACertificates",
        "name a ConfigMap with ca.crt in caCertificateRefs, or set wellKnownCACertificates: System",
      ),
    );
  }
  for (const [index, { type, hostname, uri }] of (validation.subjectAltNames ?? []).entries()) {
    const at = ["spec", "validation", "subjectAltNames", index];
    const [wanted, other] = type === "Hostname" ? ([hostname, uri] as const) : ([uri, hostname] as const);
    const [wantedName, otherName] = type === "Hostname" ? ["hostname", "uri"] : ["uri", "hostname"];
    if (wanted === undefined)
      problems.push(
        rule([...at, wantedName], `an element of type ${type} must contain ${wantedName}`, `add ${wantedName}`),
      );
    if (other !== undefined)
      problems.push(
        rule([...at, otherName], `an element of type ${type} must not contain ${otherName}`, `remove ${otherName}`),
      );
  }
  return problems.map((problem) => ({ ...problem, code: "policy-schema" }));
}
