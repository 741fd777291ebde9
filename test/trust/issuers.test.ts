/** The issuer that the search tries first. */
import { describe, expect, it } from "vitest";
import { CLIENT_AUTH, DAY, HOST, type Minted, NOW, ca, dns, ext, mint, name, server } from "../support/certificates.ts";
import { ecKey } from "../support/keys.ts";
import { check, policy, verdictOf, checkWithin } from "../support/verdicts.ts";

const root = ca("root");

/** The answers for the certificates in this order and in the reverse. */
const bothWays = async <T>(chain: readonly Minted[], ask: (chain: readonly Minted[]) => Promise<T>): Promise<T[]> => [
  await ask(chain),
  await ask(chain.toReversed()),
];
const VERIFIED = ["verified", "verified"];

describe("the search takes first", () => {
  it("the issuer whose key identifier fits", async () => {
    const issuing = ca("issuing", root);
    const others = Array.from({ length: 6 }, () => ca("issuing", root));
    expect(
      await bothWays([issuing, ...others], (rest) =>
        checkWithin({ signatures: 2, candidates: 2 }, root, [server(issuing), ...rest]),
      ),
    ).toEqual(VERIFIED);
  });
  it("one without a key identifier before one with another", async () => {
    const key = ecKey();
    const plain = mint({ subject: name("issuing"), key, extensions: [ext.ca(), ext.keyUsage(0x06)] }, root);
    const others = Array.from({ length: 6 }, () => ca("issuing", root, { notAfter: NOW + 90 * DAY }));
    expect(
      await bothWays([plain, ...others], (rest) =>
        checkWithin({ signatures: 2, candidates: 2 }, root, [server(plain), ...rest]),
      ),
    ).toEqual(VERIFIED);
  });
  it("an anchor", async () => {
    const crossed = ca("root", ca("elsewhere"), { key: root.key, notAfter: NOW + 90 * DAY });
    expect(await checkWithin({ candidates: 1, signatures: 1 }, root, [server(root), crossed])).toBe("verified");
  });
  it("one that is valid now, even if another lives longer", async () => {
    const key = ecKey();
    const valid = ca("issuing", root, { key });
    const future = ca("issuing", root, { key, notBefore: NOW + DAY, notAfter: NOW + 90 * DAY });
    expect(
      await bothWays([valid, future], (rest) => checkWithin({ candidates: 2 }, root, [server(valid), ...rest])),
    ).toEqual(VERIFIED);
  });
  it("the longest-lived of two that are alike", async () => {
    const key = ecKey();
    const copies = [10, 20].map((days) => ca("issuing", root, { key, notAfter: NOW + days * DAY }));
    const leaf = server({ ...root, subject: name("issuing"), key });
    const longest = { kind: "verified", peer: { path: { notAfterMs: NOW + 20 * DAY } } };
    expect(await bothWays(copies, (rest) => verdictOf(policy([root]), [leaf, ...rest]))).toMatchObject([
      longest,
      longest,
    ]);
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
