/** CA certificates of a policy: ConfigMaps and Secrets with `ca.crt`, and the well-known set. Each source is read once. */
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { checkAnchor, parsePemBundle } from "../trust/index.ts";
import { type Invalid, invalid, textOf } from "./config-data.ts";
import { compareStrings } from "./diagnostics.ts";
import { digestJson, sha256 } from "./digest.ts";
import type { Cluster } from "./load.ts";

export interface AnchorSource {
  /** For people: `ConfigMap team/ca`. */
  readonly name: string;
  /** SHA-256 of each certificate's DER, sorted, each once. */
  readonly anchors: readonly string[];
}

export type AnchorResult = { readonly kind: "read"; readonly source: AnchorSource } | Invalid;

export class Anchors {
  readonly #cluster: Cluster;
  readonly #sources = new Map<string, AnchorResult>();
  /** Base64 DER by SHA-256: every certificate that was read. */
  readonly certificates = new Map<string, string>();
  #wellKnown: AnchorSource | null = null;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** `ca.crt` of a ConfigMap or Secret. */
  read(kind: "ConfigMap" | "Secret", name: string): AnchorResult {
    const key = `${kind} ${name}`;
    let result = this.#sources.get(key);
    if (result === undefined) {
      result = this.#read(kind, name);
      this.#sources.set(key, result);
    }
    return result;
  }

  #read(kind: "ConfigMap" | "Secret", name: string): AnchorResult {
    const text = textOf(this.#cluster, kind, name, "ca.crt");
    if (text.kind === "invalid") return text;
    if (text.value.length > MAX_BUNDLE_LENGTH)
      return invalid(`ca.crt of ${kind} ${name} is longer than ${MAX_BUNDLE_LENGTH} characters`, text.note);
    const { certificates, problems } = parsePemBundle(text.value);
    const [problem] = problems;
    if (problem !== undefined)
      return invalid(`line ${problem.line} of ca.crt in ${kind} ${name}: ${problem.message}`, text.note);
    if (certificates.length === 0) return invalid(`ca.crt of ${kind} ${name} holds no certificate`, text.note);
    for (const { der, line } of certificates) {
      const fault = checkAnchor(der);
      if (fault !== null)
        return invalid(
          `line ${line} of ca.crt in ${kind} ${name}: ${fault.code}: expected ${fault.expected}, found ${fault.found}`,
          text.note,
        );
    }
    return {
      kind: "read",
      source: { name: `${kind} ${name}`, anchors: this.#add(certificates.map(({ der }) => der)) },
    };
  }

  /** `wellKnownCACertificates: System`: Mozilla's set, as this Node.js carries it. */
  wellKnown(): AnchorSource {
    if (this.#wellKnown === null) {
      const certificates = rootCertificates
        .map((pem) => parsePemBundle(pem).certificates[0]?.der)
        .filter((der) => der !== undefined);
      // A root that trust/ could never use (a key it refuses) would only look trusted.
      const usable = certificates.filter((der) => checkAnchor(der) === null);
      const anchors = this.#add(usable);
      this.#wellKnown = { name: `well-known set System: ${describeSet(anchors)}`, anchors };
    }
    return this.#wellKnown;
  }

  #add(certificates: readonly Uint8Array[]): string[] {
    const digests = certificates.map((der) => {
      const digest = Buffer.from(sha256(der)).toString("hex");
      this.certificates.set(digest, Buffer.from(der).toString("base64"));
      return digest;
    });
    return [...new Set(digests)].sort(compareStrings);
  }
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
