/** Stapled OCSP responses that a certificate promises (RFC 7633). */
import { describe, expect, it } from "vitest";
import { createVerifier } from "../../src/trust/index.ts";
import {
  CLIENT_AUTH,
  DAY,
  type Minted,
  NOW,
  SERVER_AUTH,
  ca,
  ext,
  extension,
  mint,
  name,
  server,
  OCSP_SIGNING,
  ders,
} from "../support/certificates.ts";
import { crl } from "../support/crls.ts";
import { type Bytes, bytes, concat, generalizedTime, int, seq, tlv } from "../support/der.ts";
import { ecKey, rsaKey } from "../support/keys.ts";
import { type StapleSpec, byKey, byName, staple, stapleAnswer, tlsFeature } from "../support/staples.ts";
import { POLICY_DIGEST, brief, policy, verdictOf } from "../support/verdicts.ts";
import { sha256 } from "../support/sha256.ts";
import { witness } from "../support/witness.ts";

const root = ca("root");
const issuing = ca("issuing", root);
const SERIAL = 4711;
const leaf = server(issuing, { serial: int(SERIAL), extensions: [tlsFeature(false, 5)] });
const chain = [leaf, issuing];
const response = (spec: Partial<StapleSpec> = {}): Bytes => staple({ serial: SERIAL, issuer: issuing, ...spec });
const answer = (spec: Partial<StapleSpec>): Bytes => stapleAnswer({ serial: SERIAL, issuer: issuing, ...spec });

const checkStapled = async (stapled: Bytes | null, presented = chain): Promise<string> =>
  brief(await verdictOf(policy([root]), presented, NOW, stapled));

describe("an end entity that promises a staple is accepted for", () => {
  const stranger = ca("issuing", root);
  const extensionOf = (critical: boolean): Bytes => tlv(0xa1, seq(extension("1.2.3", critical, bytes(5, 0))));
  it.each<[string, Bytes | null, string]>([
    ["a good one", response(), "verified"],
    ["one by its issuer's key", response({ responder: byKey(issuing) }), "verified"],
    ["one of SHA-256", response({ algorithm: "sha256" }), "verified"],
    ["one to the second", response({ nextUpdate: NOW, thisUpdate: NOW }), "verified"],
    ["one with another answer beside", response({ more: [answer({ serial: 1, status: tlv(0x82) })] }), "verified"],
    ["one with an extension", response({ single: extensionOf(false), tail: extensionOf(false) }), "verified"],
    ["none", null, "revocation-unknown@0"],
    ["an empty one", bytes(), "revocation-unknown@0"],
    ["a failure", seq(tlv(0x0a, bytes(6))), "revocation-unknown@0"],
    ["a stale one", response({ nextUpdate: NOW - 1000 }), "revocation-unknown@0"],
    ["one from the future", response({ thisUpdate: NOW + 1000 }), "revocation-unknown@0"],
    ["one without nextUpdate", response({ nextUpdate: null }), "revocation-unknown@0"],
    ["one that says unknown", response({ status: tlv(0x82) }), "revocation-unknown@0"],
    ["one that says revoked", response({ status: tlv(0xa1, generalizedTime(NOW - DAY)) }), "revoked@0"],
    ["one that says both", response({ more: [answer({ status: tlv(0x82) })] }), "revocation-unknown@0"],
    ["one of another serial number", response({ serial: 1 }), "revocation-unknown@0"],
    [
      "one of another name of the issuer's key",
      response({ issuer: ca("renamed", root, { key: issuing.key }), signer: issuing }),
      "revocation-unknown@0",
    ],
    ["one of another issuer", response({ issuer: root }), "revocation-unknown@0"],
    ["one of another key of the issuer's name", response({ issuer: stranger }), "revocation-unknown@0"],
    ["one that a stranger of the issuer's name signed", response({ signer: stranger }), "revocation-unknown@0"],
    [
      "one that such a stranger signed and certified",
      response({ signer: stranger, certificates: [stranger] }),
      "revocation-unknown@0",
    ],
    ["one that names another responder", response({ responder: byName(root) }), "revocation-unknown@0"],
    ["one by another key", response({ responder: byKey(root) }), "revocation-unknown@0"],
    ["one with a critical extension", response({ tail: extensionOf(true) }), "revocation-unknown@0"],
    ["one with a critical extension in the answer", response({ single: extensionOf(true) }), "revocation-unknown@0"],
    ["garbage", bytes(1, 2, 3), "revocation-unknown@0"],
    ["one with bytes after it", concat(response(), bytes(0)), "revocation-unknown@0"],
  ])("%s", async (_, staple, expected) => {
    expect(await checkStapled(staple)).toBe(expected);
  });

  it.each<[readonly number[], string]>([
    [[17], "verified"],
    [[6, 17], "verified"],
    [[17, 5], "revocation-unknown@0"],
  ])("only a certificate with status_request (5) needs one: %j", async (features, expected) => {
    const endEntity = server(issuing, { extensions: [tlsFeature(true, ...features)] });
    expect(await checkStapled(null, [endEntity, issuing])).toBe(expected);
  });
  it.each([
    ["an empty list", seq()],
    ["a negative number", seq(tlv(2, bytes(0xff)))],
    ["a number of three octets", seq(int(65_536))],
    ["bytes after the list", concat(seq(int(5)), bytes(5, 0))],
    ["a number without a list", int(5)],
  ])("the feature is read strictly: %s", async (_what, value) => {
    const extensions = [extension("1.3.6.1.5.5.7.1.24", false, value)];
    expect(await checkStapled(response(), [server(issuing, { extensions }), issuing])).toBe("malformed@0");
  });
  it("the feature is not processed in a CA", async () => {
    const below = (critical: boolean): Promise<string> => {
      const featured = ca("featured", root, { extensions: [tlsFeature(critical, 5)] });
      return checkStapled(null, [server(featured), featured]);
    };
    expect([await below(false), await below(true)]).toEqual(["verified", "critical-extension@1"]);
  });
  it("a self-signed backend's is its own", async () => {
    const key = ecKey();
    const own = server(
      { der: bytes(), subject: name("own"), key },
      {
        key,
        subject: name("own"),
        serial: int(SERIAL),
        extensions: [tlsFeature(false, 5)],
      },
    );
    const under = async (staple: Bytes | null): Promise<string> =>
      brief(await verdictOf(policy([own]), [own], NOW, staple));
    expect(await under(response({ issuer: own, signer: own }))).toBe("verified");
    expect(await under(null)).toBe("revocation-unknown@0");
  });
});

