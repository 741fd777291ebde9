/**
 * Objects that no single change of bases.yaml makes: above all one that breaks and one that keeps each rule about two
 * fields. Specs are YAML in flow style, put together from parts: parts of routes are in written-routes.ts.
 */
import { AUTH, type KubeObject, object } from "./parts.ts";
import { writtenRoutes } from "./written-routes.ts";

/** All such objects. */
export function written(): KubeObject[] {
  return [...addresses(), ...listeners(), ...frontends(), ...policies(), ...others(), ...writtenRoutes()];
}

const HTTP = "{ name: http, port: 80, protocol: HTTP }";

const gateway = (name: string, fields: string): KubeObject =>
  object("Gateway", name, `{ gatewayClassName: class, ${fields} }`);

const ADDRESSES = {
  none: "{}",
  "no-value": "{ type: IPAddress }",
  "default-type": "{ value: 1.2.3.4 }",
  "default-type-v6": '{ value: "::1" }',
  "default-type-name": "{ value: example.com }",
  "empty-value": '{ value: "" }',
  "empty-ip": '{ type: IPAddress, value: "" }',
  "hostname-no-value": "{ type: Hostname }",
  "type-named": "{ type: NamedAddress, value: a }",
  "type-own": "{ type: example.com/Kind, value: a }",
  "type-own-short": "{ type: example.com/, value: a }",
  "type-odd": "{ type: Other, value: a }",
  "type-empty": '{ type: "", value: 1.2.3.4 }',
  twice: "{ value: 1.2.3.4 }, { value: 1.2.3.4 }",
  "twice-named": "{ type: NamedAddress, value: a }, { type: NamedAddress, value: a }",
  "hostname-twice": "{ type: Hostname, value: a }, { type: Hostname, value: a }",
  two: "{ value: 1.2.3.4 }, { value: 1.2.3.5 }",
  "two-spellings": '{ value: "::1" }, { value: "0::1" }',
  "two-without-value": "{ type: IPAddress }, { type: IPAddress }",
};

/** Addresses, about which Go's old parser decides (`ParseIPSloppy`). */
const IPS =
  "::1 2001:db8:0:0:0:0:0:1 2001:DB8::1 fe80::1%eth0 ::ffff:1.2.3.4 64:ff9b::1.2.3.4 ::ffff:01.2.3.4 [::1] 1::2::3 1:2:3:4:5:6:7:8:9 1:2:3:4:5:6:7::8 1:2:3:4:5:6:7:: 1:2:3:4:5:6:1.2.3.4 ::1.2.3 1:2:3:4:5:6:7:1.2.3.4 12345::1 00001::1 :1 1: :: : . 0.0.0.0 00.0.0.0 01.2.3.4 001.2.3.4 0001.002.3.4 0a.1.2.3 1.2.3 1.2.3.4.5 1.2.3.4. 1.2.3.256 1.2.3.4/32 0x1.2.3.4 16909060 example.com ١.2.3.4".split(
    " ",
  );
const HOSTNAMES = ["example.com", "*.example.com", "Example.com", "", "1.2.3.4", "::1", "example.com."];
const ROUTABILITIES = [
  ..."example.com/a example.com/a/b example.com// k8s.io/a a.k8s.io/a xk8s.io/a example.com/ /a Private cluster Example.com/a".split(
    " ",
  ),
  "example.com/a\nb",
  "a\nb/c",
  "example.com/\r",
  `${"a".repeat(250)}/a`,
];

function addresses(): KubeObject[] {
  const one = (name: string, list: string): KubeObject =>
    gateway(`address-${name}`, `addresses: [${list}], listeners: [${HTTP}]`);
  const texts = (name: string, values: readonly string[], rest: string): KubeObject[] =>
    values.map((value, index) => one(`${name}-${index}`, `{ ${rest}: ${JSON.stringify(value)} }`));
  return [
    ...Object.entries(ADDRESSES).map(([name, list]) => one(name, list)),
    ...texts("ip", [...IPS, " 1.2.3.4"], "type: IPAddress, value"),
    ...texts("hostname", HOSTNAMES, "type: Hostname, value"),
    ...texts("routability", ROUTABILITIES, "value: 1.2.3.4, routability"),
  ];
}

