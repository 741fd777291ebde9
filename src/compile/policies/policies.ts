/** BackendTLSPolicies: their targets, which of them wins where, and what each means (`BackendTLSPolicySpec.targetRefs`). */
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
import { indexServices, type ServiceIndex } from "./meant.ts";
import type { Group, Memory } from "../memory.ts";
import type { BackendTLSPolicy, Service, ServicePort } from "../kubernetes/objects.ts";
import { judgePolicy, type PolicyEffect, type Unresolved } from "./effect.ts";
import { attach, type Claim, type TargetState } from "./attachments.ts";
import { type Misplaced, slotOf } from "./misplaced.ts";
import { readTargets } from "../load/policy-targets.ts";
import { compareSeniority, type Seniority, seniorityOf } from "../kubernetes/seniority.ts";

export interface PolicyState {
  readonly name: string;
  readonly seniority: Seniority;
  readonly object: SourceObject;
  readonly targets: readonly TargetState[];
  /** What its won targets get. */
  readonly effect: PolicyEffect;
  readonly unresolved: Unresolved | null;
  /** False when the schema refuses the object, so that its references were never looked at. */
  readonly readable: boolean;
  /** Services of other namespaces that it closes for want of a namespace of its own. */
  readonly misplaced: readonly Misplaced[];
}

/** Who decides about the ports of one Service. */
export interface Coverage {
  /** By port name. */
  readonly sections: ReadonlyMap<string, PolicyState>;
  readonly whole: PolicyState | null;
  readonly closers: readonly Closer[];
}

/** A policy that names a port which the Service does not have, or that is not in the Service's namespace: it closes ports nobody covers. */
interface Closer {
  readonly policy: PolicyState;
  readonly code: "policy-section-not-found" | "policy-misplaced";
  /** The one port it closes; null: all. */
  readonly sectionName: string | null;
}

export interface Policies {
  readonly all: ReadonlyMap<string, PolicyState>;
  /** By `namespace/service`. */
  readonly coverage: ReadonlyMap<string, Coverage>;
  /** Policies of which a target may have meant the Service, by `namespace/service`; none protects it. */
  readonly meaning: ReadonlyMap<string, Group<PolicyState>>;
  readonly services: ServiceIndex;
}

/** A policy and its targets, before anything is decided. */
interface Claimant {
  readonly name: string;
  readonly seniority: Seniority;
  readonly entry: Entry<BackendTLSPolicy>;
  readonly targets: readonly Claim[];
}

export function resolvePolicies(cluster: Cluster, memory: Memory, diagnostics: Diagnostics): Policies {
  const policies = [...cluster.BackendTLSPolicy.values()];
  const claims = memory.each("policy claims", [], policies, diagnostics, claim);
  const claimants = memory.once("policies by age", [claims], diagnostics, () =>
    [...claims].sort((a, b) => compareSeniority(a.seniority, b.seniority)),
  );
  const decided = memory.once("policy winners", [claimants], diagnostics, () => winnersOf(claimants));
  const winners = memory.source("policy winners", decided);
  const services = indexServices(cluster, memory, diagnostics);
  const states = memory.each("policies", [], claimants, diagnostics, (claimant, own) =>
    settle(claimant, winners, cluster, services, own),
  );
  const byName = memory.once("policies by name", [states], diagnostics, () => byNameOf(states));
  const byAge = (a: PolicyState, b: PolicyState): number => compareSeniority(a.seniority, b.seniority);
  const byService = memory.group("policies by Service", states, coveredBy, byAge);
  const meaning = memory.group("policies by Service meant", states, meantBy, byAge);
  const covered = memory.each("coverage", [], [...byService.values()], diagnostics, coverageOf);
  const coverage = memory.once("coverage by Service", [covered], diagnostics, () => new Map(covered));
  return {
    all: memory.source("policies", byName),
    coverage: memory.source("coverage", coverage),
    meaning: memory.source("policies by Service meant", meaning),
    services,
  };
}

const byNameOf = (states: readonly PolicyState[]): Map<string, PolicyState> =>
  new Map([...states].sort((a, b) => compareStrings(a.name, b.name)).map((state) => [state.name, state]));

/** Decided before validity: an invalid older policy wins, and fails closed. */
function winnersOf(claimants: readonly Claimant[]): Map<string, string> {
  const winners = new Map<string, string>();
  for (const { name, targets } of claimants) {
    for (const target of targets)
      if (target.service !== null && !winners.has(slotOf(target.service, target.ref.sectionName)))
        winners.set(slotOf(target.service, target.ref.sectionName), name);
  }
  return winners;
}

