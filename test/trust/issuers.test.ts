/** Which issuer the search tries first. */
import { describe, expect, it } from "vitest";
import type { TrustPolicy } from "../../src/trust/index.ts";
import { CLIENT_AUTH, DAY, HOST, type Minted, NOW, ca, dns, ext, mint, name, server } from "../support/certificates.ts";
import { ecKey } from "../support/keys.ts";
import { brief, check, policy, verdictOf } from "../support/verdicts.ts";

const root = ca("root");

const within = async (
  budgets: NonNullable<TrustPolicy["budgets"]>,
  chain: readonly Minted[],
  anchors: readonly Minted[] = [root],
): Promise<string> => brief(await verdictOf(policy(anchors, { budgets }), chain));

const bothWays = (chain: readonly Minted[]): Minted[][] => [[...chain], [...chain].reverse()];

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