/** The rest of a listener, after `name: a, port: 80, protocol: …`. */
const OF_PROTOCOL = {
  plain: "",
  tls: ", tls: { certificateRefs: [{ name: a }] }",
  "tls-empty": ", tls: {}",
  "tls-null": ", tls: null",
  passthrough: ", tls: { mode: Passthrough }",
  "passthrough-refs": ", tls: { mode: Passthrough, certificateRefs: [{ name: a }] }",
  options: ", tls: { options: { a: b } }",
  hostname: ", hostname: a",
  "hostname-empty": ', hostname: ""',
  "hostname-null": ", hostname: null",
  filters: ", filters: { requests: [{ type: ExtensionRef, extensionRef: { group: g, kind: K, name: n } }] }",
  "filters-empty": ", filters: {}",
  "filters-none": ", filters: { requests: [] }",
};

const http = (name: string, port: number, rest = ""): string =>
  `{ name: ${name}, port: ${port}, protocol: HTTP${rest} }`;
const routes = (namespaces: string): string => http("a", 80, `, allowedRoutes: { namespaces: ${namespaces} }`);

const LISTENERS = {
  none: "",
  "same-name": `${http("a", 80)}, ${http("a", 81)}`,
  "same-name-hostname": `${http("a", 80, ", hostname: a")}, ${http("a", 80, ", hostname: b")}`,
  "same-port": `${http("a", 80)}, ${http("b", 80)}`,
  "same-port-hostnames": `${http("a", 80, ", hostname: a")}, ${http("b", 80, ", hostname: b")}`,
  "same-hostname": `${http("a", 80, ", hostname: a")}, ${http("b", 80, ", hostname: a")}`,
  "one-hostname": `${http("a", 80, ", hostname: a")}, ${http("b", 80)}`,
  "same-port-protocols": `${http("a", 80)}, { name: b, port: 80, protocol: TCP }`,
  thrice: `${http("a", 80)}, ${http("b", 81)}, ${http("c", 80)}`,
  "port-zero": http("a", 0),
  "port-null": `${http("a", 80)}, { name: b, protocol: HTTP, port: null }`,
  "no-port": "{ name: a, protocol: HTTP }",
  "two-without-port": "{ name: a, protocol: HTTP }, { name: b, protocol: HTTP }",
  "from-selector-none": routes("{ from: Selector }"),
  "from-null": routes("{ from: null }"),
  "selector-without-values": routes("{ from: Selector, selector: { matchExpressions: [{ key: a, operator: In }] } }"),
  "selector-odd": routes(
    "{ from: Selector, selector: { matchExpressions: [{ key: a b, operator: Near, values: [c d] }] } }",
  ),
};

function listeners(): KubeObject[] {
  const protocols = ["HTTP", "HTTPS", "TLS", "TCP", "UDP", "example.com/Own"];
  const ofProtocols = protocols.flatMap((protocol, index) =>
    Object.entries(OF_PROTOCOL).map(
      ([name, rest]) => [`${index}-${name}`, `{ name: a, port: 80, protocol: ${protocol}${rest} }`] as const,
    ),
  );
  const ofAuth = Object.entries(AUTH).map(
    ([name, auth]) => [`auth-${name}`, http("a", 80, `, filters: { requests: [${filterOf(auth)}] }`)] as const,
  );
  return [...Object.entries(LISTENERS), ...ofProtocols, ...ofAuth].flatMap(([name, list]) => [
    gateway(`listeners-${name}`, `listeners: [${list}]`),
    object("ListenerSet", `listeners-${name}`, `{ parentRef: { name: plain }, listeners: [${list}] }`),
  ]);
}

const filterOf = (auth: string): string => `{ type: ExternalAuth, externalAuth: ${auth} }`;

function frontends(): KubeObject[] {
  const tls = (name: string, value: string): KubeObject =>
    gateway(`frontend-${name}`, `listeners: [${HTTP}], tls: ${value}`);
  const anchors = {
    bundle: "{ group: certificates.k8s.io, kind: ClusterTrustBundle, name: a }",
    "bundle-namespace": "{ group: certificates.k8s.io, kind: ClusterTrustBundle, name: a, namespace: b }",
    "other-namespace": "{ group: certificates.k8s.io, kind: Other, name: a, namespace: b }",
  };
  return [
    tls("none", "{}"),
    tls("empty", "{ frontend: {} }"),
    tls("twice", "{ frontend: { default: {}, perPort: [{ port: 1, tls: {} }, { port: 1, tls: {} }] } }"),
    tls("two", "{ frontend: { default: {}, perPort: [{ port: 1, tls: {} }, { port: 2, tls: {} }] } }"),
    ...Object.entries(anchors).flatMap(([name, ref]) => {
      const validation = `{ validation: { caCertificateRefs: [${ref}] } }`;
      return [
        tls(name, `{ frontend: { default: ${validation} } }`),
        tls(`port-${name}`, `{ frontend: { default: {}, perPort: [{ port: 1, tls: ${validation} }] } }`),
      ];
    }),
  ];
}

