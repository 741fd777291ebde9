/** A whole cluster at once: one model, statuses of every object, and a bundle for each Gateway of ours. */
import type { BackendId, Bundle, NamespacedName } from "../bundle/types.ts";
import { type Diagnostic, Diagnostics } from "./diagnostics/diagnostics.ts";
import type { RawObject } from "./kubernetes/raw-object.ts";
import { emitBundle } from "./emit/emit.ts";
import type { EndpointOptions } from "./backends/endpoints.ts";
import { load } from "./load/load.ts";
import { Memory } from "./memory.ts";
import { type ModelOptions, resolveModel } from "./model.ts";
import type { PlaintextBackend } from "./emit/plaintext.ts";
import { computeStatuses, type ObjectStatus } from "./status/statuses.ts";
import type { Clock } from "./clock.ts";
import { reportValidity } from "./status/validity.ts";

/** As for `build`; a controller's host reaches private addresses. */
export type ClusterOptions = Omit<EndpointOptions, "publicOnly"> & ModelOptions;

export interface CompiledGateway {
  readonly name: NamespacedName;
  readonly bundle: Bundle;
  /** The bundle's canonical text. */
  readonly text: string;
  /** The secrets file's text; null: it needs no keys. */
  readonly secrets: string | null;
  /** The backends that get plaintext, by their id. */
  readonly plaintext: readonly PlaintextBackend[];
  /** By backend: the policy that decides about it, so that it gets TLS or nothing. */
  readonly covered: ReadonlyMap<BackendId, NamespacedName>;
}

export interface CompiledCluster {
  readonly statuses: readonly ObjectStatus[];
  readonly gateways: readonly CompiledGateway[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Compiles a cluster again and again; `now` is for warnings and conditions about dates alone. */
export type ClusterCompiler = (objects: readonly RawObject[], now?: Clock) => CompiledCluster;

/**
 * A compiler that remembers what it compiled (memory.ts): an object that has not changed must come again as the same object,
 * and one that has changed as another. Never throws on input: the API server has admitted the objects, and what it would
 * not have is refused in status.
 */
export function clusterCompiler(options: ClusterOptions): ClusterCompiler {
  const memory = new Memory();
  let served: readonly NamespacedName[] = [];
  return (objects, now = null) => {
    const diagnostics = new Diagnostics();
    const { cluster } = load(objects, "cluster", memory, diagnostics);
    const model = resolveModel(cluster, options, memory, diagnostics);
    const ours = [...model.gateways.values()].filter((gateway) => gateway.kind === "valid" || gateway.ours);
    const gateways = ours.map((gateway) => ({
      name: gateway.name,
      ...emitBundle(model, gateway, { ...options, publicOnly: false }, memory, diagnostics),
    }));
    for (const name of served) if (!ours.some((gateway) => gateway.name === name)) memory.forget(`${name}: `);
    served = ours.map(({ name }) => name);
    reportValidity(model, now, diagnostics);
    return { statuses: computeStatuses(model, memory, now), gateways, diagnostics: diagnostics.sorted() };
  };
}
