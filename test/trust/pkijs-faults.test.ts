/** The five faults of PKI.js 4.0.0's CertificateChainValidationEngine, and that the verdict has none of them. */
import { Certificate, CertificateChainValidationEngine, CryptoEngine } from "pkijs";
import { describe, expect, it } from "vitest";
import { createVerifier } from "../../src/trust/index.ts";
import {
  CLIENT_AUTH,
  DAY,
  HOST,
  type Minted,
  NOW,
  ca,
  dns,
  ext,
  extension,
  name,
  server,
} from "../support/certificates.ts";
import { bytes, seq, tlv } from "../support/der.ts";
import { ecKey } from "../support/keys.ts";
import { POLICY_DIGEST, brief, check, policy, verdictOf } from "../support/verdicts.ts";
import { sha256 } from "../support/sha256.ts";
import { witness } from "../support/witness.ts";

const root = ca("root");

async function bareEngine(anchor: Minted, presented: readonly Minted[]): Promise<boolean> {
  const engine = new CertificateChainValidationEngine({
    trustedCerts: [Certificate.fromBER(new Uint8Array(anchor.der))],
    certs: presented.map(({ der }) => Certificate.fromBER(new Uint8Array(der))),
    checkDate: new Date(NOW),
  });
  return (await engine.verify({}, new CryptoEngine({ name: "bare", crypto: globalThis.crypto }))).result;
}

describe("fault 1: the engine validates the last certificate left after removing duplicates", () => {
  const evil = server(ca("evil"));
  const intermediate = ca("intermediate", root);

  it("the bare engine accepts a forged end entity", async () => {
    expect(await bareEngine(root, [evil, evil, intermediate])).toBe(true);
  });
  it("refuses it, whatever the order and the repetitions", async () => {
    expect(await check(root, evil, evil, intermediate)).toBe("unknown-ca@0");
    expect(await check(root, evil, intermediate, evil)).toBe("unknown-ca@0");
    expect(await check(root, evil, intermediate, server(intermediate))).toBe("unknown-ca@0");
    expect(await check(root, evil, root)).toBe("unknown-ca@0");
  });
  it("proves the presented end entity, byte for byte", async () => {
    const endEntity = server(intermediate);
    const verdict = await verdictOf(policy([root]), [endEntity, endEntity, intermediate, root, intermediate]);
    if (verdict.kind !== "verified") throw new Error(brief(verdict));
    expect(verdict.peer.policy).toBe(POLICY_DIGEST);
    expect(verdict.peer.path.path).toEqual([endEntity.der, intermediate.der, root.der]);
    expect(verdict.peer.path).toMatchObject({
      matched: { reference: { type: "dns", value: HOST }, presented: `DNS:${HOST}` },
      anchorSource: "ConfigMap test/ca",
      notAfterMs: NOW + 30 * DAY,
    });
  });
  it("never lets the first certificate's place be taken by a valid one", async () => {
    const other = server(root, { names: [dns("other.example.com")] });
    expect(await check(root, other, server(root))).toBe("name-mismatch@0");
  });
});

describe("fault 2: loops hang the engine", () => {
  it("ends when two CAs have signed each other", async () => {
    const [one, two] = [ecKey(), ecKey()];
    const a = ca("a", { der: bytes(), subject: name("b"), key: two }, { key: one });
    const b = ca("b", { der: bytes(), subject: name("a"), key: one }, { key: two });
    expect(await check(root, server(a), a, b)).toBe("unknown-ca@2");
  });
  it("bounds a fan-out of cross-signed CAs", async () => {
    const layers = Array.from({ length: 5 }, (_, layer) =>
      Array.from({ length: 3 }, () => ({ subject: name(`layer ${layer}`), key: ecKey() })),
    );
    const presented = layers.flatMap((layer, depth) =>
      layer.map(({ subject, key }, index) => {
        const above = (layers[depth + 1] ?? layers[0] ?? [])[index % 3];
        if (above === undefined) throw new Error("no layer above");
        return ca(`layer ${depth}`, { der: bytes(), ...above }, { subject, key });
      }),
    );
    const first = presented[0];
    if (first === undefined) throw new Error("no layer");
    expect(await check(root, server(first), ...presented)).toMatch(/^(unknown-ca|bad-signature|budget-exceeded)@/u);
  });
});

