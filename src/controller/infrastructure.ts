/**
 * A ServiceAccount and a Service for each Gateway, with the labels and annotations of its `spec.infrastructure`. Other
 * tools find them by the label `gateway.networking.k8s.io/gateway-name`. Kubernetes deletes them with their Gateway.
 */
import { createHash } from "node:crypto";
import { ApiError, type KubeApi, type KubeObject } from "./api.ts";
import { isSameJson } from "./merge.ts";
import { pathOf } from "./resources.ts";
import type { Store } from "./store.ts";
import { keyOf } from "./watch.ts";

const GATEWAY_NAME_LABEL = "gateway.networking.k8s.io/gateway-name";
/** The longest name of a Service, which is one DNS label (RFC 1035), and the longest value of a label. */
const MAX_NAME = 63;

interface GatewaySpec {
  readonly listeners: readonly { readonly port: number }[];
  readonly infrastructure?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** The infrastructure objects of all Gateways. */
interface Infrastructure {
  /** Creates or corrects the objects of each of `gateways`. Calls `onFailure` for a Gateway whose objects failed. */
  ensure(gateways: readonly KubeObject[], onFailure: (gateway: string, error: unknown) => void): Promise<void>;
}

/** The interval at which objects are compared without any change: ServiceAccounts are not watched. */
const RECHECK_MS = 600_000;

/** Infrastructure in one cluster. A Gateway's objects are compared again only when it or its Service has changed. */
export function infrastructureOf(api: KubeApi, store: Store, now: () => number): Infrastructure {
  let ensured: ReadonlyMap<string, { readonly state: string; readonly atMs: number }> = new Map();
  return {
    async ensure(gateways, onFailure) {
      const next = new Map<string, { readonly state: string; readonly atMs: number }>();
      for (const gateway of gateways) {
        const key = keyOf(gateway);
        const { uid, generation, namespace, name } = gateway.metadata;
        const service = store.get("Service", `${namespace ?? "default"}/${infrastructureName(name)}`);
        const state = `${uid} ${generation} ${service?.metadata.resourceVersion}`;
        const previous = ensured.get(key);
        if (previous?.state === state && now() - previous.atMs < RECHECK_MS) {
          next.set(key, previous);
          continue;
        }
        await ensureBoth(api, gateway).then(
          () => next.set(key, { state, atMs: now() }),
          (error: unknown) => onFailure(key, error),
        );
      }
      ensured = next;
    },
  };
}

/**
 * Creates or corrects the ServiceAccount and the Service of one Gateway. Rejects with an ApiError, also when an object of
 * that name exists and does not belong to the Gateway; that object is not changed.
 */
async function ensureBoth(api: KubeApi, gateway: KubeObject): Promise<void> {
  const namespace = gateway.metadata.namespace ?? "default";
  const { infrastructure, listeners } = gateway.spec as GatewaySpec;
  const metadata = {
    name: infrastructureName(gateway.metadata.name),
    namespace,
    labels: {
      ...infrastructure?.labels,
      [GATEWAY_NAME_LABEL]: labelValue(gateway.metadata.name),
      "app.kubernetes.io/managed-by": "lasthop",
    },
    annotations: { ...infrastructure?.annotations },
    ownerReferences: [
      {
        apiVersion: gateway.apiVersion,
        kind: gateway.kind,
        name: gateway.metadata.name,
        uid: gateway.metadata.uid,
        controller: true,
      },
    ],
  };
  const ports = [...new Set(listeners.map(({ port }) => port))]
    .sort((a, b) => a - b)
    .map((port) => ({ name: `port-${port}`, port, protocol: "TCP" }));
  await ensure(api, "serviceaccounts", { apiVersion: "v1", kind: "ServiceAccount", metadata });
  // The Service has no selector: Kubernetes does not route the Gateway's traffic.
  await ensure(api, "services", { apiVersion: "v1", kind: "Service", metadata, spec: { clusterIP: "None", ports } });
}

type Wanted = Pick<KubeObject, "apiVersion" | "kind" | "metadata"> & { readonly spec?: object };

async function ensure(api: KubeApi, plural: string, wanted: Wanted): Promise<void> {
  const { name, namespace = "default" } = wanted.metadata;
  const path = pathOf({ group: "", version: "v1", name: plural }, { namespace, name });
  const found = (await api.get(path).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  })) as KubeObject | null;
  if (found === null) {
    await api.create(path.slice(0, path.lastIndexOf("/")), wanted);
    return;
  }
  const [owner] = (found.metadata.ownerReferences ?? []) as { uid?: unknown }[];
  const [own] = wanted.metadata.ownerReferences as { uid?: unknown }[];
  if (owner?.uid !== own?.uid) throw new ApiError(409, `${path} is there already, and not of this Gateway`);
  const next = {
    ...found,
    metadata: {
      ...found.metadata,
      labels: { ...found.metadata.labels, ...wanted.metadata.labels },
      annotations: { ...found.metadata.annotations, ...wanted.metadata.annotations },
    },
    ...(wanted.spec === undefined
      ? {}
      : { spec: { ...(found.spec as object), ...portsIfDifferent(found, wanted.spec) } }),
  };
  if (!isSameJson(found, next)) await api.replace(path, next);
}

/** The wanted ports if they differ in number from those of `found`: the API server fills in the other fields of a port. */
function portsIfDifferent({ spec }: KubeObject, wanted: object): object {
  const numbers = (value: object): unknown => (value as { ports?: { port: number }[] }).ports?.map(({ port }) => port);
  return isSameJson(numbers(spec as object), numbers(wanted)) ? {} : { ports: (wanted as { ports: object[] }).ports };
}

function infrastructureName(gateway: string): string {
  const name = `lasthop-${gateway.replaceAll(".", "-")}`;
  if (name.length <= MAX_NAME && !gateway.includes(".")) return name;
  const digest = createHash("sha256").update(gateway).digest("hex").slice(0, 10);
  return `${name.slice(0, MAX_NAME - 11)}-${digest}`;
}

/** The label's value for a Gateway's name, which may be longer (253 characters) than a label's value (63). */
const labelValue = (name: string): string => (name.length <= MAX_NAME ? name : infrastructureName(name));
