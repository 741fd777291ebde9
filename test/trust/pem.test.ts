/** Bundles of certificates in PEM, as people write them. */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { parsePemBundle } from "../../src/trust/index.ts";
import { ca } from "../support/certificates.ts";
import { type Bytes } from "../support/der.ts";

const pem = (der: Bytes, label = "CERTIFICATE"): string =>
  `-----BEGIN ${label}-----\n${(
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/gu) ?? []
  ).join("\n")}\n-----END ${label}-----\n`;

const one = ca("one");
const two = ca("two");

describe("parsePemBundle", () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const secret = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  it.each([
    ["as a block", secret],
    ["without its BEGIN line", secret.replace(/^-.*\n/u, "")],
    ["in a block of another label", secret.replaceAll("PRIVATE KEY", "CERTIFICATE")],
    ["in place of a label", secret.replaceAll("PRIVATE KEY", secret.split("\n")[1] ?? "")],
  ])("shows no private key that stands in a bundle %s", (_how, text) => {
    const { problems } = parsePemBundle(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(JSON.stringify(problems)).not.toContain(secret.split("\n")[1]);
  });
  it("reads certificates with their lines, and text between them as comments", () => {
    const bundle = `# our CAs\n${pem(one.der)}\nsubject=two\n  issuer=two\n${pem(two.der)}end\n`;
    const lines = pem(one.der).split("\n").length - 1;
    expect(parsePemBundle(bundle)).toEqual({
      certificates: [
        { der: one.der, line: 2, position: 1 },
        { der: two.der, line: 2 + lines + 3, position: 2 },
      ],
      problems: [],
      blocks: 2,
    });
  });
  it.each([
    ["line ends of Windows", pem(one.der).replaceAll("\n", "\r\n")],
    ["line ends of old Macs", pem(one.der).replaceAll("\n", "\r")],
    ["a byte order mark", `\u{feff}${pem(one.der)}`],
    ["no line end at the end", pem(one.der).trimEnd()],
    [
      "an indented body",
      pem(one.der)
        .replaceAll(/^(?!-)/gmu, "  ")
        .trimEnd(),
    ],
    ["indentation", pem(one.der).replaceAll(/^/gmu, "\t ")],
    ["an old label", pem(one.der, "X509 CERTIFICATE")],
  ])("takes %s", (_what, form) => {
    expect(parsePemBundle(form)).toMatchObject({ certificates: [{ der: one.der, line: 1 }], problems: [] });
  });
  it("reads files that were joined without a line end", () => {
    const { certificates, problems } = parsePemBundle(`${pem(one.der).trimEnd()}${pem(two.der)}`);
    expect(problems).toEqual([]);
    expect(certificates.map(({ position }) => position)).toEqual([1, 2]);
    expect(certificates[1]?.line).toBe(pem(one.der).split("\n").length - 1);
  });
  it("calls a run of lines without BEGIN one fault", () => {
    const bare = pem(one.der).replaceAll(/-----.*-----\n/gu, "");
    expect(parsePemBundle(`${bare}\n${bare}`).problems.map(({ line }) => line)).toEqual([
      1,
      bare.split("\n").length + 1,
    ]);
  });
  it("finds nothing in nothing", () => {
    expect(parsePemBundle("")).toEqual({ certificates: [], problems: [], blocks: 0 });
    expect(parsePemBundle("no certificate here\n")).toEqual({ certificates: [], problems: [], blocks: 0 });
  });

  const good = pem(two.der);
  it.each<[string, string, number, string]>([
    ["a private key", secret, 1, "a private key stands among the certificates: remove it, and replace the key"],
    [
      "another block",
      pem(one.der, "TRUSTED CERTIFICATE"),
      1,
      "a block of TRUSTED CERTIFICATE, not of CERTIFICATE: openssl x509 -in FILE writes it as CERTIFICATE",
    ],
    [
      "no base64",
      "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
      1,
      "the block is not base64: it has other characters",
    ],
    [
      "base64 without padding",
      "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n",
      1,
      "the block is not base64: something is missing, or too much",
    ],
    [
      "base64 with loose bits",
      "-----BEGIN CERTIFICATE-----\nAAB=\n-----END CERTIFICATE-----\n",
      1,
      "the block is not base64",
    ],
    [
      "an empty block",
      "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
      1,
      "the block is not base64: it is empty",
    ],
    [
      "a header",
      "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END CERTIFICATE-----\n",
      1,
      "the block is not base64: it begins with a header",
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
    ["an indented BEGIN line", "  -----BEGIN CERTIFICATE-----\n", 1, "the block has no -----END CERTIFICATE-----"],
    [
      "a request",
      pem(one.der, "CERTIFICATE REQUEST"),
      1,
      "a block of CERTIFICATE REQUEST, not of CERTIFICATE: it asks for a certificate; put in the one that the CA issued",
    ],
    [
      "blanks inside of base64",
      "-----BEGIN CERTIFICATE-----\nMA A=\n-----END CERTIFICATE-----\n",
      1,
      "the block is not base64: there are blanks inside its lines",
    ],
    [
      "line ends in writing",
      "-----BEGIN CERTIFICATE-----\nMA\\nA=\n-----END CERTIFICATE-----\n",
      1,
      String.raw`the block is not base64: it has \n where line ends belong`,
    ],
    [
      "base64url",
      "-----BEGIN CERTIFICATE-----\nMA_A\n-----END CERTIFICATE-----\n",
      1,
      "the block is not base64: it is base64url",
    ],
    [
      "lines left out",
      "-----BEGIN CERTIFICATE-----\nMAAA\n...\n-----END CERTIFICATE-----\n",
      1,
      "the block is not base64: lines were left out of it",
    ],
    [
      "PEM on one line",
      "-----BEGIN CERTIFICATE----- MAA= -----END CERTIFICATE-----\n",
      1,
      "BEGIN and END stand on one line: PEM needs its line ends, as | keeps them in YAML and > does not",
    ],
    ["base64 outside a block", `${"A".repeat(64)}\n`, 1, "base64 outside a block"],
  ])("reports %s, and reads on", (_, text, line, message) => {
    const before = parsePemBundle(`${text}${good}`);
    expect(before.problems[0]).toMatchObject({ line, message });
    const after = parsePemBundle(`${good}${text}`);
    expect(after.certificates).toEqual([{ der: two.der, line: 1, position: 1 }]);
    expect(after.problems[0]).toMatchObject({ line: line + good.split("\n").length - 1, message });
  });
});

describe("PEM", () => {
  const problems = (body: string): readonly string[] =>
    parsePemBundle(`-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`).problems.map(
      ({ message }) => message,
    );
  it.each(["", "AA", "AAA", "A===", "AB==", "====", "AAAA!AAA", "AAAA====", "AA==AAAA", "\u{e9}AAA"])(
    "is no base64 in %j",
    (body) => {
      expect(problems(body)).toEqual([expect.stringMatching(/^the block is not base64/u)]);
    },
  );
});
