/** Compilation of a whole cluster, again and again: statuses of every object, and a bundle for each Gateway. */
import type { BackendId, Bundle, NamespacedName } from "../bundle/types.ts";
import type { EndpointOptions } from "./backends/found-endpoints.ts";
import type { Clock } from "./clock.ts";
import { type Diagnostic, Diagnostics } from "./diagnostics/diagnostics.ts";
import { emitBundle } from "./emit/emit.ts";
import type { PlaintextBackend } from "./emit/plaintext.ts";
import type { RawObject } from "./kubernetes/raw-object.ts";
import { load } from "./load/load.ts";
import { Memory } from "./memory/memory.ts";
import { type ModelOptions, resolveModel } from "./model.ts";
import type { ObjectStatus } from "./status/object-status.ts";
import { computeStatuses } from "./status/statuses.ts";
import { reportValidity } from "./status/validity.ts";

/** The options of `build` that a controller has, too. The host of a controller reaches private addresses. */
export type ClusterOptions = Omit<EndpointOptions, "publicOnly"> & ModelOptions;

/** The bundle of one Gateway. */
export interface CompiledGateway {
  readonly name: NamespacedName;
  readonly bundle: Bundle;
  /** The bundle's canonical text. */
  readonly text: string;
  /** The text of the secrets file, with private keys; null: the bundle needs no keys. */
  readonly secrets: string | null;
  /** The backends that get plaintext, by their id. */
  readonly plaintext: readonly PlaintextBackend[];
  /** The policy that decides about a backend, which gets TLS or no connection, by the backend's id. */
  readonly covered: ReadonlyMap<BackendId, NamespacedName>;
}

/** What one compilation of a cluster gives. */
export interface CompiledCluster {
  readonly statuses: readonly ObjectStatus[];
  readonly gateways: readonly CompiledGateway[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * A function that compiles the objects of a cluster. `now`, in milliseconds since the epoch, decides only about warnings
 * and conditions that concern dates; without it there are none.
 */
export type ClusterCompiler = (objects: readonly RawObject[], now?: Clock) => CompiledCluster;

/**
 * A compiler that remembers its last compilation, so that a change costs little. An object that has not changed must be
 * passed as the same object again, and one that has changed as another object. The compiler never throws on input:
 * objects that an API server would not have stored are refused in `status`, too.
 */
export function clusterCompiler(options: ClusterOptions): ClusterCompiler {
  const memory = new Memory();
  let served: readonly NamespacedName[] = [];
  return (objects, now = null) => {
    memory.startRun();
    const diagnostics = new Diagnostics();
    const { cluster } = load(objects, "cluster", memory, diagnostics);
    const model = resolveModel(cluster, options, memory, diagnostics);
    const ours = [...model.gateways.values()].filter((gateway) => gateway.kind === "valid" || gateway.ours);
    const gateways = ours.map((gateway) => ({
      name: gateway.name,
      ...emitBundle({ model, gateway, options: { ...options, publicOnly: false } }, memory, diagnostics),
    }));
    for (const name of served) if (!ours.some((gateway) => gateway.name === name)) memory.forget(`${name}: `);
    served = ours.map(({ name }) => name);
    reportValidity(model, now, diagnostics);
    return { statuses: computeStatuses(model, memory, now), gateways, diagnostics: diagnostics.sorted() };
  };
}
