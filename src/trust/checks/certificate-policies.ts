/**
 * Certificate policies (RFC 5280 §6.1.2 to §6.1.5), validated with the initial policy set anyPolicy. The result is
 * only whether a valid policy remains when one is required. So a level of the policy tree is a map, as in RFC 9618,
 * and its size is linear in the size of the certificates.
 */
import type { Certificate } from "../x509/certificate.ts";

const ANY_POLICY = "2.5.29.32.0";

/**
 * The deepest level of the policy tree: each valid policy with the policies expected in the next certificate. Null:
 * no policy is valid.
 */
type Level = ReadonlyMap<string, readonly string[]> | null;

/** Why the policies of a path do not hold: what was expected and what was found, for people. */
interface PolicyProblem {
  /** Index of the certificate in the path, end entity first. */
  readonly index: number;
  readonly expected: string;
  readonly presented: string;
}

/**
 * Checks the policies of a path, end entity first, anchor last. The anchor's own policies and constraints count (RFC
 * 5937 §3.2).
 */
export function checkPolicies(path: readonly Certificate[]): PolicyProblem | null {
  let level: Level = new Map([[ANY_POLICY, [ANY_POLICY]]]);
  // §6.1.2 (d)-(f): nothing required, mapping and anyPolicy allowed.
  const remaining = { explicit: Infinity, mapping: Infinity, any: Infinity };
  for (let index = path.length - 1; index >= 0; index--) {
    const certificate = path[index];
    if (certificate === undefined) continue;
    const isAnchor = index === path.length - 1;
    const isLast = index === 0;
    // §6.1.3 (d)-(e). An anchor that asserts no policy restricts none.
    if (certificate.policies !== null) {
      level = nextLevel(level, certificate.policies, remaining.any > 0 || (!isLast && certificate.selfIssued));
    } else if (!isAnchor) {
      level = null;
    }
    // §6.1.5 (a)-(b): the last certificate takes its own step and its own requireExplicitPolicy into account.
    if (isLast && remaining.explicit > 0) remaining.explicit--;
    if (isLast && certificate.policyConstraints?.requireExplicit === 0) remaining.explicit = 0;
    // §6.1.3 (f), §6.1.5 (g).
    if (remaining.explicit <= 0 && level === null) {
      return {
        index,
        expected: "a certificate policy that every CA above asserts",
        presented: certificate.policies?.join(", ") ?? "no certificate policies",
      };
    }
    if (isLast) break;
    if (certificate.policyMappings !== null) {
      // §6.1.4 (a).
      if (certificate.policyMappings.some((pair) => pair.includes(ANY_POLICY))) {
        return { index, expected: "no policy mapping from or to anyPolicy", presented: "a mapping with anyPolicy" };
      }
      level = mapPolicies(level, certificate.policyMappings, remaining.mapping > 0);
    }
    // §6.1.4 (h). An anchor is no certificate of the path.
    if (!certificate.selfIssued && !isAnchor) {
      remaining.explicit--;
      remaining.mapping--;
      remaining.any--;
    }
    // §6.1.4 (i)-(j).
    remaining.explicit = Math.min(remaining.explicit, certificate.policyConstraints?.requireExplicit ?? Infinity);
    remaining.mapping = Math.min(remaining.mapping, certificate.policyConstraints?.inhibitMapping ?? Infinity);
    remaining.any = Math.min(remaining.any, certificate.inhibitAnyPolicy ?? Infinity);
  }
  return null;
}

/** The next level of the policy tree, from the policies that a certificate asserts (§6.1.3 (d)). */
function nextLevel(level: Level, policies: readonly string[], anyAllowed: boolean): Level {
  if (level === null) return null;
  const expected = new Set<string>();
  for (const set of level.values()) for (const policy of set) expected.add(policy);
  const below = new Map<string, readonly string[]>();
  for (const policy of policies) {
    if (policy === ANY_POLICY) continue;
    if (expected.has(policy) || level.has(ANY_POLICY)) below.set(policy, [policy]);
  }
  if (anyAllowed && policies.includes(ANY_POLICY)) {
    for (const policy of expected) if (!below.has(policy)) below.set(policy, [policy]);
  }
  return below.size === 0 ? null : below;
}

/** The level with the policy mappings of a certificate applied (§6.1.4 (b)). */
function mapPolicies(level: Level, mappings: readonly (readonly [string, string])[], allowed: boolean): Level {
  if (level === null) return null;
  const targets = new Map<string, string[]>();
  for (const [issuer, subject] of mappings) {
    const list = targets.get(issuer);
    if (list === undefined) targets.set(issuer, [subject]);
    else list.push(subject);
  }
  const mapped = new Map(level);
  for (const [policy, subjects] of targets) {
    if (!allowed) mapped.delete(policy);
    else if (level.has(policy) || level.has(ANY_POLICY)) mapped.set(policy, subjects);
  }
  return mapped.size === 0 ? null : mapped;
}
