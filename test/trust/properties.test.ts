/** Any presented chain has a verdict, within the budget, and never an exception. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_BUDGETS } from "../../src/trust/budget.ts";
import { REFUSAL_CODES, createVerifier, parsePemBundle, type Verdict } from "../../src/trust/index.ts";
import { parseCertificate } from "../../src/trust/x509/certificate.ts";
import { readCrl } from "../../src/trust/revocation/crl.ts";
import { isDnsName, matchIdentity } from "../../src/trust/x509/identity.ts";
import { parseOcspRevoked } from "../../src/trust/revocation/ocsp-revoked.ts";
import { HOST, type Minted, NOW, ca, dns, ext, name, server } from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, bytes, seq } from "../support/der.ts";
import { ecKey } from "../support/keys.ts";
import { POLICY_DIGEST, brief, policy, verdictOf, workOf } from "../support/verdicts.ts";
import { sha256 } from "../support/sha256.ts";
import { witness } from "../support/witness.ts";

const root = ca("root");
const intermediate = ca("intermediate", root);
const endEntity = server(intermediate);
const verifier = createVerifier({ policy: POLICY_DIGEST, trust: policy([root]), sha256, witness });
const RUNS = { numRuns: Number(process.env["FUZZ_RUNS"] ?? 300) };

/** A verdict is one of the closed list, printable and bounded; a verified one proves exactly the presented leaf. */
function expectVerdict(verdict: Verdict, presented: readonly Bytes[], anchor = root.der): void {
  if (verdict.kind === "verified") {
    expect(verdict.peer.path.path[0]).toEqual(presented[0]);
    expect(verdict.peer.path.path.at(-1)).toEqual(anchor);
    return;
  }
  const { code, position, expected, presented: found } = verdict.refusal;
  expect(REFUSAL_CODES).toContain(code);
  expect(position === null || (position >= -1 && position < presented.length)).toBe(true);
  expect(expected).toMatch(/^[ -~]{1,243}$/u);
  expect(found).toMatch(/^[ -~]{0,243}$/u);
}

/** One to four edits of one of the certificates: a byte set, removed, or repeated. */
const mutated = (original: Bytes): fc.Arbitrary<Bytes> =>
  fc
    .array(
      fc.record({
        at: fc.nat(original.length - 1),
        byte: fc.nat(255),
        edit: fc.constantFrom("set", "drop", "repeat", "flip"),
      }),
      {
        minLength: 1,
        maxLength: 4,
      },
    )
    .map((edits) => {
      const octets = [...original];
      for (const { at, byte, edit } of edits) {
        const here = octets[at] ?? 0;
        if (edit === "set") octets[at] = byte;
        else if (edit === "flip") octets[at] = here ^ (1 << (byte & 7));
        else octets.splice(at, 1, ...(edit === "drop" ? [] : [here, here]));
      }
      return Uint8Array.from(octets);
    });

describe("any bytes", () => {
  it("as a chain", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), async (presented) => {
        expectVerdict(await verifier.verify(presented, NOW), presented);
      }),
      RUNS,
    );
  });
  it("as a mutated end entity or intermediate: never verified as something else", async () => {
    const both = fc.oneof(
      mutated(endEntity.der).map((der) => [der, intermediate.der]),
      mutated(intermediate.der).map((der) => [endEntity.der, der]),
    );
    await fc.assert(
      fc.asyncProperty(both, async (presented) => {
        const verdict = await verifier.verify(presented, NOW);
        expectVerdict(verdict, presented);
        const same =
          Buffer.compare(presented[0] ?? bytes(), endEntity.der) === 0 &&
          Buffer.compare(presented[1] ?? bytes(), intermediate.der) === 0;
        expect(verdict.kind === "verified").toBe(same);
      }),
      RUNS,
    );
  });
  it("as a mutated anchor, a CRL or an OCSP response", async () => {
    await fc.assert(
      fc.asyncProperty(
        mutated(root.der),
        mutated(crl(root)),
        fc.uint8Array({ maxLength: 100 }),
        async (anchor, list, staple) => {
          const chain = [endEntity, intermediate];
          const presented = chain.map(({ der }) => der);
          const trust = { ...policy([]), anchors: [{ der: anchor, source: "x" }] };
          expectVerdict(await verdictOf(trust, chain), presented, anchor);
          expectVerdict(await verdictOf(policy([root], { crls: [list] }), chain, NOW, staple), presented);
        },
      ),
      { numRuns: Math.ceil(RUNS.numRuns / 3) },
    );
  });
  it("to the readers alone", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated(endEntity.der), mutated(crl(root))), (der) => {
        for (const parsed of [parseCertificate(der), readCrl(der), parseOcspRevoked(der, bytes(1))]) {
          if ("why" in parsed) expect(parsed.why).toMatch(/^[ -~]{1,300}$/u);
        }
      }),
      { numRuns: RUNS.numRuns * 5 },
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        expect(parsePemBundle(`${text}\n`).certificates).toEqual([]);
      }),
      RUNS,
    );
  });
});

