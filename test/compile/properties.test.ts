/** What holds for every input: its order changes nothing, it does not crash the compiler, and no private key is shown. */
import { createPrivateKey, hash, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dump, loadAll } from "js-yaml";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBundle } from "../../src/bundle/codec.ts";
import { decodeSecrets, demandKeys } from "../../src/bundle/secrets.ts";
import { compile, reportJson, reportText } from "../../src/compile/index.ts";
import { mintPlaceholders } from "./minted.ts";
import { sha256 } from "../support/sha256.ts";

const DIRECTORY = join(import.meta.dirname, "golden");
const inputs = await Promise.all(
  readdirSync(DIRECTORY)
    .filter((name) => name.endsWith(".in.yaml") && !name.startsWith("fatal"))
    .map(async (name) => ({ name, text: await mintPlaceholders(readFileSync(join(DIRECTORY, name), "utf8")) })),
);
const OPTIONS = { gateway: "shop/edge" };

/** The value with the keys of every map in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => reversed(item));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, child]) => [key, reversed(child)])
      .reverse(),
  );
}

describe("order", () => {
  test.for(inputs)("$name: shuffled objects and keys give the same bundle and statuses", ({ text }) => {
    const objects = loadAll(text).filter((object) => object !== null);
    const expected = compile([{ file: "a.yaml", text }], OPTIONS);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(objects, { minLength: objects.length }),
        fc.nat(objects.length),
        (shuffled, cut) => {
          const part = (some: readonly unknown[]): string =>
            some.map((object) => dump(reversed(object), { noRefs: true })).join("---\n");
          const {
            text: bytes,
            secrets,
            statuses,
          } = compile(
            [
              { file: "z.yaml", text: part(shuffled.slice(0, cut)) },
              { file: "b.yaml", text: part(shuffled.slice(cut)) },
            ],
            OPTIONS,
          );
          expect(bytes).toBe(expected.text);
          expect(secrets).toBe(expected.secrets);
          expect(statuses).toEqual(expected.statuses);
        },
      ),
      { numRuns: 5 },
    );
  });

  test.for(inputs)("$name: the bundle decodes to itself", ({ text }) => {
    const { bundle, text: bytes } = compile([{ file: "a.yaml", text }], OPTIONS);
    expect(bytes === null ? null : decodeBundle(bytes, sha256)).toEqual(bundle);
  });
});

/** Compiles a text and makes its reports: an exception fails the test. */
function survives(text: string): void {
  const result = compile([{ file: "fuzz.yaml", text }], { target: "cloudflare" });
  reportText(result, false);
  JSON.parse(reportJson(result));
  expect(result.bundle === null).toBe(result.fatal);
}

describe("no input crashes", () => {
  const corpus = inputs.map(({ text }) => text);

  test("any text", () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), survives), { numRuns: 1_000 });
  });

  test("any value in any place of a sound object", () => {
    const objects = corpus
      .flatMap((text) => loadAll(text))
      .filter((object) => object !== null && typeof object === "object");
    const anything = fc.anything({
      withNullPrototype: false,
      maxDepth: 2,
      values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.double()],
    });
    fc.assert(
      fc.property(
        fc.nat(objects.length - 1),
        fc.nat(200),
        fc.oneof(anything, fc.constantFrom("", "__proto__", "x".repeat(10_000), [], {}, [[]], -1, 1e308)),
        fc.boolean(),
        (which, step, value, rename) => {
          const rest = objects.filter((_, index) => index !== which).slice(0, 12);
          const object: unknown = structuredClone(objects[which]);
          replaceNode(object, step, value, rename);
          survives([object, ...rest].map((item) => dump(item, { noRefs: true, skipInvalid: true })).join("---\n"));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("any cut or flipped character of a sound file", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...corpus),
        fc.nat(),
        fc.nat(),
        fc.string({ unit: "binary", maxLength: 3 }),
        (text, from, length, put) => {
          const at = from % text.length;
          survives(text.slice(0, at) + put + text.slice(at + (length % 5)));
        },
      ),
      { numRuns: 400 },
    );
  });
});

/** Replaces the value, or the key, of the `step`-th node. */
function replaceNode(root: unknown, step: number, value: unknown, rename: boolean): void {
  let count = 0;
  const visit = (node: unknown): boolean => {
    if (node === null || typeof node !== "object") return false;
    for (const key of Object.keys(node)) {
      const holder = node as Record<string, unknown>;
      if (count++ === step) {
        if (rename && !Array.isArray(node)) {
          holder[`${key}x`] = holder[key];
          delete holder[key];
        } else holder[key] = value;
        return true;
      }
      if (visit(holder[key])) return true;
    }
    return false;
  };
  visit(root);
}

