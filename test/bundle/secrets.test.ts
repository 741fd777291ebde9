/** The secrets file of a bundle: what is decoded, and that no refusal or printed value shows a key. */
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { BundleError } from "../../src/bundle/codec.ts";
import { decodeSecrets, encodeSecrets } from "../../src/bundle/secrets.ts";
import { hex } from "./sample.ts";

const DIGEST = hex("a public key");
const KEY = "ThisIsTheKey";
const file = (keys: unknown, format: unknown = 1): string => JSON.stringify({ format, keys });

describe("a secrets file", () => {
  it("gives each key by the digest of its public key", () => {
    const secrets = decodeSecrets(encodeSecrets(new Map([[DIGEST, KEY]])));
    expect(Buffer.from(secrets.key(DIGEST, "Secret shop/tls")).toString("base64")).toBe(KEY);
    expect([...secrets.entries()].map(([digest]) => digest)).toEqual([DIGEST]);
  });

  it("says of which certificate it lacks the key", () => {
    const secrets = decodeSecrets(file({ [DIGEST]: KEY }));
    expect(() => secrets.key(hex("another"), "Secret shop/tls")).toThrow("no key for Secret shop/tls");
  });

  it("prints as [redacted]", () => {
    const secrets = decodeSecrets(file({ [DIGEST]: KEY }));
    expect([JSON.stringify({ secrets }), inspect({ secrets })]).toEqual([
      '{"secrets":"[redacted]"}',
      "{ secrets: [redacted] }",
    ]);
  });

  it.each([
    ["no JSON", `{"keys":{"${DIGEST}":"${KEY}"`, "not JSON"],
    ["null", "null", "format and keys"],
    ["without a format", JSON.stringify({ keys: { [DIGEST]: KEY } }), "format and keys"],
    ["without keys", JSON.stringify({ format: 1 }), "format and keys"],
    ["of another format", file({ [DIGEST]: KEY }, 2), "secrets of format 1"],
    ["with a list of keys", file([KEY]), "keys is no object"],
    ["with null for keys", file(null), "keys is no object"],
    ["with a key under no digest", file({ [KEY]: KEY }), "digests to base64"],
    ["with a key that is no text", file({ [DIGEST]: [KEY] }), "digests to base64"],
    ["with a key that is no base64", file({ [DIGEST]: `${KEY}!` }), "not base64"],
  ])("is refused %s, and the refusal does not quote it", (_, text, why) => {
    const refusal = (): unknown => decodeSecrets(text);
    expect(refusal).toThrow(BundleError);
    expect(refusal).toThrow(why);
    expect(refusal).not.toThrow(KEY);
  });
});
