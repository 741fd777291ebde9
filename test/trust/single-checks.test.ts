/** One case for each check of src/trust that no other test would miss: what would be let through, or done in vain. */
import { describe, expect, it } from "vitest";
import { Budget, DEFAULT_BUDGETS } from "../../src/trust/budget.ts";
import { DerReader } from "../../src/trust/x509/der.ts";
import { type DistinguishedName, readName } from "../../src/trust/x509/distinguished-names.ts";
import { compareNames, isNameBelow } from "../../src/trust/x509/name-comparison.ts";
import { createVerifier, refuseEndEntity } from "../../src/trust/index.ts";
import { type Minted, NOW, ca, ext, extension, mint, name, server } from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, bytes, concat, int, oid, seq, tlv, utf8 } from "../support/der.ts";
import { ecKey } from "../support/keys.ts";
import { POLICY_DIGEST, brief, check, policy, sha256, verdictOf, workOf } from "../support/verdicts.ts";
import { staple, tlsFeature } from "../support/staples.ts";
import { witness } from "../support/witness.ts";

const root = ca("root");
const issuing = ca("issuing", root);
const ders = (...chain: readonly Minted[]): Bytes[] => chain.map(({ der }) => der);

describe("two names", () => {
  const read = (der: Bytes): DistinguishedName => readName(new DerReader(der), "name");
  const [CN, O] = ["2.5.4.3", "2.5.4.10"];
  const rdn = (...attributes: readonly (readonly [string, string])[]): DistinguishedName =>
    read(seq(tlv(0x31, ...attributes.map(([type, value]) => seq(oid(type), utf8(value))))));
  const both = rdn([CN, "a"], [O, "b"]);

  it("are different when their attributes have swapped their values", () => {
    expect(compareNames(both, rdn([CN, "A"], [O, "B"]))).toBe("same");
    expect(compareNames(both, rdn([CN, "B"], [O, "A"]))).toBe("different");
  });
  it("are different when an RDN of one has more attributes, or others", () => {
    for (const other of [rdn([CN, "a"]), rdn([CN, "a"], [CN, "b"]), rdn([O, "b"])]) {
      expect([compareNames(both, other), compareNames(other, both)]).toEqual(["different", "different"]);
    }
  });
  it("stand one below the other when there is nothing between them", () => {
    const [last = []] = rdn([CN, "c"]).rdns;
    const below = (...names: readonly string[]): boolean => isNameBelow(read(name(...names)), read(name("a")), last);
    expect([below("a", "c"), below("a", "b", "c"), below("c"), below("b", "c")]).toEqual([true, false, false, false]);
  });
});

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

it("policy mappings of an end entity are not for anybody", async () => {
  const any = "2.5.29.32.0";
  const mapped = { extensions: [ext.policies("1.2.3"), ext.mappings([any, "1.2.3"])] };
  expect(await check(root, server(root, mapped))).toBe("verified");
  const middle = ca("middle", root, mapped);
  expect(await check(root, server(middle), middle)).toBe("policy-constraint@1");
});

it("an end entity that no handshake was verified with is refused for its form, if that is at fault", () => {
  expect(refuseEndEntity(bytes(1, 2, 3))).toMatchObject({ code: "malformed", position: 0 });
  expect(refuseEndEntity(server(root).der)).toMatchObject({ code: "unsupported-algorithm", position: 0 });
});

describe("a CRL", () => {
  const leaf = server(issuing);
  const key = ecKey();
  const signer = (by: Minted, own = ecKey(), subject = issuing.subject): Minted =>
    mint({ subject, key: own, extensions: [ext.keyUsage(0x02), ext.ski(own.id)] }, by);
  const number = extension("2.5.29.20", false, int(7));

  it("is tried first with the key that it names", async () => {
    const decoys = Array.from({ length: 8 }, () => signer(root));
    const list = crl(issuing, { key, extensions: [number, ext.aki(key.id)] });
    const trust = policy([root], { crls: [crl(root), list], budgets: { signatures: 6 } });
    const chain = [leaf, issuing, ...decoys, signer(root, key)];
    // Two of the path, the root's list, this list with the CA's own key and with this one, and its certificate.
    expect(brief(await verdictOf(trust, chain))).toBe("verified");
    const named = crl(issuing, { key });
    expect(brief(await verdictOf({ ...trust, crls: [crl(root), named] }, chain))).toBe("budget-exceeded@null");
  });
  it("has three signers above each other at most", async () => {
    const under = async (depth: number): Promise<string> => {
      // Each signer is certified by an authority whose list is signed by the next one.
      const authorities = Array.from({ length: depth }, (_, at) => ca(`authority ${at}`, root));
      const chain = [leaf, issuing, ...authorities];
      const crls = [crl(root)];
      let subject = issuing;
      for (const authority of authorities) {
        const separate = signer(authority, ecKey(), subject.subject);
        chain.push(separate);
        crls.push(crl(subject, { key: separate.key }));
        subject = authority;
      }
      crls.push(crl(subject));
      return brief(await verdictOf(policy([root], { crls, budgets: { signatures: 500 } }), chain));
    };
    // The last list is the authority's own, whose certificate is a signer's too.
    expect([await under(1), await under(2), await under(3)]).toEqual(["verified", "verified", "revocation-unknown@0"]);
  });
});

describe("a staple", () => {
  const owing = server(issuing, { serial: int(7), extensions: [tlsFeature(false, 5)] });
  const response = staple({ serial: 7, issuer: issuing });

  it("of a response that failed says nothing, whatever stands in it", async () => {
    const at = Buffer.from(response).indexOf(Buffer.from([0x0a, 1, 0])) + 2;
    const failed = concat(response.subarray(0, at), bytes(6), response.subarray(at + 1));
    const verdict = async (stapled: Bytes): Promise<string> =>
      brief(await verdictOf(policy([root]), [owing, issuing], NOW, stapled));
    expect([await verdict(response), await verdict(failed)]).toEqual(["verified", "revocation-unknown@0"]);
  });
  it("that no certificate asked for takes no place from one that was needed", async () => {
    const verifier = createVerifier({ policy: POLICY_DIGEST, trust: policy([root]), sha256, witness });
    const chain = ders(owing, issuing);
    expect(brief(await verifier.verify(chain, NOW, { ocspResponse: response }))).toBe("verified");
    const leaf = server(issuing);
    const others = Array.from({ length: 64 }, () => ders(leaf, issuing, server(root)));
    for (const other of others) {
      expect(brief(await verifier.verify(other, NOW, { ocspResponse: response }))).toBe("verified");
    }
    expect(brief(await verifier.verify(chain, NOW, { resumed: true }))).toBe("verified");
  });
});
