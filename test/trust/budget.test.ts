/** The budget of a verdict: what is charged, and when the budget is spent. */
import { describe, expect, it } from "vitest";
import { Budget, DEFAULT_BUDGETS } from "../../src/trust/budget.ts";
import type { TrustPolicy } from "../../src/trust/index.ts";
import { HOST, type Minted, NOW, ca, dirName, dns, ext, name, server, uri, ders } from "../support/certificates.ts";
import { bytes } from "../support/der.ts";
import { ecKey } from "../support/keys.ts";
import { brief, check, policy, verdictOf, workOf, checkWithin } from "../support/verdicts.ts";

const root = ca("root");

describe("a budget", () => {
  it("is over for good once one limit is passed", () => {
    const budget = new Budget({ ...DEFAULT_BUDGETS, paths: 2, names: 5 });
    expect([budget.spend("paths", 1), budget.spend("paths", 1), budget.check("names", 5)]).toEqual([true, true, true]);
    expect(budget.exceeded).toBeNull();
    expect([budget.spend("paths", 1), budget.spend("signatures", 1), budget.check("names", 1)]).toEqual([
      false,
      false,
      false,
    ]);
    expect(budget.exceeded).toBe("paths");
    const names = new Budget(DEFAULT_BUDGETS);
    expect(names.check("names", DEFAULT_BUDGETS.names + 1)).toBe(false);
    expect(names.exceeded).toBe("names");
    expect(names.spend("paths", 0)).toBe(false);
  });
  it("counts each comparison: one for a constraint of the type of a name, two for one RDN", async () => {
    const limited = ca("limited", root, {
      extensions: [ext.constraints([dns("example.com"), dirName(name(HOST))], [uri("a.test")])],
    });
    const chain = [server(limited), limited];
    // Comparisons for issuers: anchor and CA against each other's name, issuer against subject of the leaf and of the CA.
    const issuers = 4 * 2;
    // Comparisons of the leaf: the dNSName with the policy's name and one constraint, the subject with one of one RDN.
    const cost = issuers + 1 + 1 + 2;
    expect(await checkWithin({ comparisons: cost }, root, chain)).toBe("verified");
    expect(await checkWithin({ comparisons: cost - 1 }, root, chain)).toBe("budget-exceeded@null");
    const excluding = ca("excluding", root, { extensions: [ext.constraints([], [dns("evil.test"), dns("b.test")])] });
    expect(await checkWithin({ comparisons: issuers + 1 + 2 }, root, [server(excluding), excluding])).toBe("verified");
    expect(await checkWithin({ comparisons: issuers + 1 + 1 }, root, [server(excluding), excluding])).toBe(
      "budget-exceeded@null",
    );
  });
});

const issuing = ca("issuing", root);

describe("a chain", () => {
  it("is charged once for each certificate, however often it is sent", async () => {
    const leaf = server(issuing);
    const once = await workOf(policy([root]), ders(leaf, issuing));
    const copies = await workOf(policy([root]), ders(leaf, issuing, issuing, leaf, issuing));
    expect([brief(once.verdict), copies.work]).toEqual(["verified", once.work]);
  });
  it("is charged before it is read", async () => {
    const verdict = async (work: number): Promise<string> =>
      brief(await verdictOf(policy([root], { budgets: { work } }), [{ ...root, der: bytes(1, 2, 3) }]));
    expect([await verdict(30), await verdict(29)]).toEqual(["malformed@0", "budget-exceeded@null"]);
  });
});

it("a budget that is exceeded keeps its first reason", () => {
  const budget = new Budget({ ...DEFAULT_BUDGETS, paths: 0, candidates: 0 });
  expect([budget.spend("paths", 1), budget.spend("candidates", 1)]).toEqual([false, false]);
  expect(budget.exceeded).toBe("paths");
});

describe("the limits of a verdict", () => {
  const chain = [server(root), ...Array.from({ length: 15 }, (_, index) => ca(`spare ${index}`))];
  it("sizes before anything is read", async () => {
    expect(await check(root, ...chain)).toBe("verified");
    expect(await check(root, ...chain, ca("one more"))).toBe("budget-exceeded@null");
    const total = chain.reduce((sum, { der }) => sum + der.length, 0);
    expect(brief(await verdictOf(policy([root], { budgets: { presentedBytes: total } }), chain))).toBe("verified");
    expect(brief(await verdictOf(policy([root], { budgets: { presentedBytes: total - 1 } }), chain))).toBe(
      "budget-exceeded@null",
    );
    expect(brief(await verdictOf(policy([root]), [server(root)], NOW, new Uint8Array(65_536)))).toBe(
      "budget-exceeded@null",
    );
  });
  const withBudget = async (budgets: TrustPolicy["budgets"]): Promise<string> => {
    const limited = ca("limited", root, { extensions: [ext.constraints([dns("a.example"), dns("example.com")])] });
    const endEntity = server(limited, { names: [dns(HOST), dns("b.example.com")] });
    return brief(await verdictOf(policy([root], { budgets: budgets ?? {} }), [endEntity, limited]));
  };
  // Comparisons for issuers, and of two alternative names with two constraints and the policy's name each.
  const comparisons = 8 + 2 * 3;
  it("names, comparisons, signatures, candidates and paths", async () => {
    expect(await withBudget({ names: 2, comparisons, signatures: 2, candidates: 2, paths: 1, opinions: 1 })).toBe(
      "verified",
    );
  });
  it.each([
    { names: 1 },
    { comparisons: comparisons - 1 },
    { signatures: 1 },
    { candidates: 1 },
    { paths: 0 },
    { opinions: 0 },
    { witnessed: 1 },
  ])("one less than the chain needs: %o", async (budget) => {
    expect(await withBudget(budget)).toBe("budget-exceeded@null");
  });
});

it("the witness verifies five signatures of P-384 keys, and no sixth", async () => {
  const key = ecKey("P-384", "SHA-384");
  const anchor = ca("anchor", null, { key });
  const cas: Minted[] = [];
  for (const level of [1, 2, 3, 4, 5]) cas.unshift(ca(`level ${level}`, cas[0] ?? anchor, { key }));
  const under = async (chain: readonly Minted[]): Promise<string> =>
    brief(await verdictOf(policy([anchor]), [server(chain[0] ?? anchor), ...chain]));
  expect([await under(cas.slice(1)), await under(cas)]).toEqual(["verified", "budget-exceeded@null"]);
});
