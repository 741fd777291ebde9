/** BackendTLSPolicies: what each means, and which of them decides about the ports of a Service (`BackendTLSPolicySpec.targetRefs`). */
import type { BundleTransport } from "../../bundle/types.ts";
import {
  compareStrings,
  Diagnostics,
  explain,
  namespacedName,
  type Problem,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import type { Cluster, Entry } from "../load/load.ts";
import { indexServices, type ServiceIndex } from "./likely-services.ts";
import type { Group } from "../memory/groups.ts";
import type { Memory } from "../memory/memory.ts";
import type { BackendTLSPolicy } from "../kubernetes/objects.ts";
import type { Service, ServicePort } from "../kubernetes/core-objects.ts";
import { judgePolicy, type PolicyEffect } from "./effect.ts";
import { attachTarget, type TargetState, type UnresolvedTarget } from "./attachments.ts";
import type { ClosedService } from "./misplaced.ts";
import { type TargetContext, targetKey } from "./target-context.ts";
import type { Unresolved } from "../diagnostics/conditions.ts";
import { readTargets } from "../load/policy-targets.ts";
import { compareSeniority, type Seniority, seniorityOf } from "../kubernetes/seniority.ts";

/** A policy, what its targets attach to, and what it means. */
export interface PolicyState {
  /** `namespace/name`. */
  readonly name: string;
  readonly seniority: Seniority;
  readonly object: SourceObject;
  readonly targets: readonly TargetState[];
  /** What the ports that the policy covers get. */
  readonly effect: PolicyEffect;
  /** Why `ResolvedRefs` is False; null: it is True. */
  readonly unresolved: Unresolved | null;
  /** False when the schema refuses the object, so that its references were not resolved. */
  readonly readable: boolean;
  /** Services of other namespaces that the policy may be meant for, so that it closes their ports. */
  readonly closed: readonly ClosedService[];
}

/** The policies that decide about the ports of one Service. */
interface Coverage {
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

/** The policies of the cluster. */
export interface Policies {
  /** By `namespace/name`, in that order. */
  readonly all: ReadonlyMap<string, PolicyState>;
  /** By `namespace/name` of the Service. */
  readonly coverage: ReadonlyMap<string, Coverage>;
  /** Policies with a missing target that may mean a Service, which they do not protect; by `namespace/name` of the Service. */
  readonly mistargeted: ReadonlyMap<string, Group<PolicyState>>;
  readonly services: ServiceIndex;
}

/** A policy and its targets, before conflicts between policies are decided. */
interface UnresolvedPolicy {
  readonly name: string;
  readonly seniority: Seniority;
  readonly entry: Entry<BackendTLSPolicy>;
  readonly targets: readonly UnresolvedTarget[];
}

/** Resolves every policy of the cluster. */
export function resolvePolicies(cluster: Cluster, memory: Memory, diagnostics: Diagnostics): Policies {
  const entries = [...cluster.BackendTLSPolicy.values()];
  const read = memory.each("policy targets", { items: entries }, diagnostics, readPolicy);
  const byPrecedence = memory.once("policies by age", [read], diagnostics, () =>
    [...read].sort((a, b) => compareSeniority(a.seniority, b.seniority)),
  );
  const decided = memory.once("policy winners", [byPrecedence], diagnostics, () => winnersOf(byPrecedence));
  const winners = memory.source("policy winners", decided);
  const services = indexServices(cluster, memory, diagnostics);
  const states = memory.each("policies", { items: byPrecedence }, diagnostics, (policy, own) =>
    resolvePolicy(policy, { winners, cluster, services }, own),
  );
  const byName = memory.once("policies by name", [states], diagnostics, () => byNameOf(states));
  const byAge = (a: PolicyState, b: PolicyState): number => compareSeniority(a.seniority, b.seniority);
  const byService = memory.group("policies by Service", states, servicesOf, byAge);
  const mistargeted = memory.group("policies by likely Service", states, likelyTargetsOf, byAge);
  const covered = memory.each("coverage", { items: [...byService.values()] }, diagnostics, coverageOf);
  const coverage = memory.once("coverage by Service", [covered], diagnostics, () => new Map(covered));
  return {
    all: memory.source("policies", byName),
    coverage: memory.source("coverage", coverage),
    mistargeted: memory.source("policies by likely Service", mistargeted),
    services,
  };
}

const byNameOf = (states: readonly PolicyState[]): Map<string, PolicyState> =>
  new Map([...states].sort((a, b) => compareStrings(a.name, b.name)).map((state) => [state.name, state]));

/**
 * The policy that takes precedence for each Service and port, by {@link targetKey}. Validity plays no part: an older policy
 * that is invalid keeps its targets, and closes their ports.
 */
function winnersOf(byPrecedence: readonly UnresolvedPolicy[]): Map<string, string> {
  const winners = new Map<string, string>();
  for (const { name, targets } of byPrecedence) {
    for (const target of targets)
      if (target.service !== null && !winners.has(targetKey(target.service, target.ref.sectionName)))
        winners.set(targetKey(target.service, target.ref.sectionName), name);
  }
  return winners;
}

function readPolicy(entry: Entry<BackendTLSPolicy>): UnresolvedPolicy {
  const name = namespacedName(entry.object.ref);
  const namespace = entry.object.ref.namespace ?? "default";
  // load.ts stops the build when the targets cannot be read.
  const refs = readTargets(entry.object.value) ?? [];
  // A target with a wrong group, or a misspelt kind, still names the Service that its author means to protect.
  const targets = refs.map((ref, index) => ({
    index,
    ref,
    service: /^services?$/i.test(ref.kind) ? `${namespace}/${ref.name}` : null,
  }));
  return { name, seniority: seniorityOf(name, entry.object.value), entry, targets };
}

function resolvePolicy(
  { name, seniority, entry, targets }: UnresolvedPolicy,
  context: TargetContext,
  diagnostics: Diagnostics,
): PolicyState {
  const { object } = entry;
  const attachments = targets.map((target) => attachTarget(target, name, object, context));
  for (const { problems } of attachments) for (const problem of problems) diagnostics.report(object, problem);
  // Where every target is in another namespace, other objects are missing for the same reason, and are not reported.
  const isElsewhere = attachments.length > 0 && attachments.every(({ fault }) => fault?.code === "policy-misplaced");
  const judged =
    entry.kind === "valid"
      ? judgePolicy(entry.object, context.cluster, isElsewhere ? new Diagnostics() : diagnostics)
      : { effect: refusedBySchema(object, entry.problem), unresolved: null };
  let { effect, unresolved } = judged;
  for (const { fault } of attachments) {
    if (fault === null) continue;
    const message = explain(object, fault);
    // "If a SectionName is specified, but does not exist on the targeted object, the Policy must fail to attach."
    unresolved ??= { reason: "TargetNotFound", message };
    if ((fault.code === "policy-section-not-found" || fault.code === "policy-schema") && effect.kind === "enforced")
      effect = { kind: "refused", code: fault.code, reason: "TargetNotFound", message };
  }
  return {
    name,
    seniority,
    object,
    targets: attachments.map(({ state }) => state),
    effect,
    unresolved,
    readable: entry.kind === "valid",
    closed: attachments.flatMap(({ closed }) => closed),
  };
}

function refusedBySchema(object: SourceObject, problem: Problem): PolicyEffect {
  const { code: own } = problem;
  const code =
    own === "policy-hostname" || own === "policy-option" || own === "policy-well-known-ca" ? own : "policy-schema";
  return { kind: "refused", code, reason: "Invalid", message: explain(object, problem) };
}

/** The Services about which a policy says something. */
const servicesOf = ({ targets, closed }: PolicyState): string[] => [
  ...new Set([
    ...targets.flatMap(({ service, verdict }) => (service === null || verdict.kind === "lost" ? [] : [service])),
    ...closed.map(({ service }) => service),
  ]),
];

/** The Services that a missing target of the policy may mean. */
const likelyTargetsOf = ({ targets }: PolicyState): string[] => [
  ...new Set(targets.flatMap(({ verdict }) => (verdict.kind === "not-found" ? verdict.likely : []))),
];

/** The coverage of one Service, from the policies about it, the oldest first. */
function coverageOf({ key, items }: Group<PolicyState>): [service: string, coverage: Coverage] {
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
