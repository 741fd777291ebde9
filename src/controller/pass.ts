/** One pass of the controller: compiles the cluster, publishes a bundle for each Gateway, and writes statuses. */
import { createHash } from "node:crypto";
import { clusterCompiler, type ClusterOptions, type CompiledGateway } from "../compile/index.ts";
import { type AddressRequest, assignAddresses } from "./addresses.ts";
import type { KubeApi } from "./api.ts";
import { missingDefinitions } from "./definitions.ts";
import { infrastructureOf } from "./infrastructure.ts";
import type { Log } from "./log.ts";
import { type PlaintextCount, watchPlaintext } from "./plaintext.ts";
import type { Publication, Publisher } from "./publisher.ts";
import type { Resource } from "./resources.ts";
import { type Published, servedBy, type Serving, servingOf } from "./serving.ts";
import { statusWriter } from "./statuses.ts";
import type { Store } from "./store.ts";

/** What every pass needs. */
export interface PassOptions {
  readonly publisher: Publisher;
  /** The IP addresses to serve Gateways on; empty where the platform assigns addresses. */
  readonly pool: readonly string[];
  readonly compile: ClusterOptions;
  /** A signal that aborts when this process must stop writing. */
  readonly signal: AbortSignal;
  /** The wall clock, in milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
  /** A callback after every complete pass. */
  readonly onPass?: (pass: PassReport) => void;
}

/** A complete pass, for metrics. */
export interface PassReport {
  readonly compileMs: number;
  /** The number of Gateways compiled. */
  readonly gateways: number;
  readonly failures: readonly string[];
  readonly plaintext: PlaintextCount;
}

/** The cluster as the controller reads and writes it. */
interface WatchedCluster {
  readonly api: KubeApi;
  readonly store: Store;
  /** Kinds of which objects were deleted since the last pass. A pass empties the set. */
  readonly removed: Set<Resource>;
}

/**
 * A function that makes one pass at each call, and resolves with one message for each failure. The function does
 * nothing while the store is not synced: of a cluster read in part, only a part would be published.
 */
export function createPass(options: PassOptions, cluster: WatchedCluster): () => Promise<readonly string[]> {
  const { signal, now, log } = options;
  const { api, store, removed } = cluster;
  const compile = clusterCompiler(options.compile);
  const countPlaintext = watchPlaintext(log);
  const writer = statusWriter(api, store, now);
  const infrastructure = infrastructureOf(api, store, now);
  return async () => {
    if (!store.synced) return [];
    const missing = await missingDefinitions(api, removed);
    if (missing.length > 0) return missing;
    removed.clear();
    const startMs = performance.now();
    const compiled = compile(store.objects(), now());
    const { statuses, gateways } = compiled;
    const compileMs = performance.now() - startMs;
    const plaintext = countPlaintext(compiled);
    const failures: string[] = [];
    const serving = await publishAll(gateways, options, { store, failures });
    if (signal.aborted) return failures;
    await infrastructure.ensure(
      [...serving.keys()].flatMap((name) => store.get("Gateway", name) ?? []),
      (name, error) => failures.push(`Gateway ${name}: ${textOf(error)}`),
    );
    failures.push(...(await writer.write(statuses, (object) => servedBy(object, serving))));
    options.onPass?.({ compileMs, gateways: gateways.length, failures, plaintext });
    return failures;
  };
}

/**
 * Publishes every Gateway and withdraws those that are gone; resolves with the serving state of each Gateway by its
 * name. Stops when `signal` aborts: the next leader publishes, and pointers have no resourceVersion to detect a conflict.
 */
async function publishAll(
  gateways: readonly CompiledGateway[],
  { publisher, pool, signal }: PassOptions,
  { store, failures }: { readonly store: Store; readonly failures: string[] },
): Promise<ReadonlyMap<string, Serving>> {
  const assigned = assignAddresses(
    pool,
    gateways.map(({ name }) => addressRequestOf(name, store)),
  );
  const pointers = await publisher.pointers();
  const serving = new Map<string, Serving>();
  for (const gateway of gateways) {
    if (signal.aborted) return serving;
    const assignment = assigned.get(gateway.name) ?? null;
    const addresses = assignment?.kind === "assigned" ? assignment.addresses : [];
    const published = await publisher.publish(publicationOf(gateway, addresses), pointers, signal).then(
      (acknowledgement): Published => ({ kind: "published", digest: gateway.bundle.digest, acknowledgement }),
      (error: unknown): Published => ({ kind: "failed", message: `publication failed: ${textOf(error)}` }),
    );
    if (published.kind === "failed") failures.push(`Gateway ${gateway.name}: ${published.message}`);
    serving.set(gateway.name, servingOf(published, pool.length > 0 ? assignment : null, publisher.programmedMessage));
  }
  for (const name of pointers.keys()) {
    if (signal.aborted) return serving;
    if (serving.has(name)) continue;
    await publisher.withdraw(name).catch((error: unknown) => failures.push(`Gateway ${name}: ${textOf(error)}`));
  }
  return serving;
}

function publicationOf({ name, bundle, text, secrets }: CompiledGateway, addresses: readonly string[]): Publication {
  return {
    gateway: name,
    bundle: { digest: bundle.digest, text },
    secrets: secrets === null ? null : { digest: createHash("sha256").update(secrets).digest("hex"), text: secrets },
    addresses,
  };
}

function addressRequestOf(name: string, store: Store): AddressRequest {
  const object = store.get("Gateway", name);
  const { addresses: requested = [] } = (object?.spec ?? {}) as { addresses?: { type?: string; value?: string }[] };
  const { addresses: current = [] } = (object?.status ?? {}) as { addresses?: { value?: string }[] };
  const values = (list: readonly { value?: string }[]): string[] =>
    list.flatMap(({ value }) => (value === undefined || value === "" ? [] : [value]));
  return { gateway: name, requested: values(requested), current: values(current) };
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
