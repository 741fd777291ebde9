/**
 * Manifests of a large cluster: `node bench/generate.ts [ROUTES] [POLICIES] [SERVICES] [ENDPOINTS] > big.yaml`. It has one
 * Gateway and one CA; routes with hostnames, wildcards, prefixes and headers; a policy for each of the first Services.
 */
import { readFileSync } from "node:fs";

/** The size of a cluster, as numbers of objects; `endpoints` are spread over the Services. */
export interface Scale {
  readonly routes: number;
  readonly policies: number;
  readonly services: number;
  readonly endpoints: number;
}

/** A variant of the cluster for another controller. */
interface Variant {
  readonly controllerName: string;
  /** The clusterIP of every Service, for a controller that ignores EndpointSlices. */
  readonly clusterIp: string | null;
}

const LASTHOP: Variant = { controllerName: "lasthop.dev/gateway-controller", clusterIp: null };
const NAMESPACES = 100;
/** The appProtocol of Services without a policy, which saves thousands of warnings about plaintext. */
const PLAINTEXT = "      appProtocol: http\n";

/** The manifests as YAML. `caPem` is the CA that all policies trust. */
export function generate(
  { routes, policies, services, endpoints }: Scale,
  caPem: string,
  { controllerName, clusterIp }: Variant = LASTHOP,
): string {
  const documents: string[] = [
    `apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata:\n  name: lasthop\nspec:\n  controllerName: ${controllerName}\n`,
    `apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n  name: edge\n  namespace: infra\n  generation: 1\nspec:\n  gatewayClassName: lasthop\n  listeners:\n    - name: http\n      protocol: HTTP\n      port: 80\n      allowedRoutes:\n        namespaces:\n          from: All\n`,
  ];
  const perService = Math.max(1, Math.round(endpoints / services));
  for (let index = 0; index < NAMESPACES; index++) {
    documents.push(
      `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ca\n  namespace: ns-${index}\ndata:\n  ca.crt: |\n${indent(caPem, 4)}`,
    );
  }
  for (let index = 0; index < services; index++) {
    documents.push(
      `apiVersion: v1\nkind: Service\nmetadata:\n  name: svc-${index}\n  namespace: ns-${index % NAMESPACES}\nspec:\n${clusterIp === null ? "" : `  clusterIP: ${clusterIp}\n`}  ports:\n    - name: https\n      port: 8443\n${index < policies ? "" : PLAINTEXT}`,
      `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: svc-${index}-a\n  namespace: ns-${index % NAMESPACES}\n  labels:\n    kubernetes.io/service-name: svc-${index}\naddressType: IPv4\nendpoints:\n${addresses(index, perService)}ports:\n  - name: https\n    port: 8443\n    protocol: TCP\n`,
    );
  }
  for (let index = 0; index < policies; index++) {
    documents.push(
      `apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata:\n  name: tls-${index}\n  namespace: ns-${index % NAMESPACES}\n  generation: 1\n  creationTimestamp: "2026-01-01T00:00:00Z"\nspec:\n  targetRefs:\n    - group: ""\n      kind: Service\n      name: svc-${index}\n  validation:\n    hostname: svc-${index}.ns-${index % NAMESPACES}.internal\n    caCertificateRefs:\n      - group: ""\n        kind: ConfigMap\n        name: ca\n`,
    );
  }
  for (let index = 0; index < routes; index++) documents.push(route(index, services));
  return documents.join("---\n");
}

function route(index: number, services: number): string {
  const service = index % services;
  const hostname = index % 10 === 0 ? `"*.w${index}.example.com"` : `h${index}.example.com`;
  const header =
    index % 5 === 0 ? `          headers:\n            - name: x-tenant\n              value: t${index}\n` : "";
  return `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata:\n  name: route-${index}\n  namespace: ns-${service % NAMESPACES}\n  generation: 1\n  creationTimestamp: "2026-01-01T00:00:00Z"\nspec:\n  parentRefs:\n    - name: edge\n      namespace: infra\n  hostnames:\n    - ${hostname}\n  rules:\n    - matches:\n        - path:\n            type: PathPrefix\n            value: /team${index % 100}/app${index}\n${header}      backendRefs:\n        - name: svc-${service}\n          port: 8443\n`;
}

function addresses(service: number, count: number): string {
  let text = "";
  for (let index = 0; index < count; index++) {
    const number = service * count + index;
    text += `  - addresses: ["10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}"]\n    conditions:\n      ready: true\n`;
  }
  return text;
}

function indent(text: string, columns: number): string {
  return `${text
    .trimEnd()
    .split("\n")
    .map((line) => " ".repeat(columns) + line)
    .join("\n")}\n`;
}

if (process.argv[1] === import.meta.filename) {
  const [routes = 10_000, policies = 1_000, services = 1_000, endpoints = 1_000] = process.argv.slice(2).map(Number);
  const ca = readFileSync(new URL("../test/compile/fixtures/ca-a.pem", import.meta.url), "utf8");
  process.stdout.write(generate({ routes, policies, services, endpoints }, ca));
}
