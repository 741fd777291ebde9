/** The witness: its questions and answers, and that a verdict needs its yes. */
import { describe, expect, it } from "vitest";
import { ConnectionError } from "../../src/backend/engine/errors.ts";
import type { Exports } from "../../src/backend/engine/abi.ts";
import { Instance } from "../../src/backend/engine/instance.ts";
import { witnessOf } from "../../src/backend/engine/witness.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import {
  type TrustIdentifier,
  type TrustPolicy,
  type Verdict,
  type Witness,
  type WitnessQuestion,
  createVerifier,
} from "../../src/trust/index.ts";
import { PATH_ABSTENTIONS } from "../../src/trust/verdict.ts";
import {
  HOST,
  type Minted,
  NOW,
  ca,
  dns,
  email,
  ext,
  extension,
  ip,
  mint,
  name,
  server,
  uri,
  ders as der,
} from "../support/certificates.ts";
import { type Bytes, bytes, generalizedTime, oid, seq, tlv, utcTime } from "../support/der.ts";
import { ecKey, edKey, pssKey, rsaKey } from "../support/keys.ts";
import { POLICY_DIGEST, policy } from "../support/verdicts.ts";
import { sha256 } from "../support/sha256.ts";
import { witness } from "../support/witness.ts";
import { ANY, CA, FEATURED } from "./abstained-paths.ts";

const root = ca("root");
const issuing = ca("issuing", root);

/** The verdict, and every question that led to it. */
async function judged(
  trust: TrustPolicy,
  presented: readonly Minted[],
  answer: Witness = witness,
): Promise<{ verdict: Verdict; questions: WitnessQuestion[] }> {
  const questions: WitnessQuestion[] = [];
  const noting: Witness = (question) => {
    questions.push(question);
    return answer(question);
  };
  const verifier = createVerifier({ policy: POLICY_DIGEST, trust, sha256, witness: noting });
  const verdict = await verifier.verify(
    presented.map(({ der }) => der),
    NOW,
  );
  return { verdict, questions };
}

const testimony = (verdict: Verdict): unknown =>
  verdict.kind === "verified" ? verdict.peer.path.witness : verdict.refusal;

/** The certificate with one octet of its signature turned. */
function forged(certificate: Uint8Array): Bytes {
  const turned = certificate.slice();
  const last = turned.length - 1;
  turned[last] = (turned[last] ?? 0) ^ 1;
  return turned;
}

describe("a path that webpki can judge", () => {
  it("is judged with its name, and nothing but the path is shown", async () => {
    const endEntity = server(issuing);
    const { verdict, questions } = await judged(policy([root, ca("root")]), [endEntity, ca("other", root), issuing]);
    expect(testimony(verdict)).toEqual({ kind: "judged" });
    const path = der(endEntity, issuing, root);
    expect(questions).toEqual([{ kind: "judge", path, nowMs: NOW, name: { type: "dns", value: HOST } }]);
  });
  it.each<[string, TrustIdentifier, Bytes, object]>([
    ["a wildcard of the certificate", { type: "dns", value: HOST }, dns("*.example.com"), { kind: "judged" }],
    ["an address", { type: "ip", value: "192.0.2.7" }, ip(192, 0, 2, 7), { kind: "judged" }],
    [
      "a URI",
      { type: "uri", value: "spiffe://a/b" },
      uri("spiffe://a/b"),
      { kind: "name-abstained", features: ["uri-name"] },
    ],
    [
      "a wildcard of the policy",
      { type: "dns", value: "*.example.com" },
      dns(HOST),
      { kind: "name-abstained", features: ["wildcard-name"] },
    ],
    [
      "a mailbox",
      { type: "rfc822", value: "a@example.com" },
      email("a@example.com"),
      { kind: "name-abstained", features: ["mailbox-name"] },
    ],
  ])("matched by %s", async (_, identifier, presented, expected) => {
    const { verdict } = await judged(policy([root], { identifiers: [identifier] }), [
      server(root, { names: [dns("another.example.com"), presented] }),
    ]);
    expect(testimony(verdict)).toEqual(expected);
  });
  it.each([
    ["RSA", () => rsaKey(2048)],
    ["RSA with SHA-512", () => rsaKey(3072, "SHA512")],
    ["RSA-4104", () => rsaKey(4104)],
    ["RSA with the exponent 3", () => rsaKey(2048, "SHA384", 3)],
    ["RSA-PSS", () => pssKey()],
    ["P-256 with SHA-384", () => ecKey("P-256", "SHA-384")],
    ["P-384 with SHA-256", () => ecKey("P-384", "SHA-256")],
    ["Ed25519", edKey],
  ])("signed with %s", async (_, key) => {
    const anchor = ca("root", null, { key: key() });
    const { verdict } = await judged(policy([anchor]), [server(anchor)]);
    expect(testimony(verdict)).toEqual({ kind: "judged" });
  });
  it("whose names are constrained", async () => {
    const limits = ext.constraints([dns("example.com"), ip(10, 0, 0, 0, 255, 0, 0, 0)], [dns("evil.example.com")]);
    const limited = ca("limited", root, { extensions: [limits] });
    const names = [dns(HOST), ip(10, 1, 2, 3), email("a@example.org")];
    expect(testimony((await judged(policy([root]), [server(limited, { names }), limited])).verdict)).toEqual({
      kind: "judged",
    });
  });
});

