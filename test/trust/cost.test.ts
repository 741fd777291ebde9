/**
 * The work that is charged for chains made to be expensive, in deterministic units. `work.txt` holds each with its
 * verdict; `UPDATE_GOLDEN=1` writes it anew. `npm run trust:cost` measures the time of a unit.
 */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Budget, DEFAULT_BUDGETS } from "../../src/trust/budget.ts";
import { parseCertificate } from "../../src/trust/x509/certificate.ts";
import { expectVerdict } from "../fuzz/trust.ts";
import { goodChain, hostileChains } from "./hostile/chains.ts";
import { rdn } from "./hostile/parts.ts";
import { ca, name, server } from "../support/certificates.ts";
import { type Bytes, bytes, int, oid, seq, tlv, utf8 } from "../support/der.ts";
import { bareKey, edKey } from "../support/keys.ts";
import { brief, check, policy, workOf } from "../support/verdicts.ts";

const LEDGER = join(import.meta.dirname, "work.txt");
const FUZZED = join(import.meta.dirname, "../fuzz/corpus");

describe("the work charged", () => {
  it(
    "for each chain made to be expensive is what work.txt says, and within the budget",
    { timeout: 60_000 },
    async () => {
      const [lines, over]: [string[], string[]] = [[], []];
      for (const { name, trust, presented, staple } of hostileChains()) {
        const { verdict, work } = await workOf(trust, presented, staple);
        lines.push(`${String(work).padStart(9)}  ${brief(verdict)}  ${name}`);
        if (work > DEFAULT_BUDGETS.work) over.push(name);
      }
      expect(over).toEqual([]);
      const ledger = `${lines.join("\n")}\n`;
      if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(LEDGER, ledger);
      expect(ledger).toBe(readFileSync(LEDGER, "utf8"));
    },
  );
  it("for a good chain is a twentieth of the budget at most", async () => {
    const { trust, presented } = goodChain();
    const { verdict, work } = await workOf(trust, presented);
    expect(brief(verdict)).toBe("verified");
    expect(work).toBeGreaterThan(0);
    expect(20 * work).toBeLessThan(DEFAULT_BUDGETS.work);
  });
  it("for every input of the fuzzer's corpus is within the budget", { timeout: 120_000 }, async () => {
    const over: string[] = [];
    for (const file of readdirSync(FUZZED)) {
      const { work } = await expectVerdict(new Uint8Array(readFileSync(join(FUZZED, file))));
      if (work > DEFAULT_BUDGETS.work) over.push(file);
    }
    expect(over).toEqual([]);
  });
  it("grows with what is presented, read or not, and with the staple", async () => {
    const root = ca("root");
    const leaf = server(root);
    const of = async (staple: Bytes | null, ...more: readonly Bytes[]): Promise<number> =>
      (await workOf(policy([root]), [leaf.der, ...more], staple)).work;
    const alone = await of(null);
    expect(await of(null, new Uint8Array(1_000))).toBe(alone + 10_000);
    expect((await of(new Uint8Array(2_000))) - (await of(new Uint8Array(1_000)))).toBe(10_000);
  });
});

describe("a budget", () => {
  it("adds all kinds up, and refuses the charge that passes the sum", () => {
    const budget = new Budget({ ...DEFAULT_BUDGETS, work: 15_000 + 100 });
    expect([budget.spend("signatures", 1), budget.spend("octets", 10), budget.work]).toEqual([true, true, 15_100]);
    expect([budget.spend("octets", 1), budget.exceeded]).toEqual([false, "work"]);
  });
  it("charges work that is remembered once", () => {
    const budget = new Budget(DEFAULT_BUDGETS);
    const [one, other] = [{}, {}];
    expect([budget.isFirstUse(one), budget.isFirstUse(one), budget.isFirstUse(other)]).toEqual([true, false, true]);
  });
  it.each([
    ["folded", { folded: 10 }],
    ["comparisons", { comparisons: 1 }],
    ["octets of a path", { work: 40_000 }],
  ])("of %s refuses what needs more", async (_, budgets) => {
    const root = ca("root");
    const leaf = server(root, { issuerName: name("ROOT") });
    const { verdict } = await workOf(policy([root], { budgets }), [leaf.der]);
    expect(brief(verdict)).toBe("budget-exceeded@null");
    expect(brief((await workOf(policy([root]), [leaf.der])).verdict)).toBe("verified");
  });
});

describe("what PKI.js is shown", () => {
  const root = ca("root");
  it.each([
    ["an OBJECT IDENTIFIER", 0x06],
    ["a RELATIVE-OID", 0x0d],
  ])("holds no value that is %s of more than 64 octets", (_, tag) => {
    const why = (value: Bytes): string => {
      const parsed = parseCertificate(ca("x", root, { subject: seq(rdn("2.5.4.45", value)) }).der);
      return parsed.kind === "parsed" ? "parsed" : parsed.why;
    };
    const arcs = (count: number): Bytes => tlv(tag, new Uint8Array(count).fill(1));
    expect(why(arcs(64))).toBe("parsed");
    expect(why(arcs(65))).toBe("subject has an OBJECT IDENTIFIER of 65 octets");
    expect(why(seq(seq(arcs(64))))).toBe("parsed");
    expect(why(seq(seq(arcs(65))))).toBe("subject has an OBJECT IDENTIFIER of 65 octets");
  });
  it("is nothing that no CA of the policy stands above", async () => {
    // PKI.js cannot read this value, and is not asked while the chain is a stranger's.
    const odd = { subject: seq(rdn("2.5.4.3", tlv(0x18, utf8("no time")))) };
    expect(await check(root, server(root, odd))).toBe("second-opinion@0");
    expect(await check(root, server({ ...root, key: { ...edKey(), id: root.key.id } }, odd))).toBe("bad-signature@0");
    expect(await check(root, server(ca("stranger"), odd))).toBe("unknown-ca@0");
  });
});

it("charges an RSA signature by the multiplications of its exponent", async () => {
  const work = async (exponent: Bytes): Promise<number> => {
    const modulus = new Uint8Array(1024).fill(0xff);
    const rsa = seq(tlv(0x02, bytes(0), modulus), exponent);
    const spki = seq(seq(oid("1.2.840.113549.1.1.1"), bytes(5, 0)), tlv(0x03, bytes(0), rsa));
    const algorithm = {
      innerAlgorithm: seq(oid("1.2.840.113549.1.1.11"), bytes(5, 0)),
      signature: new Uint8Array(1024),
    };
    const root = ca("root", null, { key: { ...bareKey(spki), id: bytes(1) } });
    return (await workOf(policy([root]), [server(root, { key: edKey(), ...algorithm }).der])).work;
  };
  // The exponent 65,537 with its 19 multiplications costs 8 signatures, 2^32-1 with its 64 costs 27.
  expect((await work(int(2 ** 32 - 1))) - (await work(int(65_537)))).toBe((27 - 8) * 15_000);
  expect(await work(int(3))).toBe(await work(int(65_537)));
});
