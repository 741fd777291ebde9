/**
 * The CRDs' cross-field rules (CEL, `x-kubernetes-validations`) for the fields lasthop accepts, as typed checks. Each
 * cites the rule's message. What lasthop refuses anyway (filters, retries) is left to that refusal.
 */
import { type Problem, show } from "../diagnostics.ts";
import type { BackendTLSPolicy, Gateway, HTTPRoute, Service } from "../objects.ts";
import type { Kind } from "./validate.ts";

export function validateRules(kind: Kind, value: unknown): Problem[] {
  if (kind === "Gateway") return gatewayRules(value as Gateway);
  if (kind === "HTTPRoute") return routeRules(value as HTTPRoute);
  if (kind === "Service") return serviceRules(value as Service);
  return kind === "BackendTLSPolicy" ? policyRules(value as BackendTLSPolicy) : [];
}

function gatewayRules({ spec }: Gateway): Problem[] {
  const problems: Problem[] = [];
  for (const [index, { protocol, tls, hostname }] of spec.listeners.entries()) {
    const at = ["spec", "listeners", index];
    if (tls !== undefined && ["HTTP", "TCP", "UDP"].includes(protocol)) {
      // "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"
      problems.push(
        rule([...at, "tls"], `tls must not be specified for protocol ${protocol}`, "remove tls, or use protocol HTTPS"),
      );
    }
    if (hostname !== undefined && ["TCP", "UDP"].includes(protocol)) {
      // "hostname must not be specified for protocols ['TCP', 'UDP']"
      problems.push(
        rule([...at, "hostname"], `hostname must not be specified for protocol ${protocol}`, "remove hostname"),
      );
    }
  }
  return problems;
}

/** `ValidateService`: else a policy's sectionName, or a backendRef's port, would mean two ports. */
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

const MAX_MATCHES = 128;

function routeRules({ spec }: HTTPRoute): Problem[] {
  const problems: Problem[] = [];
  const names = new Map<string, number>();
  let matches = 0;
  for (const [index, route] of spec.rules.entries()) {
    const at = ["spec", "rules", index];
    if (route.name !== undefined) {
      // "Rule name must be unique within the route"
      if (names.has(route.name))
        problems.push(
          rule(
            [...at, "name"],
            "rule name must be unique within the route",
            "rename one of the rules",
            show(route.name),
          ),
        );
      names.set(route.name, index);
    }
    matches += route.matches.length;
    for (const [number, { path }] of route.matches.entries()) {
      if (path.type === "RegularExpression") continue;
      const fault = pathFault(path.value);
      if (fault !== null)
        problems.push(
          rule(
            [...at, "matches", number, "path", "value"],
            fault,
            "write an absolute path of plain segments",
            show(path.value),
          ),
        );
    }
    for (const [number, { group, kind, port }] of (route.backendRefs ?? []).entries()) {
      // "Must have port for Service reference"
      if (group === "" && kind === "Service" && port === undefined) {
        problems.push(
          rule(
            [...at, "backendRefs", number, "port"],
            "a Service reference must have a port",
            "add the Service's port",
          ),
        );
      }
    }
  }
  if (matches > MAX_MATCHES) {
    // "the total number of matches across all rules in a route must be less than 128"
    problems.push(
      rule(["spec", "rules"], `a route has at most ${MAX_MATCHES} matches`, "split the route", String(matches)),
    );
  }
  problems.push(
    ...distinctRefs(
      ["spec", "parentRefs"],
      (spec.parentRefs ?? []).map((ref) => ({
        ...ref,
        section: `${ref.sectionName ?? ""}:${ref.port ?? ""}`,
        shape: `${ref.sectionName === undefined} ${ref.port === undefined}`,
      })),
    ),
  );
  return problems;
}

/** HTTPPathMatch: the rules for types Exact and PathPrefix. */
function pathFault(value: string): string | null {
  if (!value.startsWith("/")) return "value must be an absolute path and start with '/'";
  for (const part of ["//", "/./", "/../", "%2f", "%2F", "#"])
    if (value.includes(part)) return `must not contain '${part}'`;
  for (const end of ["/..", "/."]) if (value.endsWith(end)) return `must not end with '${end}'`;
  if (!/^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$/.test(value))
    return "must only contain valid path characters";
  return null;
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

interface Distinct {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
  /** What tells references to one object apart. */
  section: string;
  /** Which of those fields are set. */
  shape: string;
}

/** "sectionName must be specified / unique when … includes 2 or more references to the same …" */
function distinctRefs(at: (string | number)[], refs: readonly Distinct[]): Problem[] {
  const seen = new Map<string, Distinct[]>();
  const problems: Problem[] = [];
  for (const [index, ref] of refs.entries()) {
    const key = [ref.group, ref.kind, ref.namespace ?? "", ref.name].join("\0");
    const others = seen.get(key) ?? [];
    seen.set(key, [...others, ref]);
    if (others.some(({ section }) => section === ref.section)) {
      problems.push(
        rule(
          [...at, index],
          "names the same object and section twice",
          "remove one, or give each its own sectionName",
          show(ref.name),
        ),
      );
    } else if (others.some(({ shape }) => shape !== ref.shape)) {
      problems.push(
        rule(
          [...at, index],
          "every reference to one object must set sectionName, or none",
          "set sectionName on each",
          show(ref.name),
        ),
      );
    }
  }
  return problems;
}

function rule(path: (string | number)[], message: string, remedy: string, found?: string): Problem {
  return { code: "object-schema", path, message, remedy, expected: message, ...(found === undefined ? {} : { found }) };
}
