/** Routes of kinds that lasthop does not serve yet: refused under each parent of ours, so that nobody waits for them. */
import { type Diagnostics, explain, type Problem, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Memory } from "../memory.ts";
import { type ParentContext, type ParentState, unreadableParents } from "./parents.ts";

export interface UnservedState {
  readonly object: SourceObject;
  /** Gateways of ours and their ListenerSets alone; never empty. */
  readonly parents: readonly ParentState[];
}

export function resolveUnserved(context: ParentContext, memory: Memory, diagnostics: Diagnostics): UnservedState[] {
  const { GRPCRoute, TLSRoute, TCPRoute, UDPRoute } = context.cluster;
  const routes = [GRPCRoute, TLSRoute, TCPRoute, UDPRoute].flatMap((byName) => [...byName.values()]);
  return memory
    .each("unserved routes", [], routes, diagnostics, ({ object }, own): UnservedState => {
      const problem: Problem = {
        code: "route-kind-unsupported",
        path: [],
        message: `lasthop does not serve ${object.ref.kind}s yet`,
        expected: "HTTPRoute",
        found: object.ref.kind,
        remedy: "use an HTTPRoute, or a Gateway of another class",
      };
      // "because the Gateway has no Listener whose allowedRoutes criteria permit the route"
      const parents = unreadableParents(object, context, {
        reason: "NotAllowedByListeners",
        message: explain(object, problem),
      });
      if (parents.length > 0) own.report(object, problem);
      return { object, parents };
    })
    .filter(({ parents }) => parents.length > 0);
}
