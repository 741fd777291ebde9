/** Objects of which other controllers make ConfigMaps and Secrets in a cluster. They hold no certificate themselves. */
import type { RawObject } from "../kubernetes/raw-object.ts";
import { field } from "../kubernetes/kinds.ts";

/** What is made of an object, and by whom. */
export interface Made {
  readonly kind: "ConfigMap" | "Secret";
  /** Null: in every namespace that the object selects. */
  readonly namespace: string | null;
  readonly name: string;
  /** `Certificate shop/app of cert-manager`. */
  readonly maker: string;
}

interface Maker {
  readonly group: RegExp;
  readonly project: string;
  readonly kind: Made["kind"];
  /** The name of what is made, when it has one of its own. */
  readonly name: (spec: unknown) => unknown;
  readonly isClusterScoped?: true;
}

const MAKERS: Readonly<Record<string, Maker>> = {
  Certificate: {
    group: /^cert-manager\.io$/,
    project: "cert-manager",
    kind: "Secret",
    name: (spec) => field(spec, "secretName"),
  },
  Bundle: {
    group: /^trust\.cert-manager\.io$/,
    project: "trust-manager",
    kind: "ConfigMap",
    name: () => undefined,
    isClusterScoped: true,
  },
  ExternalSecret: {
    group: /^external-secrets\.io$/,
    project: "External Secrets",
    kind: "Secret",
    name: (spec) => field(field(spec, "target"), "name"),
  },
  SealedSecret: {
    group: /^bitnami\.com$/,
    project: "Sealed Secrets",
    kind: "Secret",
    name: (spec) => field(field(field(spec, "template"), "metadata"), "name"),
  },
  VaultStaticSecret: {
    group: /^secrets\.hashicorp\.com$/,
    project: "the Vault Secrets Operator",
    kind: "Secret",
    name: (spec) => field(field(spec, "destination"), "name"),
  },
};

/** Null: nothing that lasthop reads is made of it. */
export function madeOf({ ref, group, value }: RawObject): Made | null {
  const maker = Object.hasOwn(MAKERS, ref.kind) ? MAKERS[ref.kind] : undefined;
  if (maker === undefined || !maker.group.test(group)) return null;
  const spec = field(value, "spec");
  const own = maker.name(spec);
  const namespace = maker.isClusterScoped === true ? null : (ref.namespace ?? "default");
  return {
    kind: maker.kind === "ConfigMap" && field(field(spec, "target"), "secret") !== undefined ? "Secret" : maker.kind,
    namespace,
    name: typeof own === "string" && own !== "" ? own : ref.name,
    maker: `${ref.kind} ${namespace === null ? ref.name : `${namespace}/${ref.name}`} of ${maker.project}`,
  };
}

/** How to get what a cluster has made: `kubectl get secret app-tls -n shop -o yaml`. */
export const exportOf = ({ kind, name }: Made, namespace: string): string =>
  `kubectl get ${kind.toLowerCase()} ${name} -n ${namespace} -o yaml`;
