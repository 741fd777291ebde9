/**
 * ConfigMaps and Secrets that other controllers generate in a cluster, and the objects that they are generated from.
 */
import { field } from "../kubernetes/kinds.ts";
import type { RawObject } from "../kubernetes/raw-object.ts";

/** A ConfigMap or Secret that a controller generates from an object among the inputs. */
export interface Generated {
  readonly kind: "ConfigMap" | "Secret";
  /** The namespace of the generated object; null: there is one in every namespace that the source selects. */
  readonly namespace: string | null;
  readonly name: string;
  /** `Certificate shop/app of cert-manager`. */
  readonly generator: string;
}

interface Generator {
  readonly group: RegExp;
  readonly project: string;
  readonly kind: Generated["kind"];
  /** Field of the spec that names the generated object; without a value there, it has the name of its source. */
  readonly name: (spec: unknown) => unknown;
  readonly isClusterScoped?: true;
}

const GENERATORS: Readonly<Record<string, Generator>> = {
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

/** What a cluster generates from the object; null: nothing that lasthop reads. */
export function generatedFrom({ ref, group, value }: RawObject): Generated | null {
  const generator = Object.hasOwn(GENERATORS, ref.kind) ? GENERATORS[ref.kind] : undefined;
  if (generator === undefined || !generator.group.test(group)) return null;
  const spec = field(value, "spec");
  const name = generator.name(spec);
  const namespace = generator.isClusterScoped === true ? null : (ref.namespace ?? "default");
  // trust-manager writes a Secret in place of a ConfigMap where the Bundle has target.secret.
  const asSecret = generator.kind === "ConfigMap" && field(field(spec, "target"), "secret") !== undefined;
  return {
    kind: asSecret ? "Secret" : generator.kind,
    namespace,
    name: typeof name === "string" && name !== "" ? name : ref.name,
    generator: `${ref.kind} ${namespace === null ? ref.name : `${namespace}/${ref.name}`} of ${generator.project}`,
  };
}

/** Command that prints a generated object: `kubectl get secret app-tls -n shop -o yaml`. */
export const exportCommand = ({ kind, name }: Generated, namespace: string): string =>
  `kubectl get ${kind.toLowerCase()} ${name} -n ${namespace} -o yaml`;