function claim(entry: Entry<BackendTLSPolicy>): Claimant {
  const name = namespacedName(entry.object.ref);
  const namespace = entry.object.ref.namespace ?? "default";
  // load.ts stops the build when these cannot be read.
  const refs = readTargets(entry.object.value) ?? [];
  // A Service under a wrong group or spelling is still the Service its author means to protect.
  const targets = refs.map((ref, index) => ({
    index,
    ref,
    service: /^services?$/i.test(ref.kind) ? `${namespace}/${ref.name}` : null,
  }));
  return { name, seniority: seniorityOf(name, entry.object.value), entry, targets };
}

function settle(
  { name, seniority, entry, targets }: Claimant,
  winners: ReadonlyMap<string, string>,
  cluster: Cluster,
  services: ServiceIndex,
  diagnostics: Diagnostics,
): PolicyState {
  const { object } = entry;
  const attachments = targets.map((target) => attach(target, name, object, winners, cluster, services));
  for (const { problems } of attachments) for (const problem of problems) diagnostics.report(object, problem);
  // What else is missing in the namespace assumed follows from the one that is not given.
  const isElsewhere = attachments.length > 0 && attachments.every(({ fault }) => fault?.code === "policy-misplaced");
  const judged =
    entry.kind === "valid"
      ? judgePolicy(entry.object, cluster, isElsewhere ? new Diagnostics() : diagnostics)
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
    misplaced: attachments.flatMap(({ misplaced }) => misplaced),
  };
}

function refusedBySchema(object: SourceObject, problem: Problem): PolicyEffect {
  const { code: own } = problem;
  const code =
    own === "policy-hostname" || own === "policy-option" || own === "policy-well-known-ca" ? own : "policy-schema";
  return { kind: "refused", code, reason: "Invalid", message: explain(object, problem) };
}

/** Services about which the policy says something. */
const coveredBy = ({ targets, misplaced }: PolicyState): string[] => [
  ...new Set([
    ...targets.flatMap(({ service, verdict }) => (service === null || verdict.kind === "lost" ? [] : [service])),
    ...misplaced.map(({ service }) => service),
  ]),
];

const meantBy = ({ targets }: PolicyState): string[] => [
  ...new Set(targets.flatMap(({ verdict }) => (verdict.kind === "not-found" ? verdict.meant : []))),
];

function coverageOf({ key, items }: Group<PolicyState>): [service: string, coverage: Coverage] {
  const sections = new Map<string, PolicyState>();
  const closers: Closer[] = [];
  let whole: PolicyState | null = null;
  for (const policy of items) {
    for (const { service, sectionName, verdict } of policy.targets) {
      if (service !== key || verdict.kind === "lost") continue;
      if (sectionName === null) whole = policy;
      else if (verdict.kind === "not-found")
        closers.push({ policy, code: "policy-section-not-found", sectionName: null });
      else sections.set(sectionName, policy);
    }
    for (const { service, sectionName } of policy.misplaced)
      if (service === key) closers.push({ policy, code: "policy-misplaced", sectionName });
  }
  return [key, { sections, whole, closers }];
}

/** How the gateway connects to one port; null: no policy says anything about it. */
export function policyTransport(
  coverage: Coverage | undefined,
  port: ServicePort,
): { policy: PolicyState; transport: BundleTransport } | null {
  if (coverage === undefined) return null;
  // A policy for the port beats one for the whole Service, valid or not.
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
  const closers = coverage.closers.filter(({ sectionName }) => sectionName === null || sectionName === port.name);
  const [closer] = closers;
  if (closer === undefined) return null;
  const policies = [...new Set(closers.map(({ policy }) => policy.name))].sort(compareStrings);
  return { policy: closer.policy, transport: { kind: "refused", code: closer.code, policies } };
}

/** Whether a target is about a port that some route uses. */
export function targetsPort(target: TargetState, service: SourceObject<Service> | null, port: number): boolean {
  if (target.sectionName === null || service === null) return true;
  const named = service.value.spec.ports.filter(
    ({ name, protocol }) => name === target.sectionName && protocol === "TCP",
  );
  // An absent section closes ports of the whole Service.
  return named.length === 0 || named.some((own) => own.port === port);
}