const target = (name: string, rest = "", kind = "Service"): string =>
  `{ group: "", kind: ${kind}, name: ${name}${rest} }`;
const [X, Y] = [", sectionName: x", ", sectionName: y"];
const TARGETS = {
  none: "",
  two: `${target("a")}, ${target("b")}`,
  twice: `${target("a")}, ${target("a")}`,
  sections: `${target("a", X)}, ${target("a", Y)}`,
  "section-twice": `${target("a", X)}, ${target("a", X)}`,
  "section-once": `${target("a", X)}, ${target("a")}`,
  "section-second": `${target("a")}, ${target("a", X)}`,
  kinds: `${target("a")}, ${target("a", "", "Other")}`,
  three: `${target("a", X)}, ${target("a", Y)}, ${target("a")}`,
  apart: `${target("a", X)}, ${target("b")}, ${target("a", X)}`,
};

const CA = '{ group: "", kind: ConfigMap, name: ca }';
const ANCHORS = {
  neither: "",
  both: `, caCertificateRefs: [${CA}], wellKnownCACertificates: System`,
  "empty-refs": ", caCertificateRefs: []",
  "empty-refs-well-known": ", caCertificateRefs: [], wellKnownCACertificates: System",
  "empty-well-known": ', wellKnownCACertificates: ""',
  "refs-empty-well-known": `, caCertificateRefs: [${CA}], wellKnownCACertificates: ""`,
  "refs-null-well-known": `, caCertificateRefs: [${CA}], wellKnownCACertificates: null`,
  "own-well-known": ", wellKnownCACertificates: example.com/Set",
};

const NAMES = {
  hostname: "type: Hostname, hostname: a.b",
  "hostname-without": "type: Hostname",
  "hostname-uri": "type: Hostname, uri: a:b",
  "hostname-both": "type: Hostname, hostname: a.b, uri: a:b",
  uri: "type: URI, uri: spiffe://a/b",
  "uri-without": "type: URI",
  "uri-hostname": "type: URI, hostname: a.b",
  "uri-both": "type: URI, hostname: a.b, uri: a:b",
  "uri-null": "type: URI, uri: null",
  "uri-relative": "type: URI, uri: /a",
  "uri-urn": "type: URI, uri: urn:a:b",
  "uri-authority": "type: URI, uri: 'a://'",
};

function policies(): KubeObject[] {
  const policy = (name: string, fields: { targets?: string; hostname?: string; anchors?: string }): KubeObject => {
    const { targets = target("a"), hostname = "a.b", anchors = ", wellKnownCACertificates: System" } = fields;
    return object(
      "BackendTLSPolicy",
      name,
      `{ targetRefs: [${targets}], validation: { hostname: ${JSON.stringify(hostname)}${anchors} } }`,
    );
  };
  const hostnames = ["1.2.3.4", "*.a", "A.b", "a.b.", "a_b", "xn--bcher-kva.example", "a".repeat(64), "::1"];
  return [
    ...Object.entries(TARGETS).map(([name, targets]) => policy(`targets-${name}`, { targets })),
    ...Object.entries(ANCHORS).map(([name, anchors]) => policy(`ca-${name}`, { anchors })),
    ...Object.entries(NAMES).map(([name, san]) =>
      policy(`san-${name}`, { anchors: `, wellKnownCACertificates: System, subjectAltNames: [{ ${san} }]` }),
    ),
    ...hostnames.map((hostname, index) => policy(`hostname-${index}`, { hostname })),
  ];
}

function others(): KubeObject[] {
  const from = "from: [{ group: a, kind: B, namespace: c }]";
  return [
    object("ReferenceGrant", "no-name", `{ ${from}, to: [{ group: "", kind: Service }] }`),
    object("ReferenceGrant", "empty-name", `{ ${from}, to: [{ group: "", kind: Service, name: "" }] }`),
    object("GatewayClass", "odd-controller", "{ controllerName: lasthop.dev }"),
    object("GatewayClass", "no-namespace", '{ controllerName: a.b/c, parametersRef: { group: "", kind: K, name: n } }'),
  ];
}