describe("fault 3: constraints that do not constrain", () => {
  it("one permitted name does not excuse a forbidden one", async () => {
    const limited = ca("limited", root, { extensions: [ext.constraints([dns("example.com")])] });
    const endEntity = server(limited, { names: [dns("evil.test"), dns(HOST)] });
    expect(await bareEngine(root, [limited, endEntity])).toBe(true);
    expect(await check(root, endEntity, limited)).toBe("name-constraint@0");
    expect(await check(root, server(limited), limited)).toBe("verified");
  });
  it("a CA below does not widen what a CA above permits", async () => {
    const limited = ca("limited", root, { extensions: [ext.constraints([dns("example.org")])] });
    const wider = ca("wider", limited, { extensions: [ext.constraints([dns("example.com")])] });
    const endEntity = server(wider);
    expect(await bareEngine(root, [limited, wider, endEntity])).toBe(true);
    expect(await check(root, endEntity, wider, limited)).toBe("name-constraint@0");
  });
  it("malformed critical constraints refuse", async () => {
    const broken = ca("broken", root, { extensions: [extension("2.5.29.30", true, seq(tlv(0x82, bytes(1, 2))))] });
    expect(await bareEngine(root, [broken, server(broken)])).toBe(true);
    expect(await check(root, server(broken), broken)).toBe("malformed@1");
  });
  it("unknown critical extensions refuse", async () => {
    const strange = extension("1.3.6.1.4.1.55738.1", true, bytes(5, 0));
    expect(await bareEngine(root, [server(root, { extensions: [strange] })])).toBe(true);
    expect(await check(root, server(root, { extensions: [strange] }))).toBe("critical-extension@0");
    const intermediate = ca("strange", root, { extensions: [strange] });
    expect(await check(root, server(intermediate), intermediate)).toBe("critical-extension@1");
    const anchor = ca("strange root", null, { extensions: [strange] });
    expect(await check(anchor, server(anchor))).toBe("critical-extension@-1");
  });
});

describe("fault 4: no backtracking", () => {
  const key = ecKey();
  const expired = ca("intermediate", root, { key, notBefore: NOW - 9 * DAY, notAfter: NOW - DAY });
  const current = ca("intermediate", root, { key });
  const endEntity = server(current);

  it("an expired duplicate of an intermediate breaks the bare engine", async () => {
    expect(await bareEngine(root, [expired, current, endEntity])).toBe(false);
  });
  it("finds the valid path in any order", async () => {
    expect(await check(root, endEntity, expired, current)).toBe("verified");
    expect(await check(root, endEntity, current, expired)).toBe("verified");
    expect(await check(root, endEntity, expired)).toBe("expired@1");
  });
  it("leaves a path that only fails above", async () => {
    const stranger = ca("root");
    const viaStranger = ca("intermediate", stranger, { key });
    expect(await check(root, endEntity, viaStranger, current)).toBe("verified");
  });
});

describe("fault 5: what the engine never checks", () => {
  it("extended key usage", async () => {
    const endEntity = server(root, { purposes: [CLIENT_AUTH] });
    expect(await bareEngine(root, [endEntity])).toBe(true);
    expect(await check(root, endEntity)).toBe("wrong-usage@0");
  });
  it("path length", async () => {
    const first = ca("first", root, { pathLength: 0 });
    const second = ca("second", first);
    expect(await bareEngine(root, [first, second, server(second)])).toBe(true);
    expect(await check(root, server(second), second, first)).toBe("path-too-long@2");
  });
  it("the end entity's key usage", async () => {
    const endEntity = server(root, { usage: 0x08 });
    expect(await bareEngine(root, [endEntity])).toBe(true);
    expect(await check(root, endEntity)).toBe("wrong-usage@0");
  });
  it("names", async () => {
    const endEntity = server(root, { names: [dns("other.example.com")] });
    expect(await bareEngine(root, [endEntity])).toBe(true);
    expect(await check(root, endEntity)).toBe("name-mismatch@0");
  });
  it("and one verifier keeps them apart", async () => {
    const verifier = createVerifier({ policy: POLICY_DIGEST, trust: policy([root]), sha256, witness });
    expect(brief(await verifier.verify([server(root).der], NOW))).toBe("verified");
    expect(brief(await verifier.verify([server(root, { usage: 0x08 }).der], NOW))).toBe("wrong-usage@0");
  });
});
