/** The offers of a ClientHello: docs/trust.md lists those that the module names. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ConnectionError } from "../../src/backend/engine/errors.ts";
import { withOffers } from "../../src/backend/engine/client-hello-offers.ts";
import type { Cipher, TlsVersion } from "../../src/bundle/types.ts";
import { newConfig, newInstance } from "./fixtures/client.ts";

const DOCS = readFileSync(new URL("../../docs/trust.md", import.meta.url), "utf8");
const listed = (title: string): string[] => {
  const line = DOCS.split("\n").find((each) => each.startsWith(`- ${title}: `)) ?? "";
  return [...line.matchAll(/`([^`]+)`/gu)].flatMap(([, name]) => name ?? []);
};

it.each<[TlsVersion, TlsVersion, readonly string[]]>([
  ["1.2", "1.3", ["Cipher suites of TLS 1.3", "Cipher suites of TLS 1.2"]],
  ["1.2", "1.2", ["Cipher suites of TLS 1.2"]],
  ["1.3", "1.3", ["Cipher suites of TLS 1.3"]],
])("TLS %s to %s: what docs/trust.md lists, in order", (minVersion, maxVersion, suites) => {
  const config = newConfig(newInstance(), { minVersion, maxVersion });
  expect(config.offers()).toEqual({
    versions: minVersion === maxVersion ? [minVersion] : [minVersion, maxVersion],
    cipherSuites: suites.flatMap(listed),
    groups: listed("Groups"),
    signatureSchemes: listed("Signature schemes"),
  });
});

it.each<readonly Cipher[]>([["aes-gcm"], ["chacha20-poly1305"], ["chacha20-poly1305", "aes-gcm"]])(
  "the ciphers %s %s: only suites with them, the first one's before the others of a version",
  (...ciphers) => {
    const { cipherSuites } = newConfig(newInstance(), { ciphers }).offers();
    const all = ["Cipher suites of TLS 1.3", "Cipher suites of TLS 1.2"].map(listed);
    const inOrder = all.flatMap((suites) =>
      ciphers.flatMap((cipher) => suites.filter((suite) => suite.includes("CHACHA20") === (cipher !== "aes-gcm"))),
    );
    expect(cipherSuites).toEqual(inOrder);
  },
);

it.each([
  [40, /^a backend that shares TLS 1\.2 or 1\.3, a cipher suite \(TLS_.*\), a group \(.*\) and a signature scheme \(/u],
  [71, /^a backend that shares TLS 1\.2 or 1\.3, a cipher suite \(/u],
  [70, /^a backend that shares TLS 1\.2 or 1\.3, a cipher suite \(/u],
  [112, /^a backend that knows the SNI a\.internal$/u],
  [120, /^a backend that shares a protocol by ALPN \(h2, http\/1\.1\)$/u],
  [48, /^no fatal alert$/u],
  [null, /^no fatal alert$/u],
])("alert %s", (alert, expected) => {
  const error = new ConnectionError("tls-alert", "received fatal alert", { alert });
  const told = withOffers(error, newConfig(newInstance()), "a.internal");
  expect(told.expected).toMatch(expected);
  expect(told).toMatchObject({ code: "tls-alert", alert, sent: "nothing" });
  expect(told.withSent("maybe").expected).toBe(told.expected);
});
