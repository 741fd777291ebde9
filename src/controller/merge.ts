/**
 * What we compute, merged into the status an object has: foreign entries and conditions stay as they are, and
 * `lastTransitionTime` moves only when a condition's status does.
 */
import { type Condition, CONTROLLER_NAME } from "../compile/index.ts";
import type { KubeObject } from "./api.ts";

/** What the compiler leaves to us. */
export interface Serving {
  /** Null: nothing is known yet, or nothing shall be programmed. */
  readonly addresses: readonly object[] | null;
  readonly programmed: { readonly status: "True" | "False"; readonly reason: string; readonly message: string };
}

interface Timed extends Condition {
  readonly lastTransitionTime: string;
}
type Json = Readonly<Record<string, unknown>>;

/** Conditions on objects that other controllers may add theirs to: these are ours. */
const OURS = new Set([
  "Accepted",
  "Programmed",
  "ResolvedRefs",
  "Conflicted",
  "InsecureFrontendValidationMode",
  "OverlappingTLSConfig",
]);

/**
 * The status to write; null when it says what is there already. `serving` for Gateways and ListenerSets alone; `now`
 * is RFC 3339.
 */
export function mergeStatus(object: KubeObject, computed: Json, serving: Serving | null, now: string): Json | null {
  const current = (object.status ?? {}) as Json;
  const merged = mergeKind(object, current, computed, serving, now);
  return same(current, merged) ? null : merged;
}

function mergeKind(
  { kind, metadata }: KubeObject,
  current: Json,
  computed: Json,
  serving: Serving | null,
  now: string,
): Json {
  const generation = metadata.generation;
  switch (kind) {
    case "Gateway":
    case "ListenerSet":
      return mergeServed(kind, current, computed, serving, generation, now);
    case "GatewayClass":
      return { ...current, ...computed, conditions: ownConditions(current, conditionsOf(computed), now) };
    case "BackendTLSPolicy":
      return {
        ...current,
        ancestors: mergeEntries(listOf(current["ancestors"]), listOf(computed["ancestors"]), "ancestorRef", now),
      };
    default:
      return {
        ...current,
        parents: mergeEntries(listOf(current["parents"]), listOf(computed["parents"]), "parentRef", now),
      };
  }
}

function mergeServed(
  kind: "Gateway" | "ListenerSet",
  current: Json,
  computed: Json,
  serving: Serving | null,
  generation: number | undefined,
  now: string,
): Json {
  const programmed = (own: readonly Condition[], parent: boolean): Condition[] => {
    if (serving === null) return [];
    const accepted = own.find(({ type }) => type === "Accepted");
    const verdict =
      parent && accepted?.status === "True"
        ? serving.programmed
        : {
            status: "False" as const,
            // What a ListenerSet is refused for stands in both; a Gateway has a reason of its own for it
            // (`GatewayReasonInvalid`, `ListenerReasonInvalid`).
            reason: kind === "ListenerSet" && accepted?.status === "False" ? accepted.reason : "Invalid",
            message: "It is not accepted, so it is not served",
          };
    return [
      { type: "Programmed", ...(generation === undefined ? {} : { observedGeneration: generation }), ...verdict },
    ];
  };
  const conditions = conditionsOf(computed);
  const served = isTrue(conditions, "Accepted");
  const listeners = listOf(computed["listeners"]).map((listener) => {
    const before = listOf(current["listeners"]).find(({ name }) => name === listener["name"]) ?? {};
    const own = conditionsOf(listener);
    return { ...listener, conditions: ownConditions(before, [...own, ...programmed(own, served)], now) };
  });
  // Listeners are ours alone: of an object that has none left, none stay.
  const { listeners: _, ...kept } = current;
  return {
    ...kept,
    ...computed,
    ...(serving?.addresses === null || serving === null ? {} : { addresses: serving.addresses }),
    conditions: ownConditions(current, [...conditions, ...programmed(conditions, true)], now),
    ...(computed["listeners"] === undefined ? {} : { listeners }),
  };
}

const isTrue = (conditions: readonly Condition[], type: string): boolean =>
  conditions.some((condition) => condition.type === type && condition.status === "True");

/** Ours as computed, in their order; then the foreign ones as they were. */
function ownConditions(current: Json, own: readonly Condition[], now: string): Timed[] {
  const before = listOf(current["conditions"]) as unknown as Timed[];
  const types = new Set(own.map(({ type }) => type));
  const foreign = before.filter(({ type }) => !types.has(type) && !OURS.has(type));
  return [...own.map((condition) => timed(condition, before, now)), ...foreign];
}

/** Entries of parents or ancestors: those of other controllers stay, in their places; ours are replaced. */
function mergeEntries(current: readonly Json[], computed: readonly Json[], ref: string, now: string): Json[] {
  const left = [...computed];
  const merged: Json[] = [];
  for (const entry of current) {
    if (entry["controllerName"] !== CONTROLLER_NAME) {
      merged.push(entry);
      continue;
    }
    const at = left.findIndex((own) => same(own[ref], entry[ref]));
    const [own] = at < 0 ? [] : left.splice(at, 1);
    if (own !== undefined) merged.push(timedEntry(own, entry, now));
  }
  return [...merged, ...left.map((own) => timedEntry(own, {}, now))];
}

function timedEntry(own: Json, before: Json, now: string): Json {
  const conditions = conditionsOf(own).map((condition) =>
    timed(condition, listOf(before["conditions"]) as unknown as Timed[], now),
  );
  return { ...own, conditions };
}

function timed(condition: Condition, before: readonly Timed[], now: string): Timed {
  const old = before.find(({ type }) => type === condition.type);
  return { ...condition, lastTransitionTime: old?.status === condition.status ? old.lastTransitionTime : now };
}

const conditionsOf = (value: Json): Condition[] => listOf(value["conditions"]) as unknown as Condition[];

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

/** Equal as JSON, whatever the order of keys. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Json, b as Json];
  const keys = definedKeys(left);
  return keys.length === definedKeys(right).length && keys.every((key) => same(left[key], right[key]));
}

const definedKeys = (value: Json): string[] => Object.keys(value).filter((key) => value[key] !== undefined);

/** Whether some condition of ours was written for a newer generation than this object has: it was read late. */
export function isStale({ metadata, status }: KubeObject): boolean {
  const { generation } = metadata;
  if (generation === undefined) return false;
  const value = (status ?? {}) as Json;
  const own = [...listOf(value["parents"]), ...listOf(value["ancestors"])].filter(
    ({ controllerName }) => controllerName === CONTROLLER_NAME,
  );
  const conditions = [value, ...own, ...listOf(value["listeners"])].flatMap((each) => listOf(each["conditions"]));
  return conditions.some(
    ({ type, observedGeneration }) =>
      OURS.has(String(type)) && typeof observedGeneration === "number" && observedGeneration > generation,
  );
}
