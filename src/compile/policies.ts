/** BackendTLSPolicies: their targets, which of them wins where, and what each means (`BackendTLSPolicySpec.targetRefs`). */
import type { BundleTransport } from "../bundle/types.ts";
import {
  compareStrings,
  type Diagnostics,
  explain,
  namespacedName,
  type Problem,
  show,
  type SourceObject,
} from "./diagnostics.ts";
import type { Cluster, Entry } from "./load.ts";
import type { Group, Memory } from "./memory.ts";
import type { BackendTLSPolicy, PolicyTarget, Service, ServicePort } from "./objects.ts";
import { judgePolicy, type PolicyEffect, type Unresolved } from "./policy-effect.ts";
import { readTargets } from "./policy-targets.ts";
import { compareSeniority, type Seniority, seniorityOf } from "./seniority.ts";

export interface TargetState {
  readonly index: number;
  readonly ref: PolicyTarget;
  /** `namespace/name`; null when the target is no Service at all. */
  readonly service: string | null;
  readonly sectionName: string | null;
  readonly verdict:
    | { readonly kind: "won" }
    /** An older policy has the same target and section. */
    | { readonly kind: "lost"; readonly to: string; readonly message: string }
    | { readonly kind: "not-found"; readonly message: string };
}

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
}

/** Who decides about the ports of one Service. */
export interface Coverage {
  /** By port name. */
  readonly sections: ReadonlyMap<string, PolicyState>;
  readonly whole: PolicyState | null;
  /** Policies that name a port the Service does not have: they close every port nobody else covers. */
  readonly closers: readonly PolicyState[];
}

export interface Policies {
  readonly all: ReadonlyMap<string, PolicyState>;
  /** By `namespace/service`. */
  readonly coverage: ReadonlyMap<string, Coverage>;
}

/** A policy and its targets, before anything is decided. */
interface Claimant {
  readonly name: string;
  readonly seniority: Seniority;
  readonly entry: Entry<BackendTLSPolicy>;
  readonly targets: readonly { readonly index: number; readonly ref: PolicyTarget; readonly service: string | null }[];
}

export function resolvePolicies(cluster: Cluster, memory: Memory, diagnostics: Diagnostics): Policies {
  const policies = [...cluster.BackendTLSPolicy.values()];
  const claims = memory.each("policy claims", [], policies, diagnostics, claim);
  const claimants = memory.once("policies by age", [claims], diagnostics, () =>
    [...claims].sort((a, b) => compareSeniority(a.seniority, b.seniority)),
  );
  const decided = memory.once("policy winners", [claimants], diagnostics, () => winnersOf(claimants));
  const winners = memory.source("policy winners", decided);
  const states = memory.each("policies", [], claimants, diagnostics, (claimant, own) =>
    settle(claimant, winners, cluster, own),
  );
  const byName = memory.once("policies by name", [states], diagnostics, () => byNameOf(states));
  const byService = memory.group("policies by Service", states, coveredBy, (a, b) =>
    compareSeniority(a.seniority, b.seniority),
  );
  const covered = memory.each("coverage", [], [...byService.values()], diagnostics, coverageOf);
  const coverage = memory.once("coverage by Service", [covered], diagnostics, () => new Map(covered));
  return { all: memory.source("policies", byName), coverage: memory.source("coverage", coverage) };
}

const byNameOf = (states: readonly PolicyState[]): Map<string, PolicyState> =>
  new Map([...states].sort((a, b) => compareStrings(a.name, b.name)).map((state) => [state.name, state]));

/** Decided before validity: an invalid older policy wins, and fails closed. */
function winnersOf(claimants: readonly Claimant[]): Map<string, string> {
  const winners = new Map<string, string>();
  for (const { name, targets } of claimants) {
    for (const target of targets)
      if (target.service !== null && !winners.has(slot(target))) winners.set(slot(target), name);
  }
  return winners;
}

