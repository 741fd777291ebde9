/** The order of the search, and single steps of RFC 5280 that a chain shows only under a tight budget. */
import { describe, expect, it, vi } from "vitest";
import { Budget, DEFAULT_BUDGETS } from "../../src/trust/budget.ts";
import { CertificateStore, type TrustPolicy, createVerifier } from "../../src/trust/index.ts";
import {
  CLIENT_AUTH,
  DAY,
  HOST,
  type Minted,
  NOW,
  ca,
  dirName,
  dns,
  email,
  ext,
  mint,
  name,
  server,
  uri,
} from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { ecKey } from "../support/keys.ts";
import { POLICY_DIGEST, brief, check, policy, sha256, verdictOf } from "../support/verdicts.ts";
import { witness } from "../support/witness.ts";

const root = ca("root");
const within = async (
  budgets: NonNullable<TrustPolicy["budgets"]>,
  chain: readonly Minted[],
  anchors: readonly Minted[] = [root],
): Promise<string> => brief(await verdictOf(policy(anchors, { budgets }), chain));
const bothWays = (chain: readonly Minted[]): Minted[][] => [[...chain], [...chain].reverse()];

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
    // The issuers: the anchor and the CA against the other's name; issuer and subject of the leaf and the CA.
    const issuers = 4 * 2;
    // The dNSName against the policy's and against one constraint, the subject against one of one RDN.
    const cost = issuers + 1 + 1 + 2;
    expect(await within({ comparisons: cost }, chain)).toBe("verified");
    expect(await within({ comparisons: cost - 1 }, chain)).toBe("budget-exceeded@null");
    const excluding = ca("excluding", root, { extensions: [ext.constraints([], [dns("evil.test"), dns("b.test")])] });
    expect(await within({ comparisons: issuers + 1 + 2 }, [server(excluding), excluding])).toBe("verified");
    expect(await within({ comparisons: issuers + 1 + 1 }, [server(excluding), excluding])).toBe("budget-exceeded@null");
  });
});

describe("the search takes first", () => {
  it("the issuer whose key identifier fits", async () => {
    const issuing = ca("issuing", root);
    const others = Array.from({ length: 6 }, () => ca("issuing", root));
    for (const rest of bothWays([issuing, ...others])) {
      expect(await within({ signatures: 2, candidates: 2 }, [server(issuing), ...rest])).toBe("verified");
    }
  });
  it("one without a key identifier before one with another", async () => {
    const key = ecKey();
    const plain = mint({ subject: name("issuing"), key, extensions: [ext.ca(), ext.keyUsage(0x06)] }, root);
    const others = Array.from({ length: 6 }, () => ca("issuing", root, { notAfter: NOW + 90 * DAY }));
    for (const rest of bothWays([plain, ...others])) {
      expect(await within({ signatures: 2, candidates: 2 }, [server(plain), ...rest])).toBe("verified");
    }
  });
  it("an anchor", async () => {
    const crossed = ca("root", ca("elsewhere"), { key: root.key, notAfter: NOW + 90 * DAY });
    expect(await within({ candidates: 1, signatures: 1 }, [server(root), crossed])).toBe("verified");
  });
  it("one that is valid now, even if another lives longer", async () => {
    const key = ecKey();
    const valid = ca("issuing", root, { key });
    const future = ca("issuing", root, { key, notBefore: NOW + DAY, notAfter: NOW + 90 * DAY });
    for (const rest of bothWays([valid, future])) {
      expect(await within({ candidates: 2 }, [server(valid), ...rest])).toBe("verified");
    }
  });
  it("the longest-lived of two that are alike", async () => {
    const key = ecKey();
    const copies = [10, 20].map((days) => ca("issuing", root, { key, notAfter: NOW + days * DAY }));
    for (const rest of bothWays(copies)) {
      const verdict = await verdictOf(policy([root]), [server({ ...root, subject: name("issuing"), key }), ...rest]);
      expect(verdict).toMatchObject({ kind: "verified", peer: { path: { notAfterMs: NOW + 20 * DAY } } });
    }
  });
  it("a key twice, if it stands under two names", async () => {
    const key = ecKey();
    const upper = ca("upper", root, { key });
    const lower = ca("lower", upper, { key });
    expect(await check(root, server(lower), lower, upper)).toBe("verified");
  });
  it("the reason of the path over that of a certificate no path needs", async () => {
    const broken = ca("broken", root, { tail: Uint8Array.of(5, 0) });
    expect(await check(root, server(root, { purposes: [CLIENT_AUTH] }), broken)).toBe("wrong-usage@0");
    expect(await check(root, server(ca("absent")), broken)).toBe("malformed@1");
  });
  it("and never one of another name", async () => {
    const endEntity = mint({ subject: name(HOST), extensions: [ext.san(dns(HOST))] }, ca("absent"));
    expect(await check(root, endEntity, ca("unrelated", root))).toBe("unknown-ca@0");
    expect(await check(root, endEntity, ca("absent", root))).toBe("bad-signature@0");
  });
});

