/** A bundle for tests of the codec. */
import { createHash } from "node:crypto";
import type { Bundle } from "../../src/bundle/types.ts";

/** The SHA-256 of a text, in hexadecimal. */
export const hex = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The key of the anchor. */
export const anchor = hex("anchor");
/** The key of the anchor set. */
export const set = hex("set");
/** The key of the policy. */
export const policy = hex("policy");
/** A bundle with something of most kinds, before its digest. */
export const FIELDS: Omit<Bundle, "digest"> = {
  format: 1,
  gateway: "shop/edge",
  requires: ["websocket"],
  listeners: [
    {
      name: "http",
      port: 80,
      protocol: "HTTP",
      hostname: null,
      tls: null,
      filters: [],
      hosts: [
        {
          hostname: "*",
          order: [
            [0, 0],
            [1, 0],
          ],
        },
      ],
    },
  ],
  rules: [
    {
      route: "shop/a",
      index: 0,
      name: "named",
      matches: [
        {
          path: { type: "PathPrefix", value: "/" },
          method: "GET",
          headers: [{ type: "Exact", name: "a", value: '"digest":"' }],
          queryParams: [{ type: "RegularExpression", name: "é", value: "\u2028" }],
        },
      ],
      filters: [
        { kind: "request-headers", edit: { set: [["a", "b"]], add: [], remove: ["c"] } },
        { kind: "mirror", target: { backend: "shop/b:443" }, numerator: 1, denominator: 2 },
      ],
      timeouts: { requestMs: 1_000, backendRequestMs: 0 },
      retry: { codes: [500, 503], attempts: 2, backoffMs: null },
      action: {
        kind: "forward",
        backendRefs: [
          { weight: 1, backend: "shop/b:443", filters: [] },
          { weight: 2, refused: "backend-ref-kind" },
        ],
      },
    },
    {
      route: "shop/a",
      index: 1,
      name: null,
      matches: [{ path: { type: "Exact", value: "/x" }, method: null, headers: [], queryParams: [] }],
      filters: [],
      timeouts: { requestMs: null, backendRequestMs: null },
      retry: null,
      action: { kind: "refused", code: "backend-refs-empty" },
    },
  ],
  clientCertificate: null,
  certificates: {},
  backends: {
    "shop/b:443": {
      service: "shop/b",
      port: 443,
      protocol: "http",
      transport: { kind: "tls", policy },
      endpoints: [{ host: "::1", port: 8443 }],
    },
    "shop/c:80": { service: "shop/c", port: 80, protocol: "h2c", transport: { kind: "plaintext" }, endpoints: [] },
    "shop/d:80": {
      service: "shop/d",
      port: 80,
      protocol: "websocket",
      transport: { kind: "refused", code: "policy-ca-ref", policies: ["shop/p"] },
      endpoints: [],
    },
  },
  policies: {
    [policy]: {
      sni: "a.example.com",
      identifiers: [
        { type: "dns", value: "a.example.com" },
        { type: "uri", value: "spiffe://a/b" },
      ],
      anchorSet: set,
      minTlsVersion: "1.2",
      maxTlsVersion: "1.3",
      alpn: ["h2", "http/1.1"],
      ciphers: null,
      profile: "private",
      spkiPins: [],
      crls: null,
      maxChainDepth: 10,
    },
  },
  anchorSets: { [set]: { source: ["ConfigMap shop/ca"], anchors: [anchor] } },
  anchors: { [anchor]: "AAAA" },
};
