/** GatewayClasses: those that name lasthop as their controller, accepted or not. */
import { type Diagnostics, explain, type SourceObject } from "../diagnostics/diagnostics.ts";
import { CONTROLLER_NAME } from "../kubernetes/names.ts";
import type { GatewayClass } from "../kubernetes/objects.ts";
import type { Cluster } from "../load/load.ts";
import type { Memory } from "../memory/memory.ts";
import { classParameters } from "./problems.ts";

/** A GatewayClass with lasthop's controllerName. */
export interface ClassState {
  readonly object: SourceObject<GatewayClass>;
  /** Why the class is not accepted; null: it is. */
  readonly refusal: string | null;
}

/** The GatewayClasses with lasthop's controllerName, by name. */
export function resolveClasses(
  cluster: Cluster,
  memory: Memory,
  diagnostics: Diagnostics,
): ReadonlyMap<string, ClassState> {
  const classes = memory.once("classes", [], diagnostics, (own) => readClasses(cluster, own));
  return memory.source("classes", classes);
}

function readClasses(cluster: Cluster, diagnostics: Diagnostics): Map<string, ClassState> {
  const classes = new Map<string, ClassState>();
  for (const [name, entry] of cluster.GatewayClass) {
    if (entry.kind === "refused" || entry.object.value.spec.controllerName !== CONTROLLER_NAME) continue;
    const { object } = entry;
    const { parametersRef } = object.value.spec;
    if (parametersRef === undefined) {
      classes.set(name, { object, refusal: null });
      continue;
    }
    const problem = classParameters(parametersRef);
    diagnostics.report(object, problem);
    classes.set(name, { object, refusal: explain(object, problem) });
  }
  return classes;
}
