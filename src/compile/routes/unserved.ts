/**
 * Routes of kinds that lasthop does not serve. Each route is refused under each of its parents, so that its author
 * learns of the refusal.
 */
import { type Diagnostics, explain, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Memory } from "../memory/memory.ts";
import { type ParentContext, type ParentState, refusedParents } from "./parents.ts";
import { unservedKind } from "./problems.ts";

/** A route of a kind that lasthop does not serve. */
export interface UnservedState {
  readonly object: SourceObject;
  /** The parents that lasthop serves; never empty. */
  readonly parents: readonly ParentState[];
}

/** The routes of other kinds that name a parent which lasthop serves. */
export function resolveUnserved(context: ParentContext, memory: Memory, diagnostics: Diagnostics): UnservedState[] {
  const { GRPCRoute, TLSRoute, TCPRoute, UDPRoute } = context.cluster;
  const routes = [GRPCRoute, TLSRoute, TCPRoute, UDPRoute].flatMap((byName) => [...byName.values()]);
  return memory
    .each("unserved routes", { items: routes }, diagnostics, ({ object }, own): UnservedState => {
      const problem = unservedKind(object.ref);
      // "because the Gateway has no Listener whose allowedRoutes criteria permit the route"
      const parents = refusedParents(object, context, {
        reason: "NotAllowedByListeners",
        message: explain(object, problem),
      });
      if (parents.length > 0) own.report(object, problem);
      return { object, parents };
    })
    .filter(({ parents }) => parents.length > 0);
}