describe("a feature that webpki cannot judge", () => {
  it.each(PATH_ABSTENTIONS)("%s: it verifies the signatures, and they alone", async (feature) => {
    const { chain, anchor } = FEATURED[feature]();
    const { verdict, questions } = await judged(policy([anchor]), chain);
    expect(testimony(verdict)).toEqual({ kind: "path-abstained", features: [feature] });
    if (feature === "single-certificate") return expect(questions).toEqual([]);
    const [question] = questions;
    if (question?.kind !== "verify-signatures") throw new Error("another question");
    // The reason for the feature: asked to judge the path, webpki refuses it.
    const { path, asked } = question;
    expect(witness({ kind: "judge", path, nowMs: NOW, name: null })).toMatchObject({ kind: "refused" });
    // Every signature of the question decides.
    const unverifiable = ["p-521", "ecdsa-sha-512", "pss-parameters"].includes(feature);
    expect(asked.filter((each) => !each).length).toBe(unverifiable ? 1 : 0);
    const answers = asked.map((_, index) => {
      const one = path.map((certificate, at) => (at === index ? forged(certificate) : certificate));
      return witness({ ...question, path: one }).kind;
    });
    expect(answers).toEqual(asked.map((each) => (each ? "refused" : "accepted")));
    // A refusal by the witness refuses here, too.
    const refusing = await judged(policy([anchor]), chain, () => ({ kind: "refused", why: "no" }));
    expect(testimony(refusing.verdict)).toMatchObject({ code: "second-opinion", presented: "no" });
  });
  it("is none of PKI.js's, whose engine once refused a URI with a user under constraints", async () => {
    const limited = ca("limited", root, { extensions: [ext.constraints([uri("example.com")])] });
    const names = [dns(HOST), uri("https://user:x@example.com/")];
    const { verdict } = await judged(policy([root]), [server(limited, { names }), limited]);
    expect(testimony(verdict)).toEqual({ kind: "path-abstained", features: ["constraint-form"] });
    const outside = [dns(HOST), uri("https://example.com@evil.test/")];
    const refused = await judged(policy([root]), [server(limited, { names: outside }), limited]);
    expect(testimony(refused.verdict)).toMatchObject({ code: "name-constraint" });
  });
  it("is looked for where webpki looks: an anchor's own form is none of them", async () => {
    const key = ecKey();
    const validity = seq(utcTime(Date.UTC(1969, 0, 1)), generalizedTime(NOW + 1000));
    const extensions = [
      ...CA,
      extension("2.5.29.14", true, tlv(0x04, key.id)),
      extension("2.5.29.32", true, seq(seq(oid("1.2.3")))),
      ext.eku(ANY),
    ];
    const anchor = mint({ subject: name("odd"), key, validity, extensions });
    const verdict = (await judged(policy([anchor]), [server(anchor)])).verdict;
    expect(testimony(verdict)).toEqual({ kind: "judged" });
  });
});