describe("any order", () => {
  const spare = ca("intermediate", ca("stranger"), { key: intermediate.key });
  const crossed = ca("root", ca("elsewhere"), { key: root.key });
  const rest = [intermediate, spare, crossed, root, endEntity, server(root), ca("unrelated")];

  it("of the rest of the chain, with repetitions, does not change what is proved", async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...rest, ...rest]), async (others) => {
        const presented = [endEntity, ...others].map(({ der }) => der);
        const verdict = await verifier.verify(presented, NOW);
        expectVerdict(verdict, presented);
        expect(verdict.kind).toBe(others.includes(intermediate) ? "verified" : "refused");
      }),
      RUNS,
    );
  });
});

describe("any graph of CAs", () => {
  it("ends, and finds the root exactly when the graph does", async () => {
    const keys = Array.from({ length: 6 }, () => ecKey());
    const node = (index: number): Minted => {
      const key = keys[index];
      if (key === undefined) throw new Error("no such node");
      return { der: bytes(), subject: name(`node ${index % 3}`), key };
    };
    const edge = fc.tuple(fc.nat(5), fc.nat(6));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(edge, { maxLength: 12, selector: String }), async (edges) => {
        const presented = edges.map(([child, parent]) => {
          const { subject, key } = node(child);
          return ca("", parent === 6 ? root : node(parent), { subject, key });
        });
        const reachable = new Set([0]);
        for (let size = 0; size !== reachable.size;) {
          size = reachable.size;
          for (const [child, parent] of edges) if (reachable.has(child)) reachable.add(parent);
        }
        const verdict = await verdictOf(policy([root]), [server(node(0)), ...presented]);
        expect(verdict.kind).toBe(reachable.has(6) ? "verified" : "refused");
      }),
      { numRuns: Math.ceil(RUNS.numRuns / 6) },
    );
  });
});

describe("sizes", () => {
  /** The verdict about a chain, whose charged work must be within the budget. */
  async function judged(anchor: Minted, presented: readonly Minted[]): Promise<string> {
    const { verdict, work } = await workOf(
      policy([anchor]),
      presented.map(({ der }) => der),
    );
    expect(work).toBeLessThanOrEqual(DEFAULT_BUDGETS.work);
    return brief(verdict);
  }
  const many = (count: number): Bytes[] =>
    Array.from({ length: count }, (_, index) => dns(`host-${index}.example.com`));

  it("5,000 alternative names", async () => {
    const names = [dns(HOST), ...Array.from({ length: 4999 }, (_, index) => dns(`h${index}.a`))];
    expect(await judged(root, [server(root, { names })])).toBe("budget-exceeded@null");
  });
  it("2,000 alternative names, unconstrained", async () => {
    expect(await judged(root, [server(root, { names: [dns(HOST), ...many(1999)] })])).toBe("verified");
  });
  it("1,000 constraints by 1,000 names", async () => {
    const limited = ca("limited", root, { extensions: [ext.constraints([...many(999), dns("example.com")])] });
    expect(await judged(root, [server(limited, { names: [dns(HOST), ...many(999)] }), limited])).toBe(
      "budget-exceeded@null",
    );
  });
  it("100 constraints by 100 names", async () => {
    const limited = ca("limited", root, { extensions: [ext.constraints([...many(99), dns("example.com")])] });
    expect(await judged(root, [server(limited, { names: [dns(HOST), ...many(99)] }), limited])).toBe("verified");
  });
  it.each([
    ["P-256", "SHA-256"],
    ["P-521", "SHA-512"],
  ] as const)("fifteen CAs of one name, each signed by the next, by %s", async (curve, hash) => {
    const keys = Array.from({ length: 15 }, () => ecKey(curve, hash));
    const loop = keys.map((key, index) =>
      ca("ca", { der: bytes(), subject: name("ca"), key: keys[(index + 1) % 15] ?? key }, { key }),
    );
    expect(await judged(root, [server(loop[0] ?? root), ...loop])).toBe("budget-exceeded@null");
  });
  it("sixty thousand octets of nothing", async () => {
    const nested = seq(...Array.from({ length: 16_000 }, () => bytes(0x30, 0)));
    expect(await judged(root, [{ ...root, der: nested }])).toBe("malformed@0");
  });
});

it("is a DNS name only if it matches itself", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "b", "1", ".", "-", "*", "_"), maxLength: 12 }), (text) => {
      const itself = matchIdentity([{ type: "dns", value: text }], [{ type: "dns", value: text }]) !== null;
      expect(itself).toBe(isDnsName(text));
    }),
    { numRuns: RUNS.numRuns * 3 },
  );
});
