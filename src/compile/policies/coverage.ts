/** Policies that decide about the ports of a Service, and what each port gets: TLS, no connection, or plaintext. */
import type { BundleTransport } from "../../bundle/types.ts";
import { compareStrings, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Group } from "../memory/groups.ts";
import type { Service, ServicePort } from "../kubernetes/core-objects.ts";
import type { TargetState } from "./attachments.ts";
import type { PolicyState } from "./state.ts";

/** The policies that decide about the ports of one Service. */
export interface Coverage {
  /** Policies for one port, by the name of the port. */
  readonly sections: ReadonlyMap<string, PolicyState>;
  /** The policy for all other ports; null: there is none. */
  readonly whole: PolicyState | null;
  /** Policies that close ports about which no other policy decides. */
  readonly closing: readonly ClosingPolicy[];
}

/** A policy that names a port which the Service does not have, or a policy that is not in the namespace of the Service. */
interface ClosingPolicy {
  readonly policy: PolicyState;
  readonly code: "policy-section-not-found" | "policy-misplaced";
  /** The name of the one port that it closes; null: every port. */
  readonly sectionName: string | null;
}

/** The coverage of one Service, from the policies about it, the oldest first. */
export function coverageOf({ key, items }: Group<PolicyState>): [service: string, coverage: Coverage] {
  const sections = new Map<string, PolicyState>();
  const closing: ClosingPolicy[] = [];
  let whole: PolicyState | null = null;
  for (const policy of items) {
    for (const { service, sectionName, verdict } of policy.targets) {
      if (service !== key || verdict.kind === "lost") continue;
      if (sectionName === null) whole = policy;
      else if (verdict.kind === "not-found")
        closing.push({ policy, code: "policy-section-not-found", sectionName: null });
      else sections.set(sectionName, policy);
    }
    for (const { service, sectionName } of policy.closed)
      if (service === key) closing.push({ policy, code: "policy-misplaced", sectionName });
  }
  return [key, { sections, whole, closing }];
}

/** How the gateway connects to a port, and the policy that decides so; null: no policy says anything about the port. */
export function policyTransport(
  coverage: Coverage | undefined,
  port: ServicePort,
): { policy: PolicyState; transport: BundleTransport } | null {
  if (coverage === undefined) return null;
  // A policy for the port takes precedence over one for the whole Service, even where it is refused.
  const owner = (port.name === "" ? undefined : coverage.sections.get(port.name)) ?? coverage.whole;
  if (owner !== null) {
    const { effect } = owner;
    return {
      policy: owner,
      transport:
        effect.kind === "enforced"
          ? { kind: "tls", policy: effect.digest }
          : { kind: "refused", code: effect.code, policies: [owner.name] },
    };
  }
  const closing = coverage.closing.filter(({ sectionName }) => sectionName === null || sectionName === port.name);
  const [first] = closing;
  if (first === undefined) return null;
  const policies = [...new Set(closing.map(({ policy }) => policy.name))].sort(compareStrings);
  return { policy: first.policy, transport: { kind: "refused", code: first.code, policies } };
}

/** Whether a target is about a port of its Service; `service` is null when the Service is missing or refused. */
export function targetsPort(target: TargetState, service: SourceObject<Service> | null, port: number): boolean {
  if (target.sectionName === null || service === null) return true;
  const named = service.value.spec.ports.filter(
    ({ name, protocol }) => name === target.sectionName && protocol === "TCP",
  );
  // A sectionName that no port has closes every port of the Service.
  return named.length === 0 || named.some((own) => own.port === port);
}
