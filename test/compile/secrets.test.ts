/** Private keys: in the secrets file alone, and never in a bundle, a status or a message. */
import { createPrivateKey, hash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeSecrets, demandKeys } from "../../src/bundle/secrets.ts";
import { compile, reportJson, reportText } from "../../src/compile/index.ts";
import { mintPlaceholders } from "./minted.ts";

const DIRECTORY = join(import.meta.dirname, "golden");
const OPTIONS = { gateway: "shop/edge" };

describe("secrets", () => {
  const key = "MC4CAQAwBQYDK2VwBCIEIAtThisIsTheKeyAndItMustNeverBeSeenAnywhere";
  const pem = `-----BEGIN PRIVATE KEY-----\n    ${key}\n    -----END PRIVATE KEY-----`;
  const base64 = Buffer.from(pem).toString("base64");
  const places: [name: string, text: string][] = [
    [
      "a Secret's ca.crt",
      `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData:\n  ca.crt: |\n    ${pem}\n`,
    ],
    [
      "a Secret's tls.key of the wrong type",
      `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata:\n  tls.key: ["${key}"]\n`,
    ],
    [
      "a Secret's data that is no base64",
      `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata:\n  tls.key: "!${key}"\n`,
    ],
    ["a Secret's annotation", `apiVersion: v1\nkind: Secret\nmetadata: { name: s, annotations: { a: ["${key}"] } }\n`],
    [
      "a Secret with an unknown version",
      `apiVersion: v2\nkind: Secret\nmetadata: { name: s }\nstringData: { key: "${key}" }\n`,
    ],
    [
      "a Secret that is broken YAML",
      `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData:\n  key: "${key}": x\n`,
    ],
    [
      "a Secret on the line of another object",
      `{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Service, metadata: {name: []}}, {apiVersion: v1, kind: Secret, data: {k: ${key}}}]}\n`,
    ],
    [
      "an annotation of a Service",
      `apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n  annotations:\n    a: [${JSON.stringify(pem)}]\n`,
    ],
    ["a Secret on one line", `{ apiVersion: v1, kind: Secret, metadata: { name: _ }, stringData: { k: ${key} } }\n`],
    [
      "a ConfigMap's ca.crt",
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: s, namespace: shop }\ndata:\n  ca.crt: |\n    ${pem}\n`,
    ],
    [
      "a ConfigMap of the wrong type",
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: s }\ndata: { ca.crt: ["${key}"] }\n`,
    ],
    [
      "binaryData",
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: s, namespace: shop }\nbinaryData: { ca.crt: ${base64} }\n`,
    ],
  ];
  const cluster = readFileSync(join(DIRECTORY, "policy-unused.in.yaml"), "utf8").replaceAll("name: ca ", "name: s ");

  test("keys of certificates are in the secrets file alone, all that the bundle needs", async () => {
    const text = await mintPlaceholders(readFileSync(join(DIRECTORY, "listener-tls.in.yaml"), "utf8"));
    const { secrets, bundle, ...rest } = compile([{ file: "a.yaml", text }], OPTIONS);
    if (secrets === null || bundle === null) throw new Error("no keys, or no bundle");
    const decoded = decodeSecrets(secrets);
    demandKeys(bundle, decoded);
    const certificates = Object.values(bundle.certificates);
    const withKey = certificates.filter(({ chain, keyDigest, source }) => {
      const leaf = new X509Certificate(Buffer.from(chain[0] ?? "", "base64"));
      const key = createPrivateKey({ key: Buffer.from(decoded.key(keyDigest, source)), format: "der", type: "pkcs8" });
      const digest = hash("sha256", leaf.publicKey.export({ format: "der", type: "spki" }));
      return leaf.checkPrivateKey(key) && digest === keyDigest;
    });
    expect(withKey).toEqual(certificates);
    const { keys } = JSON.parse(secrets) as { keys: Record<string, string> };
    expect(Object.keys(keys)).toHaveLength(3);
    const all = [JSON.stringify(bundle), JSON.stringify(rest), reportText(rest, false)].join("\n");
    // Every Ed25519 key starts with the same characters; those that follow are its own.
    const shown = Object.values(keys).filter((own) => all.includes(own.slice(24, 56)));
    expect(shown).toEqual([]);
  });

  test.for(places)("%s is never in the bundle, a status or a message", ([, text]) => {
    const result = compile([{ file: "a.yaml", text: `${cluster}\n---\n${text}` }], OPTIONS);
    const all = [
      result.text ?? "",
      JSON.stringify(result.statuses),
      reportText(result, false),
      reportJson(result),
    ].join("\n");
    expect(all).not.toContain(key.slice(8, 40));
    expect(all).not.toContain(base64.slice(60, 100));
  });
});
