/**
 * Checks that a parsed value is a bundle as types.ts describes it: every field is there and no other, and every
 * reference leads somewhere.
 */
import { isSha256Hex } from "./bytes.ts";
import { BundleError } from "./refusal.ts";
import { type Checked, checkReferences } from "./references.ts";
import { type Bundle, CONFIG_CODES } from "./types.ts";

/** Checks one value. Throws a BundleError that names the field. */
type Check = (value: unknown, at: Path) => void;
/**
 * The field names and indices from the root to a value. Each check restores the path, so that descending allocates
 * nothing.
 */
type Path = (string | number)[];

/**
 * Checks a parsed value and answers it as a bundle. `checked` tells what need not be checked again; null: everything
 * is checked. Throws {@link BundleError}.
 */
export function checkBundle(value: unknown, checked: Checked | null): Bundle {
  const unlessKnown = (check: Check): Check =>
    checked === null ? check : (entry, at) => (checked.fresh.has(entry) ? check(entry, at) : undefined);
  bundleOf(unlessKnown)(value, []);
  const bundle = value as Bundle;
  checkReferences(bundle, checked);
  return bundle;
}

const string: Check = (value, at) => {
  if (typeof value !== "string") wrong(value, at, "a string");
};
const nullableString: Check = (value, at) => {
  if (value !== null && typeof value !== "string") wrong(value, at, "a string or null");
};
const sha256Hex: Check = (value, at) => {
  if (!isSha256Hex(value)) wrong(value, at, "64 lower-case hex digits");
};
const integer =
  (low: number, high: number): Check =>
  (value, at) => {
    if (!Number.isInteger(value) || (value as number) < low || (value as number) > high)
      wrong(value, at, `an integer from ${low} to ${high}`);
  };
const oneOf = (...allowed: readonly unknown[]): Check => {
  const set = new Set(allowed);
  return (value, at) => {
    if (!set.has(value)) wrong(value, at, `one of ${allowed.map((item) => JSON.stringify(item)).join(", ")}`);
  };
};
const list =
  (item: Check, least = 0): Check =>
  (value, at) => {
    if (!Array.isArray(value) || value.length < least) return wrong(value, at, `a list of at least ${least}`);
    for (let index = 0; index < value.length; index++) {
      at.push(index);
      item(value[index], at);
      at.pop();
    }
  };
const nullable =
  (inner: Check): Check =>
  (value, at) => {
    if (value !== null) inner(value, at);
  };
const map =
  (key: Check, item: Check): Check =>
  (value, at) => {
    const entries = record(value, at);
    for (const name of Object.keys(entries)) {
      at.push(name);
      key(name, at);
      item(entries[name], at);
      at.pop();
    }
  };
const object = (fields: Readonly<Record<string, Check>>): Check => {
  const checks = Object.entries(fields);
  return (value, at) => {
    const entries = record(value, at);
    for (const [name, check] of checks) {
      const child = entries[name];
      at.push(name);
      // A parsed JSON object has no value undefined, and inherits no property with the name of a field.
      if (child === undefined) throw new BundleError("missing-field", format(at), "it is required");
      check(child, at);
      at.pop();
    }
    const names = Object.keys(entries);
    if (names.length === checks.length) return;
    at.push(names.find((name) => !Object.hasOwn(fields, name)) ?? "");
    throw new BundleError("unknown-field", format(at), "this version does not know it");
  };
};
/** Whether a value is the variant with the field `refused`, of a target or of a backendRef. */
const isRefused = (value: unknown): boolean =>
  value !== null && typeof value === "object" && Object.hasOwn(value, "refused");
/** Checks a union whose variants differ in the field `kind`. */
const byKind = (variants: Readonly<Record<string, Check>>): Check => {
  const checks = new Map(Object.entries(variants));
  return (value, at) => {
    const { kind } = record(value, at);
    const check = typeof kind === "string" ? checks.get(kind) : undefined;
    if (check === undefined) {
      at.push("kind");
      return wrong(kind, at, `one of ${[...checks.keys()].join(", ")}`);
    }
    check(value, at);
  };
};

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
    wrong(value, at, "a pair of strings");
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
    wrong(value, at, "a pair of integers");
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

function record(value: unknown, at: Path): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return wrong(value, at, "an object");
  return value as Record<string, unknown>;
}

function wrong(value: unknown, at: Path, expected: string): never {
  const found = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  throw new BundleError("wrong-type", format(at), `expected ${expected}, found ${found}`);
}

function format(path: Path): string {
  let text = "";
  for (const step of path) text += typeof step === "number" ? `[${step}]` : `${text === "" ? "" : "."}${step}`;
  return text;
}
