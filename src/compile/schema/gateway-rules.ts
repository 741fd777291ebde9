/** The cross-field rules of Gateways and ListenerSets, which are CEL in their CRDs; each cites the rule's message. */
import { type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";
import type { FrontendTLS, Gateway, Listener, ListenerSet } from "../kubernetes/objects.ts";
import { isSloppyIp } from "./ip.ts";
import { authRules } from "./filter-rules.ts";
import { rule } from "./rule.ts";

/** The rules that a Gateway breaks. */
export function gatewayRules(gateway: Gateway): Problem[] {
  const { addresses = [], infrastructure, tls } = gateway.spec;
  const frontend = tls?.frontend;
  return [
    ...listenerRules(gateway),
    ...filterProtocolRules(gateway),
    ...addressRules(addresses),
    ...keyRules(infrastructure?.labels, ["spec", "infrastructure", "labels"], "label"),
    ...keyRules(infrastructure?.annotations, ["spec", "infrastructure", "annotations"], "annotation"),
    ...(frontend === undefined ? [] : anchorRules(frontend.default, ["spec", "tls", "frontend", "default"])),
    ...(frontend?.perPort ?? []).flatMap((own, index) =>
      anchorRules(own.tls, ["spec", "tls", "frontend", "perPort", index, "tls"]),
    ),
  ];
}

/** The rules that the listeners of a Gateway or ListenerSet break. */
export function listenerRules({ spec }: Pick<Gateway | ListenerSet, "spec">): Problem[] {
  const seen = new Set<string>();
  return spec.listeners.flatMap((listener, index) => {
    const at = ["spec", "listeners", index];
    const { port, protocol, hostname = "" } = listener;
    const key = `${port} ${protocol} ${hostname}`;
    const repeated = seen.has(key);
    seen.add(key);
    // "Combination of port, protocol and hostname must be unique for each listener"
    const twin = rule(
      at,
      "port, protocol and hostname must be unique for each listener",
      "change one of them",
      show(key),
    );
    return [...(repeated ? [twin] : []), ...listenerFieldRules(listener, at)];
  });
}

function listenerFieldRules({ protocol, tls, hostname, filters }: Listener, at: FieldPath): Problem[] {
  const problems: Problem[] = [];
  const isPlain = ["HTTP", "TCP", "UDP"].includes(protocol);
  // "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"
  if (tls !== undefined && isPlain)
    problems.push(
      rule([...at, "tls"], `tls must not be specified for protocol ${protocol}`, "remove tls, or use protocol HTTPS"),
    );
  // "tls mode must be Terminate for protocol HTTPS"
  if (protocol === "HTTPS" && tls !== undefined && tls.mode !== "Terminate")
    problems.push(
      rule([...at, "tls", "mode"], "tls mode must be Terminate for protocol HTTPS", "remove mode", show(tls.mode)),
    );
  // "tls mode must be set for protocol TLS"
  if (protocol === "TLS" && tls === undefined)
    problems.push(rule(at, "tls mode must be set for protocol TLS", "add tls with a mode"));
  // "certificateRefs or options must be specified when mode is Terminate"
  const given = (tls?.certificateRefs?.length ?? 0) + Object.keys(tls?.options ?? {}).length;
  if (tls?.mode === "Terminate" && given === 0)
    problems.push(
      rule(
        [...at, "tls"],
        "certificateRefs or options must be specified when mode is Terminate",
        "add certificateRefs with a Secret of type kubernetes.io/tls",
      ),
    );
  // "hostname must not be specified for protocols ['TCP', 'UDP']"
  if (hostname !== undefined && hostname !== "" && ["TCP", "UDP"].includes(protocol))
    problems.push(
      rule([...at, "hostname"], `hostname must not be specified for protocol ${protocol}`, "remove hostname"),
    );
  for (const [index, filter] of (filters?.requests ?? []).entries()) {
    // "filter.externalAuth must be specified for ExternalAuth filter.type", and so on for each field and type.
    const fields = { ExternalAuth: "externalAuth", ExtensionRef: "extensionRef" } as const;
    const own = fields[filter.type];
    const path = [...at, "filters", "requests", index];
    if (!Object.hasOwn(filter, own))
      problems.push(rule([...path, own], `${own} must be specified for filter type ${filter.type}`, `add ${own}`));
    else if (filter.type === "ExternalAuth") problems.push(...authRules(filter.externalAuth, [...path, own]));
    for (const other of Object.values(fields))
      if (other !== own && Object.hasOwn(filter, other))
        problems.push(
          rule([...path, other], `${other} must not be specified for filter type ${filter.type}`, `remove ${other}`),
        );
  }
  return problems;
}

/** The rule "filters may only be set when protocol is HTTP or HTTPS", which the CRD of ListenerSet does not have. */
function filterProtocolRules({ spec }: Gateway): Problem[] {
  return spec.listeners.flatMap(({ filters, protocol }, index) =>
    filters === undefined || protocol === "HTTP" || protocol === "HTTPS"
      ? []
      : rule(
          ["spec", "listeners", index, "filters"],
          "filters may only be set when protocol is HTTP or HTTPS",
          "remove filters",
        ),
  );
}

const HOSTNAME = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function addressRules(addresses: NonNullable<Gateway["spec"]["addresses"]>): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const [index, { type, value, routability = "" }] of addresses.entries()) {
    const at = ["spec", "addresses", index];
    // The schema has the formats ipv4 and ipv6 in a `oneOf`, which generate-schema.ts leaves out.
    if (type === "IPAddress" && value !== undefined && !isSloppyIp(value))
      problems.push({
        ...rule([...at, "value"], "is no IP address", "correct the value, or the type", show(value)),
        expected: "an IP address",
      });
    if (type === "Hostname" && value !== undefined && !HOSTNAME.test(value))
      problems.push(
        rule(
          [...at, "value"],
          "hostname value must be empty or contain only valid characters",
          "correct the value",
          show(value),
        ),
      );
    // "IPAddress values must be unique", "Hostname values must be unique"
    if (value !== undefined && (type === "IPAddress" || type === "Hostname")) {
      const key = `${type} ${value}`;
      if (seen.has(key))
        problems.push(rule([...at, "value"], `${type} values must be unique`, "remove one of them", show(value)));
      seen.add(key);
    }
    if (!isRoutability(routability))
      problems.push(
        rule(
          [...at, "routability"],
          "routability must be empty, Cluster, or an implementation-specific prefixed path; k8s.io and its subdomains are reserved",
          "use Cluster, or remove routability",
          show(routability),
        ),
      );
  }
  return problems;
}

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function isRoutability(value: string): boolean {
  if (value === "" || value === "Cluster") return true;
  const [prefix = ""] = value.split("/");
  return (
    /^[^\n]*\/[^\n]+$/.test(value) && prefix.length <= 253 && SUBDOMAIN.test(prefix) && !/(^|\.)k8s\.io$/.test(prefix)
  );
}

const QUALIFIED_NAME =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;
const MAX_PREFIX = 252;

/**
 * The rule "Label keys must be in the form of an optional DNS subdomain prefix followed by a required name segment".
 */
function keyRules(map: Readonly<Record<string, string>> = {}, at: FieldPath, what: string): Problem[] {
  return Object.keys(map)
    .filter((key) => !QUALIFIED_NAME.test(key) || (key.split("/")[0] ?? "").length > MAX_PREFIX)
    .map((key) =>
      rule(
        [...at, key],
        `${what} keys must be an optional DNS subdomain and a slash, then a name of at most 63 characters`,
        "correct the key",
        show(key),
      ),
    );
}

/** The rule "ClusterTrustBundle references must not specify namespace". */
function anchorRules({ validation }: FrontendTLS, at: FieldPath): Problem[] {
  return (validation?.caCertificateRefs ?? []).flatMap(({ group, kind, namespace }, index) =>
    group === "certificates.k8s.io" && kind === "ClusterTrustBundle" && namespace !== undefined
      ? rule(
          [...at, "validation", "caCertificateRefs", index, "namespace"],
          "ClusterTrustBundle references must not specify namespace",
          "remove namespace",
          show(namespace),
        )
      : [],
  );
}