const slot = ({ service, ref }: { service: string | null; ref: PolicyTarget }): string =>
  `${service}\0${ref.sectionName ?? ""}`;

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
  diagnostics: Diagnostics,
): PolicyState {
  const { object } = entry;
  const judged =
    entry.kind === "valid"
      ? judgePolicy(entry.object, cluster, diagnostics)
      : { effect: refusedBySchema(object, entry.problem), unresolved: null };
  let { effect, unresolved } = judged;
  const states: TargetState[] = [];
  for (const { index, ref, service } of targets) {
    const at = ["spec", "targetRefs", index];
    const base = { index, ref, service, sectionName: ref.sectionName ?? null };
    const winner = winners.get(slot({ service, ref }));
    const fault = targetFault(ref, service, cluster);
    if (service !== null && winner !== undefined && winner !== name) {
      const problem = conflict(at, ref, winner);
      diagnostics.report(object, problem);
      states.push({ ...base, verdict: { kind: "lost", to: winner, message: explain(object, problem) } });
    } else if (fault !== null) {
      const problem: Problem = { ...fault, path: [...at, ...fault.path] };
      diagnostics.report(object, problem);
      const message = explain(object, problem);
      states.push({ ...base, verdict: { kind: "not-found", message } });
      // "If a SectionName is specified, but does not exist on the targeted object, the Policy must fail to attach."
      unresolved ??= { reason: "TargetNotFound", message };
      if (problem.code === "policy-section-not-found" && effect.kind === "enforced") {
        effect = { kind: "refused", code: "policy-section-not-found", reason: "TargetNotFound", message };
      } else if (problem.code === "policy-schema" && effect.kind === "enforced") {
        effect = { kind: "refused", code: "policy-schema", reason: "TargetNotFound", message };
      }
    } else states.push({ ...base, verdict: { kind: "won" } });
  }
  return { name, seniority, object, targets: states, effect, unresolved, readable: entry.kind === "valid" };
}

function refusedBySchema(object: SourceObject, problem: Problem): PolicyEffect {
  const { code: own } = problem;
  const code =
    own === "policy-hostname" || own === "policy-option" || own === "policy-well-known-ca" ? own : "policy-schema";
  return { kind: "refused", code, reason: "Invalid", message: explain(object, problem) };
}

function conflict(at: (string | number)[], ref: PolicyTarget, winner: string): Problem {
  const target = `Service ${ref.name}${ref.sectionName === undefined ? "" : ` port ${ref.sectionName}`}`;
  return {
    code: "policy-conflict",
    path: at,
    message: `${target} already has policy ${winner}, which is older or comes first by name`,
    expected: "one policy for each Service and port",
    found: show(ref.name),
    remedy: `remove one of the two policies, or tell them apart by sectionName`,
  };
}

function targetFault(
  { group, kind, name, sectionName }: PolicyTarget,
  service: string | null,
  cluster: Cluster,
): Problem | null {
  if (group !== "" || kind !== "Service" || service === null) {
    // The wrong group or spelling of a Service closes its ports; another kind has none.
    return {
      code: service === null ? "policy-target-kind" : "policy-schema",
      path: [kind === "Service" ? "group" : "kind"],
      message: "lasthop applies BackendTLSPolicy to Services alone",
      expected: 'group "" and kind Service',
      found: `${show(group)} ${kind}`,
      remedy: "target the Service",
    };
  }
  const entry = cluster.Service.get(service);
  if (entry?.kind !== "valid") {
    return {
      code: "policy-target-not-found",
      path: ["name"],
      message: `Service ${service} is ${entry === undefined ? "not among the inputs" : "refused itself"}`,
      expected: "a Service of the policy's namespace",
      found: show(name),
      remedy: "add the Service, or correct the name",
    };
  }
  // TLS runs over TCP: a policy for a port of another protocol would be accepted and enforced nowhere.
  const ports = entry.object.value.spec.ports.filter(({ protocol }) => protocol === "TCP");
  if (sectionName === undefined || ports.some((port) => port.name === sectionName)) return null;
  const known = ports.map((port) => port.name).filter((port) => port !== "");
  return {
    code: "policy-section-not-found",
    path: ["sectionName"],
    message: `Service ${service} has no TCP port of this name, so every port of it that no accepted policy covers is closed`,
    expected: known.length === 0 ? "no sectionName: the Service's ports have no names" : `one of ${known.join(", ")}`,
    found: show(sectionName),
    remedy: "use the name of one of the Service's ports",
  };
}

/** Services about which the policy says something. */
const coveredBy = ({ targets }: PolicyState): string[] => [
  ...new Set(targets.flatMap(({ service, verdict }) => (service === null || verdict.kind === "lost" ? [] : [service]))),
];

function coverageOf({ key, items }: Group<PolicyState>): [service: string, coverage: Coverage] {
  const sections = new Map<string, PolicyState>();
  const closers: PolicyState[] = [];
  let whole: PolicyState | null = null;
  for (const state of items) {
    for (const { service, sectionName, verdict } of state.targets) {
      if (service !== key || verdict.kind === "lost") continue;
      if (sectionName === null) whole = state;
      else if (verdict.kind === "not-found") closers.push(state);
      else sections.set(sectionName, state);
    }
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
  const [closer] = coverage.closers;
  if (closer === undefined) return null;
  const policies = coverage.closers.map(({ name }) => name).sort(compareStrings);
  return { policy: closer, transport: { kind: "refused", code: "policy-section-not-found", policies } };
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
