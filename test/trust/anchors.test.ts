/** CA bundles as people write them. */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { checkAnchor, parsePemBundle } from "../../src/trust/index.ts";
import { type Bytes, NOW, bareKey, bytes, ca, dns, ext, mint, name, oid, rsaKey, seq, tlv } from "./mint.ts";

const pem = (der: Bytes, label = "CERTIFICATE"): string =>
  `-----BEGIN ${label}-----\n${(
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/gu) ?? []
  ).join("\n")}\n-----END ${label}-----\n`;

const one = ca("one");
const two = ca("two");

describe("parsePemBundle", () => {
  it("reads certificates with their lines, and text between them as comments", () => {
    const bundle = `# our CAs\n${pem(one.der)}\nsubject=two\n  issuer=two\n${pem(two.der)}end\n`;
    const lines = pem(one.der).split("\n").length - 1;
    expect(parsePemBundle(bundle)).toEqual({
      certificates: [
        { der: one.der, line: 2 },
        { der: two.der, line: 2 + lines + 3 },
      ],
      problems: [],
    });
  });
  it("takes other line ends, indentation of the body, a byte order mark and an old label", () => {
    const text = pem(one.der);
    const body = text.replaceAll(/^(?!-)/gmu, "  ").trimEnd();
    for (const form of [
      text.replaceAll("\n", "\r\n"),
      text.replaceAll("\n", "\r"),
      `\u{feff}${text}`,
      text.trimEnd(),
      body,
      pem(one.der, "X509 CERTIFICATE"),
    ]) {
      expect(parsePemBundle(form)).toMatchObject({ certificates: [{ der: one.der, line: 1 }], problems: [] });
    }
  });
  it("finds nothing in nothing", () => {
    expect(parsePemBundle("")).toEqual({ certificates: [], problems: [] });
    expect(parsePemBundle("no certificate here\n")).toEqual({ certificates: [], problems: [] });
  });

  const good = pem(two.der);
  const { privateKey } = generateKeyPairSync("ed25519");
  const secret = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  it.each<[string, string, number, string]>([
    ["a private key", secret, 1, "a private key stands among the certificates: remove it, and replace the key"],
    ["another block", pem(one.der, "TRUSTED CERTIFICATE"), 1, "a block of TRUSTED CERTIFICATE, not of CERTIFICATE"],
    ["no base64", "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", 1, "the block is not base64"],
    [
      "base64 without padding",
      "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n",
      1,
      "the block is not base64",
    ],
    [
      "base64 with loose bits",
      "-----BEGIN CERTIFICATE-----\nAAB=\n-----END CERTIFICATE-----\n",
      1,
      "the block is not base64",
    ],
    ["an empty block", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", 1, "the block is not base64"],
    [
      "a header",
      "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END CERTIFICATE-----\n",
      1,
      "the block is not base64",
    ],
    [
      "other DER",
      "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
      1,
      "not a certificate of RFC 5280 in DER: tbsCertificate is missing",
    ],
    ["no END", "-----BEGIN CERTIFICATE-----\nMAA=\n", 1, "the block has no -----END CERTIFICATE-----"],
    [
      "another END",
      "-----BEGIN CERTIFICATE-----\nMAA=\n-----END X-----\n",
      3,
      "-----END X----- ends a block of CERTIFICATE",
    ],
    ["END alone", "\n-----END CERTIFICATE-----\n", 2, "-----END CERTIFICATE----- without a BEGIN line"],
    ["a broken BEGIN line", "----BEGIN CERTIFICATE-----\n", 1, "a broken BEGIN or END line"],
    ["an indented BEGIN line", "  -----BEGIN CERTIFICATE-----\n", 1, "a broken BEGIN or END line"],
    ["base64 outside a block", `${"A".repeat(64)}\n`, 1, "base64 outside a block"],
  ])("reports %s, and reads on", (_, text, line, message) => {
    const before = parsePemBundle(`${text}${good}`);
    expect(before.problems[0]).toEqual({ line, message });
    const after = parsePemBundle(`${good}${text}`);
    expect(after.certificates).toEqual([{ der: two.der, line: 1 }]);
    expect(after.problems[0]).toEqual({ line: line + good.split("\n").length - 1, message });
    expect(JSON.stringify(before)).not.toContain(secret.split("\n")[1]);
  });
});

describe("checkAnchor", () => {
  it("takes a CA, an expired one and a self-signed server", () => {
    expect(checkAnchor(one.der)).toBeNull();
    expect(checkAnchor(ca("old", null, { notAfter: NOW - 1 }).der)).toBeNull();
    expect(checkAnchor(mint({ extensions: [ext.san(dns("a.example"))] }).der)).toBeNull();
  });
  it("refuses what could never be trusted", () => {
    expect(checkAnchor(bytes(1, 2))).toMatchObject({ code: "malformed" });
    expect(checkAnchor(ca("weak", null, { key: rsaKey(1024) }).der)).toMatchObject({
      code: "weak-key",
      found: "RSA, 1024 bits",
    });
    const dsa = bareKey(seq(seq(oid("1.2.840.10040.4.1")), tlv(3, bytes(0, 1))));
    expect(checkAnchor(mint({ subject: name("dsa"), key: dsa, extensions: [ext.ca()] }).der)).toMatchObject({
      code: "unsupported-algorithm",
      found: "DSA",
    });
  });
});
