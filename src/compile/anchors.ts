/**
 * CA certificates of policies and of frontend validation: ConfigMaps and Secrets with `ca.crt`, ClusterTrustBundles, and
 * the well-known set. Each source is read once.
 */
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { hex, toBase64 } from "../bundle/bytes.ts";
import { checkAnchor, parsePemBundle } from "../trust/index.ts";
import { type Invalid, invalid, textOf, trustBundleText } from "./config-data.ts";
import { compareStrings, type DiagnosticCode, type FieldPath, type Problem, show } from "./diagnostics.ts";
import { digestJson, sha256 } from "./digest.ts";
import type { Cluster, Entry } from "./load.ts";

export interface AnchorSource {
  /** For people: `ConfigMap team/ca`. */
  readonly name: string;
  /** SHA-256 of each certificate's DER, sorted, each once. */
  readonly anchors: readonly string[];
  /** Base64 DER by that. */
  readonly certificates: ReadonlyMap<string, string>;
}

export type AnchorResult = { readonly kind: "read"; readonly source: AnchorSource } | Invalid;

export type AnchorKind = "ConfigMap" | "Secret" | "ClusterTrustBundle";

/** Null: no kind that lasthop reads CA certificates from. */
export function anchorKind({ group, kind }: { readonly group: string; readonly kind: string }): AnchorKind | null {
  if (group === "" && (kind === "ConfigMap" || kind === "Secret")) return kind;
  return group === "certificates.k8s.io" && kind === "ClusterTrustBundle" ? kind : null;
}

/** A reference to a kind that holds no CA certificates. */
export function noAnchorKind<C extends DiagnosticCode>(
  code: C,
  { group, kind }: { readonly group: string; readonly kind: string },
  at: FieldPath,
): Problem<C> {
  return {
    code,
    path: [...at, "kind"],
    message: "lasthop reads no CA certificates from this kind",
    expected: 'ConfigMap or Secret of group "", or ClusterTrustBundle of group certificates.k8s.io',
    found: `${show(group)} ${kind}`,
    remedy: "put the certificates into a ConfigMap, under ca.crt",
  };
}

/** A reference to an object that is missing, or holds no CA certificates. */
export function noAnchors<C extends DiagnosticCode>(
  code: C,
  { kind, name }: { readonly kind: string; readonly name: string },
  at: FieldPath,
  { why, note }: Invalid,
): Problem<C> {
  return {
    code,
    path: [...at, "name"],
    message: why,
    expected: `a ${kind} with CA certificates in PEM`,
    found: show(name),
    remedy: "correct the reference, or the PEM",
    ...(note === undefined ? {} : { note }),
  };
}

/** Of objects that have been read: each once. */
const results = new WeakMap<Entry<unknown>, AnchorResult>();

/** `namespace` is nobody's concern where the kind has none. */
export function readAnchors(cluster: Cluster, kind: AnchorKind, namespace: string, name: string): AnchorResult {
  const full = kind === "ClusterTrustBundle" ? name : `${namespace}/${name}`;
  const entry: Entry<unknown> | undefined = cluster[kind].get(full);
  let result = entry === undefined ? undefined : results.get(entry);
  if (result === undefined) {
    result = read(cluster, kind, full);
    if (entry !== undefined) results.set(entry, result);
  }
  return result;
}

function read(cluster: Cluster, kind: AnchorKind, name: string): AnchorResult {
  const isBundle = kind === "ClusterTrustBundle";
  const key = isBundle ? "spec.trustBundle" : "ca.crt";
  const text = isBundle ? trustBundleText(cluster, name) : textOf(cluster, kind, name, key);
  if (text.kind === "invalid") return text;
  if (text.value.length > MAX_BUNDLE_LENGTH)
    return invalid(`${key} of ${kind} ${name} is longer than ${MAX_BUNDLE_LENGTH} characters`, text.note);
  const { certificates, problems } = parsePemBundle(text.value);
  const [problem] = problems;
  if (problem !== undefined)
    return invalid(`line ${problem.line} of ${key} in ${kind} ${name}: ${problem.message}`, text.note);
  if (certificates.length === 0) return invalid(`${key} of ${kind} ${name} holds no certificate`, text.note);
  for (const { der, line } of certificates) {
    const fault = checkAnchor(der);
    if (fault !== null)
      return invalid(
        `line ${line} of ${key} in ${kind} ${name}: ${fault.code}: expected ${fault.expected}, found ${fault.found}`,
        text.note,
      );
  }
  const ders = certificates.map(({ der }) => der);
  return { kind: "read", source: { name: `${kind} ${name}`, ...digests(ders) } };
}

let wellKnown: AnchorSource | null = null;

/** `wellKnownCACertificates: System`: Mozilla's set, as this Node.js carries it. */
export function wellKnownAnchors(): AnchorSource {
  if (wellKnown === null) {
    const certificates = rootCertificates
      .map((pem) => parsePemBundle(pem).certificates[0]?.der)
      .filter((der) => der !== undefined);
    // A root that trust/ could never use (a key it refuses) would only look trusted.
    const found = digests(certificates.filter((der) => checkAnchor(der) === null));
    wellKnown = { name: `well-known set System: ${describeSet(found.anchors)}`, ...found };
  }
  return wellKnown;
}

function digests(certificates: readonly Uint8Array[]): Omit<AnchorSource, "name"> {
  const byDigest = new Map(certificates.map((der) => [hex(sha256(der)), toBase64(der)]));
  return { anchors: [...byDigest.keys()].sort(compareStrings), certificates: byDigest };
}

/** ConfigMaps and Secrets hold at most 1 MiB. */
const MAX_BUNDLE_LENGTH = 1_048_576;

/**
 * Node.js says neither which NSS release its set is of nor from when, so the description has what is known for sure:
 * the Node.js version, how many roots, and when the newest of them was issued.
 */
function describeSet(anchors: readonly string[]): string {
  const issued = rootCertificates.map((pem) => new X509Certificate(pem).validFromDate.toISOString().slice(0, 10));
  const newest = issued.sort(compareStrings).at(-1) ?? "never";
  return `Mozilla's roots in Node.js ${process.versions.node}, ${anchors.length} certificates, the newest issued ${newest}, digest ${digestJson(anchors).slice(0, 12)}`;
}
