/**
 * Merges a computed status into the status that an object has. Entries and conditions of other controllers stay as they
 * are, and `lastTransitionTime` changes only when a condition's status changes.
 */
import { type Condition, CONTROLLER_NAME } from "../compile/index.ts";
import type { KubeObject } from "./api.ts";
import type { Serving } from "./serving.ts";

/** A condition as it stands in an object's status. */
interface TimedCondition extends Condition {
  readonly lastTransitionTime: string;
}
type Json = Readonly<Record<string, unknown>>;

/** Types of the conditions that this controller sets. Other controllers may add conditions of other types. */
const OWN_TYPES = new Set([
  "Accepted",
  "Programmed",
  "ResolvedRefs",
  "Conflicted",
  "InsecureFrontendValidationMode",
  "OverlappingTLSConfig",
]);

/** One merge. `now` is RFC 3339. */
interface Merge {
  readonly kind: string;
  readonly generation: number | undefined;
  readonly current: Json;
  readonly computed: Json;
  readonly serving: Serving | null;
  readonly now: string;
}

/**
 * The whole status to write; null when it equals the object's. `serving` is not null for Gateways and ListenerSets alone,
 * `now` is RFC 3339.
 */
export function mergeStatus(object: KubeObject, computed: Json, serving: Serving | null, now: string): Json | null {
  const current = (object.status ?? {}) as Json;
  const { kind, metadata } = object;
  const merged = mergeKind({ kind, generation: metadata.generation, current, computed, serving, now });
  return isSameJson(current, merged) ? null : merged;
}

function mergeKind(merge: Merge): Json {
  const { kind, current, computed, now } = merge;
  switch (kind) {
    case "Gateway":
    case "ListenerSet":
      return mergeServed(merge);
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

/** The status of a Gateway or ListenerSet, with the condition `Programmed` of itself and of each listener. */
function mergeServed(merge: Merge): Json {
  const { current, computed, serving, now } = merge;
  const conditions = conditionsOf(computed);
  const parentAccepted = isTrue(conditions, "Accepted");
  const listeners = listOf(computed["listeners"]).map((listener) => {
    const previous = listOf(current["listeners"]).find(({ name }) => name === listener["name"]) ?? {};
    const own = conditionsOf(listener);
    return {
      ...listener,
      conditions: ownConditions(previous, [...own, ...programmed(own, parentAccepted, merge)], now),
    };
  });
  // No other controller adds to `listeners`, so the object's own list is dropped even where none is computed.
  const { listeners: _, ...kept } = current;
  return {
    ...kept,
    ...computed,
    ...(serving?.addresses === null || serving === null ? {} : { addresses: serving.addresses }),
    conditions: ownConditions(current, [...conditions, ...programmed(conditions, true, merge)], now),
    ...(computed["listeners"] === undefined ? {} : { listeners }),
  };
}

/** The condition `Programmed` beside `own`, the other conditions; none while nothing is known about serving. */
function programmed(
  own: readonly Condition[],
  parentAccepted: boolean,
  { kind, generation, serving }: Merge,
): Condition[] {
  if (serving === null) return [];
  const accepted = own.find(({ type }) => type === "Accepted");
  const outcome =
    parentAccepted && accepted?.status === "True"
      ? serving.programmed
      : {
          status: "False" as const,
          // A ListenerSet's `Programmed` has the reason of its `Accepted`. A Gateway's has `GatewayReasonInvalid`, a
          // Gateway's listener's `ListenerReasonInvalid`, which are both "Invalid".
          reason: kind === "ListenerSet" && accepted?.status === "False" ? accepted.reason : "Invalid",
          message: "It is not accepted, so it is not served",
        };
  return [{ type: "Programmed", ...(generation === undefined ? {} : { observedGeneration: generation }), ...outcome }];
}

const isTrue = (conditions: readonly Condition[], type: string): boolean =>
  conditions.some((condition) => condition.type === type && condition.status === "True");

/** The conditions of this controller as computed, then those of other controllers as they were. */
function ownConditions(current: Json, own: readonly Condition[], now: string): TimedCondition[] {
  const previous = listOf(current["conditions"]) as unknown as TimedCondition[];
  const types = new Set(own.map(({ type }) => type));
  const foreign = previous.filter(({ type }) => !types.has(type) && !OWN_TYPES.has(type));
  return [...own.map((condition) => timed(condition, previous, now)), ...foreign];
}

/** The entries of `parents` or `ancestors`: other controllers' entries keep their places, our entries are replaced. */
function mergeEntries(current: readonly Json[], computed: readonly Json[], ref: string, now: string): Json[] {
  const unplaced = [...computed];
  const merged: Json[] = [];
  for (const entry of current) {
    if (entry["controllerName"] !== CONTROLLER_NAME) {
      merged.push(entry);
      continue;
    }
    const index = unplaced.findIndex((own) => isSameJson(own[ref], entry[ref]));
    const [own] = index < 0 ? [] : unplaced.splice(index, 1);
    if (own !== undefined) merged.push(timedEntry(own, entry, now));
  }
  return [...merged, ...unplaced.map((own) => timedEntry(own, {}, now))];
}

function timedEntry(own: Json, previous: Json, now: string): Json {
  const conditions = conditionsOf(own).map((condition) =>
    timed(condition, listOf(previous["conditions"]) as unknown as TimedCondition[], now),
  );
  return { ...own, conditions };
}

function timed(condition: Condition, previous: readonly TimedCondition[], now: string): TimedCondition {
  const old = previous.find(({ type }) => type === condition.type);
  return { ...condition, lastTransitionTime: old?.status === condition.status ? old.lastTransitionTime : now };
}

const conditionsOf = (value: Json): Condition[] => listOf(value["conditions"]) as unknown as Condition[];

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

/** Whether two values are equal as JSON. The order of keys does not matter. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Json, b as Json];
  const keys = definedKeys(left);
  return keys.length === definedKeys(right).length && keys.every((key) => isSameJson(left[key], right[key]));
}

const definedKeys = (value: Json): string[] => Object.keys(value).filter((key) => value[key] !== undefined);

/** Whether this version of an object is outdated: one of our conditions was written for a newer generation than it has. */
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
      OWN_TYPES.has(String(type)) && typeof observedGeneration === "number" && observedGeneration > generation,
  );
}
