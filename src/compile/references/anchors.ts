/**
 * CA certificates of policies and of frontend validation: ConfigMaps and Secrets with `ca.crt`, ClusterTrustBundles, and
 * the well-known set. Each source is read once.
 */
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { hex, toBase64 } from "../../bundle/bytes.ts";
import { type AnchorUse, judgeAnchor, parsePemBundle } from "../../trust/index.ts";
import {
  type AnchorFacts,
  type AnchorSource,
  describeFault,
  faultOf,
  limited,
  remedyFor,
  subjectOf,
} from "./anchor-faults.ts";
import { type Invalid, invalid, textOf, trustBundleText } from "./config-data.ts";
import {
  compareStrings,
  type DiagnosticCode,
  type FieldPath,
  type Note,
  type Problem,
  show,
} from "../diagnostics/diagnostics.ts";
import { digestJson, sha256 } from "../digest.ts";
import type { Cluster, Entry } from "../load/load.ts";
import { explainText } from "./pem-mistakes.ts";

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
  { why, note, remedy = "correct the reference, or the PEM", cause }: Invalid,
): Problem<C> {
  return {
    code,
    path: [...at, "name"],
    message: why,
    expected: `a ${kind} with CA certificates in PEM`,
    found: show(name),
    remedy,
    ...(note === undefined ? {} : { note }),
    ...(cause === undefined ? {} : { cause }),
  };
}

/** Of objects that have been read: each once for each use. */
const results: Readonly<Record<AnchorUse, WeakMap<Entry<unknown>, AnchorResult>>> = {
  servers: new WeakMap(),
  clients: new WeakMap(),
};

/** `namespace` is nobody's concern where the kind has none. */
export function readAnchors(
  cluster: Cluster,
  { kind, namespace, name }: { readonly kind: AnchorKind; readonly namespace: string; readonly name: string },
  above: AnchorUse,
): AnchorResult {
  const full = kind === "ClusterTrustBundle" ? name : `${namespace}/${name}`;
  const entry: Entry<unknown> | undefined = cluster[kind].get(full);
  let result = entry === undefined ? undefined : results[above].get(entry);
  if (result === undefined) {
    result = read(cluster, kind, full, above);
    if (entry !== undefined) results[above].set(entry, result);
  }
  return result;
}

function read(cluster: Cluster, kind: AnchorKind, name: string, above: AnchorUse): AnchorResult {
  const isBundle = kind === "ClusterTrustBundle";
  const key = isBundle ? "spec.trustBundle" : "ca.crt";
  const text = isBundle ? trustBundleText(cluster, name) : textOf(cluster, kind, name, key);
  if (text.kind === "invalid") return text;
  const of = `${key} of ${kind} ${name}`;
  if (text.value.length > MAX_BUNDLE_LENGTH)
    return invalid(`${of} is longer than ${MAX_BUNDLE_LENGTH} characters`, text.note);
  const { certificates, problems, blocks } = parsePemBundle(text.value);
  const at = (line: number): Note => ({ ...text.note, line });
  // A key that stands in a ConfigMap has been published: whoever reads the message must act, whatever else is there.
  const published = problems.find((problem) => problem.kind === "private-key");
  if (published !== undefined)
    return invalid(`line ${published.line} of ${key} in ${kind} ${name}: ${published.message}`, at(published.line));
  const leftOut = problems.map((problem) => faultOf(problem, blocks));
  const facts: AnchorFacts[] = [];
  const ders: Uint8Array[] = [];
  for (const { der, line, position } of certificates) {
    const where = `certificate ${position} of ${blocks}`;
    const judged = judgeAnchor(der, above);
    if (judged.kind === "unusable") {
      leftOut.push({ where, line, subject: subjectOf(der), ...judged.problem });
      continue;
    }
    ders.push(der);
    facts.push({ where, line, subject: subjectOf(der), ...judged });
  }
  leftOut.sort((a, b) => a.line - b.line);
  const source = { name: `${kind} ${name}`, ...digests(ders), place: text.note, leftOut, facts };
  if (ders.length > 0) return { kind: "read", source };
  const mistake = certificates.length === 0 ? explainText(text.value, text.encoded, "CERTIFICATE") : null;
  if (mistake !== null) return invalid(`${of} ${mistake.why}`, text.note, mistake.remedy);
  const [first] = leftOut;
  if (first === undefined) return invalid(`${of} holds no certificate`, text.note);
  const why = `${of} holds no certificate that can be trusted: ${limited(leftOut.map(describeFault))}`;
  return invalid(why, at(first.line), remedyFor(first));
}

let wellKnown: AnchorSource | null = null;

/** `wellKnownCACertificates: System`: Mozilla's set, as this Node.js carries it. */
export function wellKnownAnchors(): AnchorSource {
  if (wellKnown === null) {
    const certificates = rootCertificates
      .map((pem) => parsePemBundle(pem).certificates[0]?.der)
      .filter((der) => der !== undefined);
    // A root that trust/ could never use (a key it refuses) would only look trusted.
    const found = digests(certificates.filter((der) => judgeAnchor(der, "servers").kind === "usable"));
    const name = `well-known set System: ${describeSet(found.anchors)}`;
    wellKnown = { name, ...found, place: null, leftOut: [], facts: [] };
  }
  return wellKnown;
}

function digests(certificates: readonly Uint8Array[]): Pick<AnchorSource, "anchors" | "certificates"> {
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
