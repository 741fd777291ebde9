/**
 * CA certificates of policies and of frontend validation: from ConfigMaps and Secrets with `ca.crt`, from
 * ClusterTrustBundles, and from the well-known set.
 */
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { hex, toBase64 } from "../../bundle/bytes.ts";
import { type AnchorUse, judgeAnchor, parsePemBundle } from "../../trust/index.ts";
import { anchorRemedy, describeAnchor, firstFew, subjectOf, unreadableBlock } from "./anchor-faults.ts";
import type { AnchorFacts, AnchorSource } from "./anchor-source.ts";
import { type Invalid, invalid, textUnderKey, trustBundleText } from "./object-text.ts";
import { compareStrings, type Note } from "../diagnostics/diagnostics.ts";
import { digestJson, sha256 } from "../digest.ts";
import type { Cluster, Entry } from "../load/load.ts";
import { explainText } from "./pem-mistakes.ts";

/** What a reference to CA certificates leads to. */
type AnchorResult = { readonly kind: "read"; readonly source: AnchorSource } | Invalid;

/** Kinds of objects that hold CA certificates. */
type AnchorKind = "ConfigMap" | "Secret" | "ClusterTrustBundle";

/** The kind that a reference names; null: lasthop reads no CA certificates from it. */
export function anchorKind({ group, kind }: { readonly group: string; readonly kind: string }): AnchorKind | null {
  if (group === "" && (kind === "ConfigMap" || kind === "Secret")) return kind;
  return group === "certificates.k8s.io" && kind === "ClusterTrustBundle" ? kind : null;
}

/** The results of reading each object, for each use of the certificates: an object is read once. */
const anchorResults: Readonly<Record<AnchorUse, WeakMap<Entry<unknown>, AnchorResult>>> = {
  servers: new WeakMap(),
  clients: new WeakMap(),
};

/**
 * The CA certificates of an object, to verify what `use` says: servers (backends) or clients. `namespace` is ignored for
 * ClusterTrustBundles, which have none.
 */
export function readAnchors(
  cluster: Cluster,
  { kind, namespace, name }: { readonly kind: AnchorKind; readonly namespace: string; readonly name: string },
  use: AnchorUse,
): AnchorResult {
  const full = kind === "ClusterTrustBundle" ? name : `${namespace}/${name}`;
  const entry: Entry<unknown> | undefined = cluster[kind].get(full);
  let result = entry === undefined ? undefined : anchorResults[use].get(entry);
  if (result === undefined) {
    result = readSource(cluster, kind, full, use);
    if (entry !== undefined) anchorResults[use].set(entry, result);
  }
  return result;
}

function readSource(cluster: Cluster, kind: AnchorKind, name: string, use: AnchorUse): AnchorResult {
  const isBundle = kind === "ClusterTrustBundle";
  const key = isBundle ? "spec.trustBundle" : "ca.crt";
  const text = isBundle ? trustBundleText(cluster, name) : textUnderKey(cluster, kind, name, key);
  if (text.kind === "invalid") return text;
  const of = `${key} of ${kind} ${name}`;
  if (text.value.length > MAX_BUNDLE_LENGTH)
    return invalid(`${of} is longer than ${MAX_BUNDLE_LENGTH} characters`, text.note);
  const { certificates, problems, blocks } = parsePemBundle(text.value);
  const at = (line: number): Note => ({ ...text.note, line });
  // A private key in a ConfigMap has been published and must be replaced: this comes before all other faults.
  const published = problems.find((problem) => problem.kind === "private-key");
  if (published !== undefined)
    return invalid(`line ${published.line} of ${key} in ${kind} ${name}: ${published.message}`, at(published.line));
  const unusable = problems.map((problem) => unreadableBlock(problem, blocks));
  const facts: AnchorFacts[] = [];
  const ders: Uint8Array[] = [];
  for (const { der, line, position } of certificates) {
    const where = `certificate ${position} of ${blocks}`;
    const judged = judgeAnchor(der, use);
    if (judged.kind === "unusable") {
      unusable.push({ where, line, subject: subjectOf(der), ...judged.problem });
      continue;
    }
    ders.push(der);
    // Only a warning names the subject, and reading it costs as much as judging the certificate.
    const lazy = {
      get subject() {
        return subjectOf(der);
      },
    };
    facts.push(Object.assign(lazy, { where, line, ...judged }));
  }
  unusable.sort((a, b) => a.line - b.line);
  const source = { name: `${kind} ${name}`, ...digests(ders), place: text.note, unusable, facts };
  if (ders.length > 0) return { kind: "read", source };
  const mistake = certificates.length === 0 ? explainText(text.value, text.base64Remedy, "CERTIFICATE") : null;
  if (mistake !== null) return invalid(`${of} ${mistake.why}`, text.note, mistake.remedy);
  const [first] = unusable;
  if (first === undefined) return invalid(`${of} holds no certificate`, text.note);
  const why = `${of} holds no certificate that can be trusted: ${firstFew(unusable.map(describeAnchor))}`;
  return invalid(why, at(first.line), anchorRemedy(first));
}

let wellKnown: AnchorSource | null = null;

/** The anchors of `wellKnownCACertificates: System`: Mozilla's set, as this version of Node.js has it. */
export function wellKnownAnchors(): AnchorSource {
  if (wellKnown === null) {
    const certificates = rootCertificates
      .map((pem) => parsePemBundle(pem).certificates[0]?.der)
      .filter((der) => der !== undefined);
    // A root that trust/ refuses, such as one with a weak key, is no anchor and must not look like one.
    const found = digests(certificates.filter((der) => judgeAnchor(der, "servers").kind === "usable"));
    const name = `well-known set System: ${describeSet(found.anchors)}`;
    wellKnown = { name, ...found, place: null, unusable: [], facts: [] };
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
 * Description of the well-known set. Node.js tells neither the NSS release nor the date of its set, so the description has
 * what is known for sure: the version of Node.js, the number of roots, and when the newest of them was issued.
 */
function describeSet(anchors: readonly string[]): string {
  const issued = rootCertificates.map((pem) => new X509Certificate(pem).validFromDate.toISOString().slice(0, 10));
  const newest = issued.sort(compareStrings).at(-1) ?? "never";
  return `Mozilla's roots in Node.js ${process.versions.node}, ${anchors.length} certificates, the newest issued ${newest}, digest ${digestJson(anchors).slice(0, 12)}`;
}