describe("a delegated responder", () => {
  const responder = (more: object = {}, issuer = issuing): Minted =>
    mint({ subject: name("responder"), extensions: [ext.keyUsage(0x80), ext.eku(OCSP_SIGNING)], ...more }, issuer);
  const by = (signer: Minted, spec: Partial<StapleSpec> = {}): Promise<string> =>
    checkStapled(response({ signer, certificates: [signer], ...spec }));

  it("is certified by the issuer for that purpose", async () => {
    const good = responder();
    expect(await by(good)).toBe("verified");
    expect(await by(good, { responder: byKey(good) })).toBe("verified");
    expect(await by(good, { certificates: [root, good] })).toBe("verified");
    expect(await by(responder({ key: rsaKey(2048) }))).toBe("verified");
    expect(await by(good, { certificates: [] })).toBe("revocation-unknown@0");
    expect(await by(responder({ key: rsaKey(1024) }))).toBe("revocation-unknown@0");
    expect(await by(responder({ issuerName: name("another name of the key") }))).toBe("revocation-unknown@0");
    expect(await by(good, { responder: byKey(root) })).toBe("revocation-unknown@0");
    expect(await by(responder({}, root))).toBe("revocation-unknown@0");
    expect(await by(responder({}, ca("issuing", root)))).toBe("revocation-unknown@0");
    expect(await by(good, { certificates: [root, root, root, root, good] })).toBe("revocation-unknown@0");
  });
  it.each<[string, readonly Bytes[]]>([
    ["without extKeyUsage", [ext.keyUsage(0x80)]],
    ["for clients", [ext.eku(CLIENT_AUTH)]],
    ["for every purpose", [ext.eku("2.5.29.37.0")]],
    ["without digitalSignature", [ext.keyUsage(0x20), ext.eku(OCSP_SIGNING)]],
    ["with an unknown critical extension", [ext.eku(OCSP_SIGNING), extension("1.2.3", true, bytes())]],
  ])("%s is none", async (_, extensions) => {
    expect(await by(responder({ extensions }))).toBe("revocation-unknown@0");
  });
  it("is not the end entity itself, whatever its purposes are", async () => {
    const own = server(issuing, {
      serial: int(SERIAL),
      purposes: [SERVER_AUTH, OCSP_SIGNING],
      extensions: [tlsFeature(false, 5)],
    });
    const twin = responder({ key: own.key });
    const by = (signer: Minted): Promise<string> =>
      checkStapled(response({ signer, certificates: [signer] }), [own, issuing]);
    expect([await by(own), await by(twin)]).toEqual(["revocation-unknown@0", "revocation-unknown@0"]);
  });
  it("is valid, and the verdict ends with it", async () => {
    expect(await by(responder({ notAfter: NOW - 1000 }))).toBe("revocation-unknown@0");
    expect(await by(responder({ notBefore: NOW + 1000 }))).toBe("revocation-unknown@0");
    const until = async (signer: Minted, nextUpdate: number): Promise<unknown> => {
      const verdict = await verdictOf(
        policy([root]),
        chain,
        NOW,
        response({ signer, nextUpdate, certificates: [signer] }),
      );
      return verdict.kind === "verified" ? verdict.peer.path.notAfterMs - NOW : verdict;
    };
    expect(await until(responder({ notAfter: NOW + 5000 }), NOW + 9000)).toBe(5000);
    expect(await until(responder({ notAfter: NOW + 9000 }), NOW + 5000)).toBe(5000);
  });
  it("is held against the CRLs, when there are some", async () => {
    const revoked = responder({ serial: int(99) });
    const under = async (...serials: readonly number[]): Promise<string> => {
      const crls = [crl(root), crl(issuing, { revoked: serials.map(int) })];
      const staple = response({ signer: revoked, certificates: [revoked] });
      return brief(await verdictOf(policy([root], { crls }), chain, NOW, staple));
    };
    expect([await under(1), await under(99), await under(SERIAL)]).toEqual([
      "verified",
      "revocation-unknown@0",
      "revoked@0",
    ]);
  });
  it("counts to the budget of signatures", async () => {
    const staple = response();
    expect(brief(await verdictOf(policy([root], { budgets: { signatures: 2 } }), chain, NOW, staple))).toBe(
      "budget-exceeded@null",
    );
    expect(brief(await verdictOf(policy([root], { budgets: { signatures: 3 } }), chain, NOW, staple))).toBe("verified");
  });
});

