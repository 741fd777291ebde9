/** A whole cluster at once: one model, statuses of every object, and a bundle for each Gateway of ours. */
import type { Bundle, NamespacedName } from "../bundle/types.ts";
import { type Diagnostic, Diagnostics } from "./diagnostics.ts";
import type { RawObject } from "./document/objects.ts";
import { emitBundle } from "./emit.ts";
import type { EndpointOptions } from "./endpoints.ts";
import { load } from "./load.ts";
import { resolveModel } from "./model.ts";
import { computeStatuses, type ObjectStatus } from "./statuses.ts";

/** As for `build`; a controller's host reaches private addresses. */
export type ClusterOptions = Omit<EndpointOptions, "publicOnly">;

export interface CompiledGateway {
  readonly name: NamespacedName;
  readonly bundle: Bundle;
  /** The bundle's canonical text. */
  readonly text: string;
  /** The secrets file's text; null: it needs no keys. */
  readonly secrets: string | null;
}

export interface CompiledCluster {
  readonly statuses: readonly ObjectStatus[];
  readonly gateways: readonly CompiledGateway[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Never throws on input: the API server has admitted the objects, and what it would not have is refused in status. */
export function compileCluster(objects: readonly RawObject[], options: ClusterOptions): CompiledCluster {
  const diagnostics = new Diagnostics();
  const { cluster } = load(objects, diagnostics);
  const model = resolveModel(cluster, options.allowExternalName, diagnostics);
  const gateways: CompiledGateway[] = [];
  for (const gateway of model.gateways.values()) {
    if (gateway.kind !== "valid" && !gateway.ours) continue;
    const emitted = emitBundle(model, gateway, { ...options, publicOnly: false }, diagnostics);
    gateways.push({ name: gateway.name, ...emitted });
  }
  return { statuses: computeStatuses(model), gateways, diagnostics: diagnostics.sorted() };
}
