/** Problems of BackendTLSPolicies that show only when it is known who uses their Services. */
import type { Problem } from "../diagnostics/diagnostics.ts";
import { nameServices } from "../policies/likely-services.ts";
import type { PolicyState } from "../policies/state.ts";

/** A policy that no Gateway uses. `likely` are Services without a policy that routes use, and that may be meant. */
export function unusedPolicy({ targets }: PolicyState, likely: readonly string[]): Problem {
  const hint = likely.length === 0 ? "" : `; ${nameServices(likely)}, which routes use without a policy, may be meant`;
  return {
    code: "policy-unused",
    path: ["spec", "targetRefs"],
    message: `no route of a Gateway of ours uses a port that this policy targets, so it has no ancestor to report to${hint}`,
    expected: "an attached HTTPRoute that names the Service",
    found: targets.map(({ ref }) => ref.name).join(", "),
    remedy: "add the route, or correct targetRefs",
  };
}

/** A policy whose status has no room for the Gateways `left`, because of `foreign` entries of other controllers. */
export const fullStatus = (left: readonly string[], foreign: number, most: number): Problem => ({
  code: "policy-ancestors-full",
  path: ["status", "ancestors"],
  message: `the status has no room for ${left.join(", ")}, whose routes to the policy's Services are answered 500`,
  expected: `at most ${most} entries`,
  found: `${foreign} entries of other controllers`,
  remedy: "remove entries of controllers that are gone",
});