describe("webpki's no", () => {
  const endEntity = server(issuing);
  const question = {
    kind: "judge",
    path: der(endEntity, issuing, root),
    nowMs: NOW,
    name: { type: "dns", value: HOST },
  } as const;
  it.each<[string, WitnessQuestion]>([
    ["another name", { ...question, name: { type: "dns", value: "other.example.com" } }],
    ["an address", { ...question, name: { type: "ip", octets: bytes(10, 0, 0, 1) } }],
    ["no address", { ...question, name: { type: "ip", octets: bytes(10, 0, 0) } }],
    ["no name that there is", { ...question, name: { type: "dns", value: "a..b" } }],
    ["another time", { ...question, nowMs: Date.UTC(2106, 1, 7, 6, 28, 16) + NOW }],
    ["a CA too few", { ...question, path: der(endEntity, root) }],
    ["a CA too many", { ...question, path: der(endEntity, issuing, ca("extra", root), root) }],
    ["an order of its own", { ...question, path: der(server(ca("low", issuing)), issuing, ca("low", issuing), root) }],
    ["another anchor", { ...question, path: der(endEntity, issuing, ca("root")) }],
    ["a forged signature", { ...question, path: [forged(endEntity.der), ...der(issuing, root)] }],
    ["a forged CA", { ...question, path: [endEntity.der, forged(issuing.der), root.der] }],
    ["no path", { ...question, path: [] }],
    ["one certificate", { ...question, path: der(root) }],
    ["no certificate", { ...question, path: [bytes(1, 2, 3), ...der(issuing, root)] }],
    ["no anchor", { ...question, path: [...der(endEntity, issuing), bytes(0x30, 0)] }],
    ["more than fits", { ...question, path: [endEntity.der, new Uint8Array(1 << 17), root.der] }],
  ])("%s", (_, asked) => {
    expect(witness(question)).toEqual({ kind: "accepted" });
    expect(witness(asked)).toMatchObject({ kind: "refused", why: /^[ -~]+$/u });
  });
  it.each<[string, readonly Bytes[]]>([
    ["no certificate", [bytes(1, 2, 3), root.der]],
    ["no issuer", [server(root).der, bytes(0x30, 0)]],
    ["trailing octets", [new Uint8Array([...server(root).der, 0]), root.der]],
    ["an indefinite length", [bytes(0x30, 0x80, 0, 0), root.der]],
    ["a length that is not the shortest", [bytes(0x30, 0x81, 1, 0), root.der]],
  ])("to signatures: %s", (_, path) => {
    expect(witness({ kind: "verify-signatures", path: der(server(root), root), asked: [true] }).kind).toBe("accepted");
    expect(witness({ kind: "verify-signatures", path, asked: [true] }).kind).toBe("refused");
  });
  it("refuses the path, and nobody else's yes helps", async () => {
    const { verdict } = await judged(policy([root]), [server(root)], () => ({ kind: "refused", why: "BadDer" }));
    expect(testimony(verdict)).toEqual({
      code: "second-opinion",
      position: null,
      expected: "a path that rustls-webpki accepts too",
      presented: "BadDer",
    });
  });
});

describe("no witness", () => {
  it.each<[string, unknown]>([
    ["none", undefined],
    [
      "one that throws",
      () => {
        throw new Error("out of order");
      },
    ],
    ["one that answers something else", () => ({ kind: "yes" })],
    ["one that answers nothing", () => undefined],
  ])("%s: no verdict", async (_, broken) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a caller without types may pass
    const options = { policy: POLICY_DIGEST, trust: policy([root]), sha256, witness: broken as Witness };
    const verdict = await createVerifier(options).verify([server(root).der], NOW);
    expect(verdict).toMatchObject({ kind: "refused", refusal: { code: "second-opinion" } });
  });
  it("a module that traps, or answers what it does not answer", () => {
    const question: WitnessQuestion = { kind: "verify-signatures", path: der(server(root), root), asked: [true] };
    const answering = (answer: () => number): Instance => {
      const instance = new Instance(nodeRuntime());
      const call = instance.call.bind(instance);
      instance.call = () => call((exports: Exports) => (exports.abi_version() > 0 ? answer() : 0));
      return instance;
    };
    const instances = [0, 2, -1, -2, Number.NaN].map((answer) => answering(() => answer));
    expect(instances.map((instance) => witnessOf(() => instance)(question).kind)).toEqual(
      instances.map(() => "refused"),
    );
    const trapped = answering(() => {
      throw new WebAssembly.RuntimeError("unreachable");
    });
    expect(witnessOf(() => trapped)(question)).toEqual({ kind: "refused", why: "unreachable" });
    expect(trapped.trapped).toBeInstanceOf(ConnectionError);
  });
});
