/** Parts of the objects of the table. */
import { load } from "js-yaml";
import type { Json } from "../../../src/compile/schema/structural.ts";

/** A JSON object. */
export type Object_ = { [key: string]: Json };

/** An object of Kubernetes. */
export interface KubeObject extends Object_ {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
}

/** A CustomResourceDefinition. */
export interface Definition extends KubeObject {
  spec: {
    group: string;
    scope: "Namespaced" | "Cluster";
    names: { kind: string; plural: string };
    versions: { name: string; served: boolean; storage: boolean; schema: { openAPIV3Schema: Object_ } }[];
  };
}

/** An object of the Gateway API. `spec` is YAML. */
export function object(kind: string, name: string, spec: string): KubeObject {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind,
    metadata: { name: name.toLowerCase() },
    spec: load(spec) as Json,
  };
}

/** References to backends, which have rules of their own wherever they stand. */
export const BACKENDS = {
  "no-port": "{ name: a }",
  "null-port": "{ name: a, port: null }",
  backend: "{ group: gateway.networking.x-k8s.io, kind: XBackend, name: a }",
  "backend-port": "{ group: gateway.networking.x-k8s.io, kind: XBackend, name: a, port: 80 }",
  other: "{ group: example.com, kind: Other, name: a }",
  "other-kind": "{ kind: Other, name: a }",
};

const REF = "backendRef: { name: a, port: 80 }";

/** Filters of the type ExternalAuth, of listeners and of routes. */
export const AUTH: Readonly<Record<string, string>> = {
  "http-without": `{ protocol: HTTP, ${REF} }`,
  "http-empty": `{ protocol: HTTP, ${REF}, http: {} }`,
  "http-grpc": `{ protocol: HTTP, ${REF}, grpc: {} }`,
  "http-null": `{ protocol: HTTP, ${REF}, http: null }`,
  both: `{ protocol: HTTP, ${REF}, http: {}, grpc: {} }`,
  "grpc-without": `{ protocol: GRPC, ${REF} }`,
  "grpc-empty": `{ protocol: GRPC, ${REF}, grpc: {} }`,
  "grpc-http": `{ protocol: GRPC, ${REF}, http: {} }`,
  ...Object.fromEntries(
    Object.entries(BACKENDS).map(([name, ref]) => [`ref-${name}`, `{ protocol: GRPC, grpc: {}, backendRef: ${ref} }`]),
  ),
};

/** One object that an API server is asked about. */
export interface AdmissionCase {
  /** A unique name of the base, the field and the change. */
  readonly name: string;
  readonly object: KubeObject;
}
