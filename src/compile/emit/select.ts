/** The choice of the Gateway that a bundle serves: a worker serves one. */
import { compareStrings, type Diagnostic, type Diagnostics, inputDiagnostic } from "../diagnostics/diagnostics.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import type { Model } from "../model.ts";
import { CONTROLLER_NAME } from "../kubernetes/names.ts";

/**
 * The Gateway named `wanted`, or the only one; null when there is none, or several and no name; this fault is reported.
 */
export function selectGateway(
  { gateways }: Model,
  wanted: string | undefined,
  diagnostics: Diagnostics,
): GatewayState | null {
  if (wanted !== undefined) {
    const gateway = gateways.get(wanted) ?? null;
    if (gateway === null) diagnostics.add(unknownGateway(wanted, [...gateways.keys()].sort(compareStrings)));
    return gateway;
  }
  const ours = [...gateways.values()].filter((gateway) => gateway.kind === "valid" || gateway.ours);
  const candidates = ours.length > 0 ? ours : [...gateways.values()];
  const [only = null] = candidates;
  if (only === null) diagnostics.add(NO_GATEWAY);
  if (candidates.length <= 1) return only;
  diagnostics.add(severalGateways(candidates.map(({ name }) => name).sort(compareStrings)));
  return null;
}

const unknownGateway = (wanted: string, names: readonly string[]): Diagnostic =>
  inputDiagnostic({
    code: "gateway-not-found",
    message: `no Gateway ${wanted} of ours is among the inputs`,
    expected: names.length === 0 ? "a Gateway of ours" : `one of ${names.join(", ")}`,
    found: wanted,
    remedy: "correct --gateway NAMESPACE/NAME",
  });

const NO_GATEWAY = inputDiagnostic({
  code: "gateway-not-found",
  message: "no Gateway of ours is among the inputs, so there is nothing to serve",
  expected: `a Gateway whose GatewayClass has controllerName ${CONTROLLER_NAME}`,
  remedy: "add the Gateway and its GatewayClass",
});

const severalGateways = (names: readonly string[]): Diagnostic =>
  inputDiagnostic({
    code: "gateway-ambiguous",
    message: "a bundle serves one Gateway, and the inputs have several",
    expected: "--gateway NAMESPACE/NAME",
    found: names.join(", "),
    remedy: "say which one with --gateway",
  });
