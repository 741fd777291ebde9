/** The objects that the cluster of every test has, as JSON. */

/** lasthop's GatewayClass, and the Gateway `edge` of `namespace` with one HTTP listener on port 80. */
export const edgeObjects = (namespace: string): readonly object[] => [
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GatewayClass",
    metadata: { name: "lasthop" },
    spec: { controllerName: "lasthop.dev/gateway-controller" },
  },
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name: "edge", namespace },
    spec: { gatewayClassName: "lasthop", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
  },
];

/** The same objects as YAML documents, which others may follow after `---`. */
export const edgeDocuments = (namespace: string): string =>
  `${edgeObjects(namespace)
    .map((object) => JSON.stringify(object))
    .join("\n---\n")}\n`;
