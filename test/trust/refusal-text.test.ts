/** The texts of a refusal, which people read. */
import { describe, expect, it } from "vitest";
import type { TrustPolicy } from "../../src/trust/index.ts";
import { toRefusal } from "../../src/trust/refusal-text.ts";
import { DAY, HOST, type Minted, NOW, ca, dns, ext, ip, name, server } from "../support/certificates.ts";
import { type Bytes, bytes, seq, text, tlv } from "../support/der.ts";
import { ecKey } from "../support/keys.ts";
import { brief, policy, verdictOf, refusalOf } from "../support/verdicts.ts";

const root = ca("root");

describe("the text of a refusal", () => {
  it("is printable, cut after 240 characters, and names a rule only if there is one", () => {
    const refusal = (presented: string): unknown =>
      toRefusal({ problem: { code: "expired", expected: "x", presented }, position: 1 });
    const text240 = "a".repeat(240);
    expect(refusal(text240)).toEqual({ code: "expired", position: 1, expected: "x", presented: text240 });
    expect(refusal(text240)).not.toHaveProperty("rule");
    expect(refusal(`${text240}b`)).toMatchObject({ presented: `${text240}...` });
    expect(refusal("a\nb\u{e9}~ \u{7f}")).toMatchObject({ presented: "a?b?~ ?" });
  });
  it("tells the date, the purposes and the names, eight at most", async () => {
    const old = server(root, { notBefore: NOW - 2 * DAY, notAfter: NOW - DAY });
    expect(await refusalOf(policy([root]), [old])).toMatchObject({
      expected: "valid at 2026-06-01T12:00:00Z",
      presented: "notAfter 2026-05-31T12:00:00Z",
    });
    const purposes = Array.from({ length: 9 }, (_, index) => `1.2.${index}`);
    expect(await refusalOf(policy([root]), [server(root, { purposes })])).toMatchObject({
      presented: purposes.slice(0, 8).join(", "),
    });
    const identifiers = Array.from({ length: 9 }, (_, index) => ({ type: "dns", value: `h${index}.test` }) as const);
    expect(await refusalOf(policy([root], { identifiers }), [server(root)])).toMatchObject({
      expected: identifiers
        .slice(0, 8)
        .map(({ value }) => `dns:${value}`)
        .join(" or "),
    });
    expect(await refusalOf(policy([root], { identifiers: [] }), [server(root)])).toMatchObject({
      code: "name-mismatch",
      expected: "a policy with a name to match",
    });
  });
  it("is of the path that got furthest", async () => {
    const key = ecKey();
    const limited = ca("issuing", root, { key, extensions: [ext.constraints([dns("other.test")])] });
    const free = ca("issuing", root, { key });
    const trust = policy([root], { spkiPins: ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] });
    const under = async (wanted: TrustPolicy, ...others: readonly Minted[]): Promise<string> =>
      brief(await verdictOf(wanted, [server(free), ...others]));
    const pinned = [await under(trust, limited, free), await under(trust, free, limited)];
    expect(pinned).toEqual(["pin-mismatch@null", "pin-mismatch@null"]);
    const spent = policy([root], { budgets: { opinions: 0 } });
    const over = [await under(spent, limited, free), await under(spent, free, limited)];
    expect(over).toEqual(["budget-exceeded@null", "budget-exceeded@null"]);
  });
});

describe("the names in a refusal", () => {
  const presented = async (names: readonly Bytes[]): Promise<string> => {
    const root = ca("root");
    const verdict = await verdictOf(policy([root]), [server(root, { names })]);
    return verdict.kind === "verified" ? "verified" : verdict.refusal.presented;
  };
  it("shows eight names and counts the rest", async () => {
    const names = (count: number): Bytes[] => Array.from({ length: count }, (_, index) => dns(`h${index}`));
    expect(await presented(names(8))).toBe("DNS:h0, DNS:h1, DNS:h2, DNS:h3, DNS:h4, DNS:h5, DNS:h6, DNS:h7");
    expect(await presented(names(9))).toContain("DNS:h7 and 1 more");
    expect(await presented([])).toBe("no subjectAltName");
  });
  it("shows each type of name", async () => {
    const others = [
      ip(10, 0, 0, 1),
      text(0x81, "a@b"),
      text(0x86, "x:y"),
      tlv(0xa4, name("dir")),
      tlv(0xa4, seq()),
      tlv(0x88, bytes(0x2a)),
    ];
    expect(await presented(others)).toBe(
      "IP:10.0.0.1, email:a@b, URI:x:y, DirName:dir, DirName:(empty name), GeneralName [8]",
    );
  });
  it("names the constraint and the name", async () => {
    const limited = ca("limited", null, {
      extensions: [ext.constraints([dns("example.org")], [ip(10, 0, 0, 0, 255, 0, 0, 0)])],
    });
    const of = async (names: readonly Bytes[]): Promise<unknown> =>
      verdictOf(policy([limited]), [server(limited, { names })]);
    expect(await of([dns(HOST)])).toMatchObject({
      refusal: { expected: "a name within the permitted DNS:example.org", presented: `DNS:${HOST}` },
    });
    expect(await of([ip(10, 1, 1, 1)])).toMatchObject({
      refusal: { expected: "a name outside the excluded IP:10.0.0.0/255.0.0.0", presented: "IP:10.1.1.1" },
    });
  });
});
