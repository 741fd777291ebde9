/** Which Gateway the bundle serves: a worker serves one. */
import { compareStrings, type Diagnostic, type Diagnostics } from "../diagnostics/diagnostics.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import type { Model } from "../model.ts";
import { CONTROLLER_NAME } from "../kubernetes/names.ts";

/** Null when there is none, or several and no name. */
export function selectGateway(
  { gateways }: Model,
  wanted: string | undefined,
  diagnostics: Diagnostics,
): GatewayState | null {
  const names = [...gateways.keys()].sort(compareStrings);
  if (wanted !== undefined) {
    const gateway = gateways.get(wanted);
    if (gateway === undefined)
      diagnostics.add(
        fault(
          "gateway-not-found",
          `no Gateway ${wanted} of ours is among the inputs`,
          names.length === 0 ? "a Gateway of ours" : `one of ${names.join(", ")}`,
          wanted,
          "correct --gateway NAMESPACE/NAME",
        ),
      );
    return gateway ?? null;
  }
  const ours = [...gateways.values()].filter((gateway) => gateway.kind === "valid" || gateway.ours);
  const candidates = ours.length > 0 ? ours : [...gateways.values()];
  const [only] = candidates;
  if (only === undefined) {
    diagnostics.add(
      fault(
        "gateway-not-found",
        "no Gateway of ours is among the inputs, so there is nothing to serve",
        `a Gateway whose GatewayClass has controllerName ${CONTROLLER_NAME}`,
        null,
        "add the Gateway and its GatewayClass",
      ),
    );
    return null;
  }
  if (candidates.length > 1) {
    diagnostics.add(
      fault(
        "gateway-ambiguous",
        "a bundle serves one Gateway, and the inputs have several",
        "--gateway NAMESPACE/NAME",
        candidates
          .map(({ name }) => name)
          .sort(compareStrings)
          .join(", "),
        "say which one with --gateway",
      ),
    );
    return null;
  }
  return only;
}

function fault(
  code: "gateway-not-found" | "gateway-ambiguous",
  message: string,
  expected: string,
  found: string | null,
  remedy: string,
): Diagnostic {
  return {
    severity: "error",
    code,
    message,
    location: null,
    object: null,
    path: null,
    expected,
    found,
    remedy,
    note: null,
  };
}