describe("policy processing", () => {
  const requiring = ca("requiring", root, { extensions: [ext.policies("1.2.3"), ext.policyConstraints(0, 0)] });
  it("a mapping that is inhibited deletes its policy", async () => {
    const extensions = [ext.policies("1.2.3"), ext.mappings(["1.2.3", "1.2.5"])];
    const mapping = ca("mapping", requiring, { extensions });
    for (const asserted of ["1.2.3", "1.2.5"]) {
      const endEntity = server(mapping, { extensions: [ext.policies(asserted)] });
      expect(await check(root, endEntity, mapping, requiring)).toBe("policy-constraint@0");
    }
    const allowing = ca("allowing", root, { extensions: [ext.policies("1.2.3"), ext.policyConstraints(0)] });
    const below = ca("below", allowing, { extensions });
    const mapped = server(below, { extensions: [ext.policies("1.2.5")] });
    expect(await check(root, mapped, below, allowing)).toBe("verified");
  });
  it("one pair with anyPolicy is enough to refuse", async () => {
    const mapping = ca("mapping", root, { extensions: [ext.mappings(["1.2.3", "1.2.4"], ["1.2.3", "2.5.29.32.0"])] });
    expect(await check(root, server(mapping), mapping)).toBe("policy-constraint@1");
  });
  it("anyPolicy that is inhibited stays allowed in self-issued CAs, not in the end entity", async () => {
    const any = ext.policies("2.5.29.32.0");
    const inhibiting = ca("inhibiting", root, { extensions: [any, ext.inhibitAny(0), ext.policyConstraints(0)] });
    const selfIssued = ca("inhibiting", inhibiting, { extensions: [any] });
    const of = (extensions: Parameters<typeof server>[1]): Promise<string> =>
      check(root, server(selfIssued, extensions), selfIssued, inhibiting);
    expect(await of({ extensions: [ext.policies("1.2.3")] })).toBe("verified");
    expect(await of({ extensions: [any] })).toBe("policy-constraint@0");
    const plain = ca("plain", inhibiting, { extensions: [any] });
    const endEntity = server(plain, { extensions: [ext.policies("1.2.3")] });
    expect(await check(root, endEntity, plain, inhibiting)).toBe("policy-constraint@1");
  });
});

describe("constraints on mailboxes and URIs", () => {
  const under = (
    constraint: ReturnType<typeof email>,
    ...names: readonly ReturnType<typeof email>[]
  ): Promise<string> => {
    const limited = ca("limited", root, { extensions: [ext.constraints([constraint])] });
    return check(root, server(limited, { names: [dns(HOST), ...names] }), limited);
  };
  it("a mailbox permits that mailbox alone", async () => {
    expect(await under(email("user@example.com"), email("user@EXAMPLE.com"))).toBe("verified");
    expect(await under(email("user@example.com"), email("root@example.com"))).toBe("name-constraint@0");
    expect(await under(email("user@example.com"), email("user@other.com"))).toBe("name-constraint@0");
    expect(await under(email("user@example.com"), email("none"))).toBe("name-constraint@0");
  });
  it("a URI constraint is no mailbox", async () => {
    expect(await under(uri("user@example.com"))).toBe("name-constraint@1");
    expect(await under(uri("example.com"), uri("x:https://example.com/"))).toBe("name-constraint@0");
    expect(await under(uri("example.com"), uri("https://example.com:8443/"))).toBe("verified");
  });
});

describe("what is remembered", () => {
  const verifier = (more: Partial<TrustPolicy> = {}): ReturnType<typeof createVerifier> =>
    createVerifier({ policy: POLICY_DIGEST, trust: policy([root], more), sha256, witness });

  it("lasts to the end of the last second, and a refusal from its first", async () => {
    const remembering = verifier();
    const { der } = server(root, { notBefore: NOW, notAfter: NOW + 60_000 });
    const first = await remembering.verify([der], NOW);
    expect(await remembering.verify([der], NOW + 60_999)).toBe(first);
    const refused = server(root, { notBefore: NOW, purposes: [CLIENT_AUTH] });
    const refusal = await remembering.verify([refused.der], NOW);
    expect(await remembering.verify([refused.der], NOW)).toBe(refusal);
  });
  it("ends when a CRL comes into force", async () => {
    const waiting = verifier({ crls: [crl(root, { thisUpdate: NOW + 1000 })] });
    const { der } = server(root);
    expect(brief(await waiting.verify([der], NOW))).toBe("revocation-unknown@0");
    expect(brief(await waiting.verify([der], NOW + 1000))).toBe("verified");
  });
  it("is no exception: what goes wrong inside is a refusal", async () => {
    const read = vi.spyOn(CertificateStore.prototype, "read");
    try {
      const failing = verifier();
      read.mockImplementation(() => {
        throw new Error("out of order");
      });
      expect(await failing.verify([server(root).der], NOW)).toMatchObject({
        kind: "refused",
        refusal: { code: "second-opinion", position: null, presented: "out of order" },
      });
    } finally {
      read.mockRestore();
    }
  });
});
