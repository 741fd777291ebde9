/** The objects that a cluster would add to routes.yaml, and an HTTPRoute whose backends all have a fault. */
import { toYaml } from "../yaml.ts";
import type { BackendName, DemoBackends } from "./backends.ts";

const NAMESPACE = "shop";

/** The objects as YAML, with the ports of `backends`. */
export function clusterYaml({ shopCa, otherCa, ports }: DemoBackends): string {
  const objects = [
    configMap("shop-ca", shopCa.certPem),
    configMap("other-ca", otherCa.certPem),
    endpointSlice("storefront", "https", ports.shared),
    endpointSlice("catalog", "https", ports.shared),
    endpointSlice("ledger", "https", ports.ledger),
    endpointSlice("partner", "https", ports.partner),
    route(["wrong-ca", "wrong-name", "expired", "no-ca"]),
    ...fault("wrong-ca", ports, "wrongCa"),
    ...fault("wrong-name", ports, "wrongName"),
    ...fault("expired", ports, "expired"),
    // This policy names a ConfigMap that does not exist: it is refused, and its Service answers 500.
    ...fault("no-ca", ports, "shared", "no-such-configmap"),
  ];
  const head = "# Written by `npm start`: certificates are minted anew each time, ports are free ones on 127.0.0.1.\n";
  return head + toYaml(objects);
}

/** A Service, a BackendTLSPolicy for it with the hostname `NAME.shop.internal`, and its endpoint. */
function fault(name: string, ports: DemoBackends["ports"], backend: BackendName, configMapName = "shop-ca"): object[] {
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: NAMESPACE },
      spec: { ports: [{ name: "https", port: 443 }] },
    },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "BackendTLSPolicy",
      metadata: { name, namespace: NAMESPACE },
      spec: {
        targetRefs: [{ group: "", kind: "Service", name }],
        validation: {
          hostname: `${name}.shop.internal`,
          caCertificateRefs: [{ group: "", kind: "ConfigMap", name: configMapName }],
        },
      },
    },
    endpointSlice(name, "https", ports[backend]),
  ];
}

function route(names: readonly string[]): object {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "faults", namespace: NAMESPACE },
    spec: {
      parentRefs: [{ name: "edge" }],
      hostnames: ["faults.example.com"],
      rules: names.map((name) => ({
        matches: [{ path: { type: "PathPrefix", value: `/${name}` } }],
        backendRefs: [{ name, port: 443 }],
      })),
    },
  };
}

function configMap(name: string, certificate: string): object {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: NAMESPACE },
    data: { "ca.crt": certificate },
  };
}

function endpointSlice(service: string, portName: string, port: number): object {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${service}-demo`,
      namespace: NAMESPACE,
      labels: { "kubernetes.io/service-name": service },
    },
    addressType: "IPv4",
    endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
    ports: [{ name: portName, port, protocol: "TCP" }],
  };
}
