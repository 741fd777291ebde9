/** The policies of one Gateway's bundle, and its trust anchors, each once. */
import type { Bundle, BundleAnchorSet, BundlePolicy, Sha256Hex } from "../../bundle/types.ts";
import type { AnchorSource } from "../references/anchor-source.ts";
import { compareStrings } from "../diagnostics/diagnostics.ts";
import { digestJson } from "../digest.ts";
import type { ListenerState } from "../gateways/listener-state.ts";
import type { Model } from "../model.ts";

/** The policies that some backend uses, and the trust anchors of these policies and of listeners. Equal ones share an entry. */
export function emitPolicies(
  { policies }: Model,
  used: ReadonlySet<Sha256Hex>,
  listeners: readonly ListenerState[],
): Pick<Bundle, "anchors" | "anchorSets" | "policies"> {
  const found = new Map<Sha256Hex, BundlePolicy>();
  const sets: AnchorSet[] = [];
  for (const { effect } of policies.all.values()) {
    if (effect.kind !== "enforced" || !used.has(effect.digest)) continue;
    found.set(effect.digest, effect.policy);
    sets.push({ ...effect, digest: effect.policy.anchorSet });
  }
  for (const { verdict } of listeners) {
    const validation = verdict.kind === "accepted" ? verdict.tls?.clientValidation : undefined;
    if (validation?.kind === "valid") sets.push({ ...validation, digest: digestJson(validation.anchors) });
  }
  return { policies: sorted(found), ...emitAnchors(sets) };
}

/** The trust anchors of one policy or listener. */
interface AnchorSet {
  readonly digest: Sha256Hex;
  readonly anchors: readonly Sha256Hex[];
  readonly sources: readonly AnchorSource[];
}

function emitAnchors(sets: readonly AnchorSet[]): Pick<Bundle, "anchors" | "anchorSets"> {
  const names = new Map<Sha256Hex, Set<string>>();
  const anchorSets = new Map<Sha256Hex, BundleAnchorSet>();
  const used = new Map<Sha256Hex, string>();
  for (const { digest, anchors, sources } of sets) {
    const own = names.get(digest) ?? new Set();
    names.set(digest, own);
    for (const { name, certificates } of sources) {
      if (own.has(name)) continue;
      own.add(name);
      for (const [anchor, certificate] of certificates) used.set(anchor, certificate);
    }
    anchorSets.set(digest, { source: [], anchors });
  }
  for (const [digest, { anchors }] of anchorSets)
    anchorSets.set(digest, { source: [...(names.get(digest) ?? [])].sort(compareStrings), anchors });
  return { anchorSets: sorted(anchorSets), anchors: sorted(used) };
}

/** A record with the entries of a map, sorted by key. */
export function sorted<T>(map: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries([...map].sort(([a], [b]) => compareStrings(a, b)));
}