describe("a resumed session", () => {
  const presented = chain.map(({ der }) => der);
  const make = (): ((now: number, staple: Bytes | null | "resumed") => Promise<string>) => {
    const verifier = createVerifier({ policy: POLICY_DIGEST, trust: policy([root]), sha256, witness });
    return async (now, staple) =>
      brief(await verifier.verify(presented, now, staple === "resumed" ? { resumed: true } : { ocspResponse: staple }));
  };
  const soon = response({ nextUpdate: NOW + 5000 });

  it("is judged by the staple of its chain's last full handshake, until its nextUpdate", async () => {
    const ask = make();
    expect(await ask(NOW, "resumed")).toBe("revocation-unknown@0");
    expect(await ask(NOW + 1, soon)).toBe("verified");
    expect(await ask(NOW + 2, "resumed")).toBe("verified");
    expect(await ask(NOW + 5999, "resumed")).toBe("verified");
    expect(await ask(NOW + 6000, "resumed")).toBe("revocation-unknown@0");
    expect(await ask(NOW + 6001, response())).toBe("verified");
    expect(await ask(NOW + 6002, "resumed")).toBe("verified");
  });
  it("outlives a handshake whose staple was refused, unless that said revoked", async () => {
    const ask = make();
    expect(await ask(NOW, soon)).toBe("verified");
    expect(await ask(NOW, null)).toBe("revocation-unknown@0");
    expect(await ask(NOW, response({ serial: 1 }))).toBe("revocation-unknown@0");
    expect(await ask(NOW, "resumed")).toBe("verified");
    expect(await ask(NOW, response({ status: tlv(0xa1, generalizedTime(NOW)) }))).toBe("revoked@0");
    expect(await ask(NOW, "resumed")).toBe("revoked@0");
  });
  it("is forgotten when many others came after", async () => {
    const verifier = createVerifier({ policy: POLICY_DIGEST, trust: policy([root]), sha256, witness });
    const staple = response();
    // Certificates that follow the path are no part of it, and make another chain.
    const padded = Array.from({ length: 65 }, () => [...presented, server(root).der]);
    for (const each of padded) await verifier.verify(each, NOW, { ocspResponse: staple });
    const again = await Promise.all(padded.map((each) => verifier.verify(each, NOW, { resumed: true })));
    expect(again.map(brief).filter((each) => each !== "verified")).toEqual(["revocation-unknown@0"]);
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

describe("a staple, whatever else the response holds", () => {
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
    const verdicts = await Promise.all(others.map((other) => verifier.verify(other, NOW, { ocspResponse: response })));
    expect(verdicts.map(brief)).toEqual(others.map(() => "verified"));
    expect(brief(await verifier.verify(chain, NOW, { resumed: true }))).toBe("verified");
  });
});
