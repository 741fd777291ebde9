/**
 * Checks that a parsed value is a bundle as types.ts describes it: every field is there and no other, and every
 * reference leads somewhere.
 */
import {
  byKind,
  type Check,
  integer,
  list,
  map,
  nullable,
  nullableString,
  object,
  oneOf,
  sha256Hex,
  string,
  failCheck,
} from "./value-checks.ts";
import { type Checked, checkReferences } from "./references.ts";
import { type Bundle, CONFIG_CODES } from "./types.ts";

/**
 * Checks a parsed value and answers it as a bundle. `checked` tells what need not be checked again; null: everything
 * is checked. Throws BundleError.
 */
export function checkBundle(value: unknown, checked: Checked | null): Bundle {
  const unlessKnown = (check: Check): Check =>
    checked === null ? check : (entry, at) => (checked.fresh.has(entry) ? check(entry, at) : undefined);
  bundleOf(unlessKnown)(value, []);
  const bundle = value as Bundle;
  checkReferences(bundle, checked);
  return bundle;
}

/** Whether a value is the variant with the field `refused`, of a target or of a backendRef. */
const isRefused = (value: unknown): boolean =>
  value !== null && typeof value === "object" && Object.hasOwn(value, "refused");

const PORT = integer(1, 65_535);
const CODE = oneOf(...CONFIG_CODES);
const VALUES = list(object({ type: oneOf("Exact", "RegularExpression"), name: string, value: string }));
const MATCH = object({
  path: object({ type: oneOf("Exact", "PathPrefix", "RegularExpression"), value: string }),
  method: nullableString,
  headers: VALUES,
  queryParams: VALUES,
});
const WEIGHT = integer(1, 1_000_000);
const PAIRS: Check = list((value, at) => {
  if (!Array.isArray(value) || value.length !== 2 || value.some((part) => typeof part !== "string"))
    failCheck(value, at, "a pair of strings");
});
const COUNT = integer(0, Number.MAX_SAFE_INTEGER);
const EDIT = object({ set: PAIRS, add: PAIRS, remove: list(string) });
const MODIFIER = nullable(object({ type: oneOf("ReplaceFullPath", "ReplacePrefixMatch"), value: string }));
const TARGET: Check = (value, at) => (isRefused(value) ? REFUSED_TARGET : BACKEND_TARGET)(value, at);
const BACKEND_TARGET = object({ backend: string });
const REFUSED_TARGET = object({ refused: CODE });
const EXTERNAL_AUTH = object({
  kind: oneOf("external-auth"),
  target: TARGET,
  pathPrefix: string,
  requestHeaders: list(string),
  responseHeaders: nullable(list(string)),
  maxBodyBytes: COUNT,
});
const FILTERS = list(
  byKind({
    "request-headers": object({ kind: string, edit: EDIT }),
    "response-headers": object({ kind: string, edit: EDIT }),
    rewrite: object({ kind: string, hostname: nullableString, path: MODIFIER }),
    mirror: object({ kind: string, target: TARGET, numerator: COUNT, denominator: integer(1, 2 ** 31 - 1) }),
    cors: object({
      kind: string,
      allowOrigins: list(string),
      allowCredentials: oneOf(true, false),
      allowMethods: list(string),
      allowHeaders: list(string),
      exposeHeaders: list(string),
      maxAgeSeconds: COUNT,
    }),
    "external-auth": EXTERNAL_AUTH,
  }),
);
const FORWARD = object({ weight: WEIGHT, backend: string, filters: FILTERS });
const REFUSED_SHARE = object({ weight: WEIGHT, refused: CODE });
const BACKEND_REF: Check = (value, at) => (isRefused(value) ? REFUSED_SHARE : FORWARD)(value, at);
const RULE = object({
  route: string,
  index: integer(0, 1_000_000),
  name: nullableString,
  matches: list(MATCH, 1),
  filters: FILTERS,
  timeouts: object({ requestMs: nullable(COUNT), backendRequestMs: nullable(COUNT) }),
  retry: nullable(object({ codes: list(integer(100, 599)), attempts: COUNT, backoffMs: nullable(COUNT) })),
  action: byKind({
    forward: object({ kind: string, backendRefs: list(BACKEND_REF, 1) }),
    redirect: object({
      kind: string,
      scheme: nullable(oneOf("http", "https")),
      hostname: nullableString,
      path: MODIFIER,
      port: nullable(PORT),
      statusCode: oneOf(301, 302, 303, 307, 308),
    }),
    refused: object({ kind: string, code: CODE }),
  }),
});
const ORDER: Check = (value, at) => {
  if (!Array.isArray(value) || value.length !== 2 || !Number.isInteger(value[0]) || !Number.isInteger(value[1])) {
    failCheck(value, at, "a pair of integers");
  }
};
const HOST = object({ hostname: string, order: list(ORDER) });
const listenerOf = (entry: (check: Check) => Check): Check =>
  object({
    name: string,
    port: PORT,
    protocol: oneOf("HTTP", "HTTPS"),
    hostname: nullableString,
    tls: nullable(
      object({
        certificates: list(sha256Hex, 1),
        clientValidation: nullable(
          object({ anchorSet: sha256Hex, mode: oneOf("AllowValidOnly", "AllowInsecureFallback") }),
        ),
      }),
    ),
    filters: list(EXTERNAL_AUTH),
    hosts: list(entry(HOST)),
  });
const BACKEND = object({
  service: string,
  port: PORT,
  protocol: oneOf("http", "h2c", "websocket"),
  transport: byKind({
    plaintext: object({ kind: string }),
    tls: object({ kind: string, policy: sha256Hex }),
    refused: object({ kind: string, code: CODE, policies: list(string) }),
  }),
  endpoints: list(object({ host: string, port: PORT })),
});
const POLICY = object({
  sni: string,
  identifiers: list(object({ type: oneOf("dns", "uri"), value: string }), 1),
  anchorSet: sha256Hex,
  minTlsVersion: oneOf("1.2", "1.3"),
  maxTlsVersion: oneOf("1.2", "1.3"),
  alpn: list(oneOf("h2", "http/1.1"), 1),
  ciphers: nullable(list(oneOf("aes-gcm", "chacha20-poly1305"), 1)),
  profile: oneOf("private", "strict"),
  spkiPins: list(string),
  crls: nullable(list(string)),
  maxChainDepth: integer(1, 100),
});
const CERTIFICATE = object({ source: string, chain: list(string, 1), keyDigest: sha256Hex });
const ANCHOR_SET = object({ source: list(string), anchors: list(sha256Hex) });
const bundleOf = (entry: (check: Check) => Check): Check =>
  object({
    format: integer(1, 1_000),
    digest: sha256Hex,
    gateway: string,
    requires: list(oneOf("client-certificates", "listener-certificates", "client-validation", "websocket")),
    listeners: list(listenerOf(entry)),
    rules: list(entry(RULE)),
    backends: map(string, entry(BACKEND)),
    clientCertificate: nullable(sha256Hex),
    certificates: map(sha256Hex, entry(CERTIFICATE)),
    policies: map(sha256Hex, entry(POLICY)),
    anchorSets: map(sha256Hex, entry(ANCHOR_SET)),
    anchors: map(sha256Hex, entry(string)),
  });
