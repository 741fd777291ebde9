/**
 * A ServiceAccount and a Service for each Gateway, with its `infrastructure` labels and annotations: what other tools
 * find a Gateway by (`gateway.networking.k8s.io/gateway-name`). They go with the Gateway, whose they are.
 */
import { createHash } from "node:crypto";
import { ApiError, type KubeApi, type KubeObject } from "./api.ts";
import { same } from "./merge.ts";
import { pathOf } from "./resources.ts";
import type { Store } from "./store.ts";
import { keyOf } from "./watch.ts";

const GATEWAY_NAME_LABEL = "gateway.networking.k8s.io/gateway-name";
/** RFC 1035: a Service's name is one DNS label, and starts with a letter. */
const MAX_NAME = 63;

interface GatewaySpec {
  readonly listeners: readonly { readonly port: number }[];
  readonly infrastructure?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

export interface Infrastructure {
  /** Of all Gateways of ours. What fails is told, and tried again by the next call. */
  ensure(gateways: readonly KubeObject[], failed: (gateway: string, error: unknown) => void): Promise<void>;
}

/** ServiceAccounts are not watched: they are looked at so often. */
const RECHECK_MS = 600_000;

/** Asks the API server only when a Gateway or its Service has changed since, and from time to time. */
export function infrastructureOf(api: KubeApi, store: Store, now: () => number): Infrastructure {
  let made: ReadonlyMap<string, { readonly state: string; readonly atMs: number }> = new Map();
  return {
    async ensure(gateways, failed) {
      const next = new Map<string, { readonly state: string; readonly atMs: number }>();
      for (const gateway of gateways) {
        const key = keyOf(gateway);
        const { uid, generation, namespace, name } = gateway.metadata;
        const service = store.get("Service", `${namespace ?? "default"}/${infrastructureName(name)}`);
        const state = `${uid} ${generation} ${service?.metadata.resourceVersion}`;
        const before = made.get(key);
        if (before?.state === state && now() - before.atMs < RECHECK_MS) {
          next.set(key, before);
          continue;
        }
        await ensureBoth(api, gateway).then(
          () => next.set(key, { state, atMs: now() }),
          (error: unknown) => failed(key, error),
        );
      }
      made = next;
    },
  };
}

/** Makes or corrects both. Rejects with an ApiError; objects of that name that are not ours are left alone. */
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
  // Without a selector: the Gateway's address is its own, and its pods are not Kubernetes' to choose.
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
    ...(wanted.spec === undefined ? {} : { spec: { ...(found.spec as object), ...portsIfOther(found, wanted.spec) } }),
  };
  if (!same(found, next)) await api.replace(path, next);
}

/** The API server fills in each port's defaults: compared by what we set. */
function portsIfOther({ spec }: KubeObject, wanted: object): object {
  const numbers = (value: object): unknown => (value as { ports?: { port: number }[] }).ports?.map(({ port }) => port);
  return same(numbers(spec as object), numbers(wanted)) ? {} : { ports: (wanted as { ports: object[] }).ports };
}

function infrastructureName(gateway: string): string {
  const name = `lasthop-${gateway.replaceAll(".", "-")}`;
  if (name.length <= MAX_NAME && !gateway.includes(".")) return name;
  const digest = createHash("sha256").update(gateway).digest("hex").slice(0, 10);
  return `${name.slice(0, MAX_NAME - 11)}-${digest}`;
}

/** A label's value has at most 63 characters; a Gateway's name up to 253. */
const labelValue = (name: string): string => (name.length <= MAX_NAME ? name : infrastructureName(name));