describe("no plaintext", () => {
  const ca = readFileSync(join(import.meta.dirname, "fixtures/ca-a.pem"), "utf8");
  const sound: object[] = [
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "GatewayClass",
      metadata: { name: "lasthop" },
      spec: { controllerName: "lasthop.dev/gateway-controller" },
    },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: "edge", namespace: "shop" },
      spec: { gatewayClassName: "lasthop", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
    },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "all", namespace: "shop" },
      spec: { parentRefs: [{ name: "edge" }], rules: [{ backendRefs: [{ name: "web", port: 443 }] }] },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace: "shop" },
      spec: { ports: [{ name: "https", port: 443 }] },
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "ca", namespace: "shop" }, data: { "ca.crt": ca } },
  ];
  const target = { group: "", kind: "Service", name: "web", sectionName: "https" };
  const metadata = { name: "web", namespace: "shop", creationTimestamp: "2026-01-01T00:00:00Z" };
  const caRefs = [{ group: "", kind: "ConfigMap", name: "ca" }];
  const subjectAltNames = [{ type: "Hostname", hostname: "web.example.com" }];
  const options = { "lasthop.dev/alpn": "h2" };
  const policies: [string, object][] = [
    [
      "v1",
      {
        targetRefs: [target],
        validation: { hostname: "web.example.com", caCertificateRefs: caRefs, subjectAltNames },
        options,
      },
    ],
    ["v1alpha2", { targetRef: target, tls: { hostname: "web.example.com", caCertRefs: caRefs } }],
  ];
  const junk: readonly unknown[] = [undefined, null, "", "x", "X y", 0, 1.5, true, [], {}, [null], [{}]];
  /** Whether a change makes the policy one for another Service. */
  const moves = (path: string, value: unknown): boolean =>
    path === "metadata.namespace"
      ? value === undefined || value === null || typeof value === "string"
      : /^spec\.targetRefs?(\.0)?\.(name|kind)$/.test(path) && typeof value === "string" && value !== "";

  const fields = policies.flatMap(([version, spec]) => {
    const policy = { apiVersion: `gateway.networking.k8s.io/${version}`, kind: "BackendTLSPolicy", metadata, spec };
    return pathsOf(policy).map((path) => ({ version, path, name: path.join(".") || "the policy", policy }));
  });

  test.each(fields)(
    "whatever stands in $name of a $version policy, its Service is never plaintext",
    ({ path, policy }) => {
      const leaks = junk.filter((value) => {
        if (moves(path.join("."), value)) return false;
        // Without any value there is no policy.
        if (path.length === 0 && (value === null || value === undefined)) return false;
        const changed = withReplaced(policy, path, value);
        const objects = [...sound, ...(changed === undefined ? [] : [changed])];
        const text = objects.map((object) => JSON.stringify(object)).join("\n---\n");
        const { bundle, fatal } = compile([{ file: "a.yaml", text }], OPTIONS);
        return !fatal && Object.values(bundle?.backends ?? {}).some(({ transport }) => transport.kind === "plaintext");
      });
      expect(leaks).toEqual([]);
    },
  );

  test("every Service without a policy is plaintext, so that the tests above can fail", () => {
    const text = sound.map((object) => JSON.stringify(object)).join("\n---\n");
    const { bundle } = compile([{ file: "a.yaml", text }], OPTIONS);
    expect(bundle?.backends["shop/web:443"]?.transport.kind).toBe("plaintext");
  });

  test("copies of a policy that differ close what any of them names, however many there are", () => {
    const validation = { hostname: "web.example.com", caCertificateRefs: caRefs };
    const copies = Array.from({ length: 1_100 }, (_, number) => ({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "BackendTLSPolicy",
      metadata,
      spec: { targetRefs: [{ ...target, name: number === 0 ? "web" : `other-${number}` }], validation },
    }));
    const text = [...sound, ...copies].map((object) => JSON.stringify(object)).join("\n---\n");
    const { bundle } = compile([{ file: "a.yaml", text }], OPTIONS);
    expect(bundle?.backends["shop/web:443"]?.transport.kind).toBe("refused");
  });

  function pathsOf(value: unknown): string[][] {
    if (value === null || typeof value !== "object") return [[]];
    return [[], ...Object.entries(value).flatMap(([key, child]) => pathsOf(child).map((path) => [key, ...path]))];
  }

  function withReplaced(value: unknown, [step, ...rest]: readonly string[], by: unknown): unknown {
    if (step === undefined) return by;
    const copy: Record<string, unknown> | unknown[] = Array.isArray(value)
      ? [...(value as unknown[])]
      : { ...(value as object) };
    Reflect.set(copy, step, withReplaced(Reflect.get(copy, step), rest, by));
    return copy;
  }
});

describe("large inputs", () => {
  const object = (kind: string, rest: object): string =>
    JSON.stringify({ apiVersion: "v1", kind, metadata: { name: "a", namespace: "shop" }, ...rest });

  test.for<[string, string, number]>([
    [
      "of a fault in each of 200,000 items, the first 50 are told",
      object("Service", { spec: { ports: Array.from({ length: 200_000 }, () => ({ port: 1 })) } }),
      50 + 1,
    ],
    [
      "of 200,000 keys of the wrong type, the first 50 are told",
      object("ConfigMap", { data: Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [`k${n}`, 1])) }),
      50 + 1,
    ],
    [
      "of 20,000 copies of one object, each but the first is told",
      Array.from({ length: 20_000 }, (_, n) => object("Service", { spec: { ports: [] }, n })).join("\n---\n"),
      20_000 - 1,
    ],
  ])("%s", ([, text, told]) => {
    const { diagnostics } = compile([{ file: "large.yaml", text }]);
    expect(diagnostics.filter(({ object: about }) => about !== null)).toHaveLength(told);
  });
});

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
      `{ apiVersion: v1, kind: List, items: [{ apiVersion: v1, kind: Service, metadata: { name: [] } }, { apiVersion: v1, kind: Secret, metadata: { name: s }, stringData: { k: ${key} } }] }\n`,
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
