/** Signers of CRLs and of stapled responses whose keys, policies or price do not do; and the same for anchors. */
import { describe, expect, it } from "vitest";
import { type Minted, NOW, ca, ext, mint, name, server } from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, bytes, int } from "../support/der.ts";
import { ecKey, rsaKey } from "../support/keys.ts";
import { brief, policy, verdictOf } from "../support/verdicts.ts";
import { byName, staple, tlsFeature } from "../support/staples.ts";

const OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
const root = ca("root");
const issuing = ca("issuing", root);

describe("the signer of a CRL", () => {
  const leaf = server(issuing);
  const signer = (by: Minted, more: object = {}): Minted =>
    mint({ subject: issuing.subject, extensions: [ext.keyUsage(0x02)], ...more }, by);
  const under = async (lists: readonly Bytes[], ...more: readonly Minted[]): Promise<string> =>
    brief(await verdictOf(policy([root], { crls: [crl(root), ...lists] }), [leaf, issuing, ...more]));

  it("has a key that is strong enough", async () => {
    const list = (key = ecKey()): [Bytes, Minted] => {
      const separate = signer(root, { key });
      return [crl(issuing, { key }), separate];
    };
    const [good, strong] = list(rsaKey(2048));
    expect(await under([good], strong)).toBe("verified");
    const [bad, weak] = list(rsaKey(1024));
    expect(await under([bad], weak)).toBe("revocation-unknown@0");
  });
  it("has such a key as another anchor of the issuer's name too", async () => {
    const below = server(root);
    const beside = async (key: Minted["key"]): Promise<string> => {
      const twin = ca("root", null, { key });
      return brief(await verdictOf(policy([root, twin], { crls: [crl(root), crl(twin)] }), [below]));
    };
    expect(await beside(rsaKey(2048))).toBe("verified");
    expect(await beside(rsaKey(1024))).toBe("revocation-unknown@0");
  });
  it("is under the policy constraints of the CAs above it", async () => {
    const between = ca("between", root, { extensions: [ext.policies("1.2.3.4"), ext.policyConstraints(0)] });
    const asserting = (id: string): Minted => signer(between, { extensions: [ext.keyUsage(0x02), ext.policies(id)] });
    const [good, bad] = [asserting("1.2.3.4"), asserting("1.2.3.5")];
    const lists = (separate: Minted): Bytes[] => [crl(issuing, { key: separate.key }), crl(between)];
    expect(await under(lists(good), good, between)).toBe("verified");
    expect(await under(lists(bad), bad, between)).toBe("revocation-unknown@0");
  });
});

describe("the signer of a staple that a self-signed backend owes", () => {
  const key = ecKey();
  const own = server(
    { der: bytes(), subject: name("own"), key },
    { key, subject: name("own"), serial: int(7), extensions: [tlsFeature(false, 5)] },
  );
  const under = async (signatures: number, stapled: Bytes): Promise<string> =>
    brief(await verdictOf(policy([own], { budgets: { signatures } }), [own], NOW, stapled));

  it("is within the budget of signatures", async () => {
    const response = staple({ serial: 7, issuer: own });
    expect([await under(1, response), await under(0, response)]).toEqual(["verified", "budget-exceeded@0"]);
  });
  it("is so with its certificate, when it is delegated", async () => {
    const extensions = [ext.keyUsage(0x80), ext.eku(OCSP_SIGNING)];
    const signer = mint({ subject: name("responder"), extensions }, own);
    const response = staple({ serial: 7, issuer: own, signer, responder: byName(signer), certificates: [signer] });
    const verdicts = [await under(2, response), await under(1, response), await under(0, response)];
    expect(verdicts).toEqual(["verified", "budget-exceeded@0", "budget-exceeded@0"]);
  });
});
