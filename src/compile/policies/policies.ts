/** BackendTLSPolicies: what each means, and which of them decides about the ports of a Service (`BackendTLSPolicySpec.targetRefs`). */
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

import { judgePolicy, type PolicyEffect } from "./effect.ts";
import { attachTarget, type UnresolvedTarget } from "./attachments.ts";
import { type TargetContext, targetKey } from "./target-context.ts";
import { readTargets } from "../load/policy-targets.ts";
import { compareSeniority, type Seniority, seniorityOf } from "../kubernetes/seniority.ts";
import type { PolicyState } from "./state.ts";
import { type Coverage, coverageOf } from "./coverage.ts";

/** The policies of the cluster. */
export interface Policies {
  /** Policies by `namespace/name`, in that order. */
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

/** The Services whose ports a policy covers or closes. */
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
