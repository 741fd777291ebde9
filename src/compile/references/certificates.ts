/** Certificates that the gateway presents: `kubernetes.io/tls` Secrets. Their keys leave this module through `key` alone. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { hex } from "../../bundle/bytes.ts";
import type { BundleCertificate, ConfigCode, Sha256Hex } from "../../bundle/types.ts";
import { parsePemBundle } from "../../trust/index.ts";
import { type Grants, notPermitted, type Referrer } from "./grants.ts";
import { type CertificateFacts, readFacts } from "./certificate-facts.ts";
import { type Invalid, invalid, textOf } from "./config-data.ts";
import { type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";
import { digestJson, sha256 } from "../digest.ts";
import type { Cluster, Entry } from "../load/load.ts";
import type { ObjectReference } from "../kubernetes/objects.ts";
import { explainKey, explainText } from "./pem-mistakes.ts";

export interface Certificate {
  /** Of the chain. */
  readonly digest: Sha256Hex;
  readonly entry: BundleCertificate;
  /** For warnings and conditions; nothing of it goes into the bundle. */
  readonly facts: CertificateFacts;
  /** Base64 PKCS#8 DER. A function, so that nothing prints it by accident. */
  readonly key: () => string;
}

type CertificateResult = { readonly kind: "read"; readonly certificate: Certificate } | Invalid;

export interface CertificateContext {
  readonly cluster: Cluster;
  readonly grants: Grants;
}

export type CertificateRef =
  | { readonly kind: "resolved"; readonly certificate: Certificate }
  | { readonly kind: "unresolved"; readonly permitted: boolean; readonly problem: Problem };

/** What a `SecretObjectReference` names. One into another namespace wants a ReferenceGrant there. */
export function resolveCertificate(
  { group, kind, namespace, name }: ObjectReference,
  from: Referrer,
  path: FieldPath,
  code: ConfigCode,
  { cluster, grants }: CertificateContext,
): CertificateRef {
  const to = { group, kind, namespace: namespace ?? from.namespace, name };
  // RefNotPermitted before all else: whether the object is there is not the referrer's business.
  const forbidden = notPermitted(from, to, path, code, grants);
  if (forbidden !== null) return { kind: "unresolved", permitted: false, problem: forbidden };
  if (group !== "" || kind !== "Secret") {
    const problem: Problem = {
      code,
      path: [...path, "kind"],
      message: "lasthop reads certificates from Secrets alone",
      expected: 'group "" and kind Secret',
      found: `${show(group)} ${kind}`,
      remedy: "name a Secret of type kubernetes.io/tls",
    };
    return { kind: "unresolved", permitted: true, problem };
  }
  const result = readCertificate(cluster, `${to.namespace}/${name}`);
  if (result.kind === "read") return { kind: "resolved", certificate: result.certificate };
  const problem: Problem = {
    code,
    path: [...path, "name"],
    message: result.why,
    expected: "a Secret of type kubernetes.io/tls with a chain in tls.crt and its key in tls.key",
    found: show(name),
    remedy: result.remedy ?? "correct the reference, or the Secret",
    ...(result.note === undefined ? {} : { note: result.note }),
    ...(result.cause === undefined ? {} : { cause: result.cause }),
  };
  return { kind: "unresolved", permitted: true, problem };
}

const TLS_SECRET = "kubernetes.io/tls";

/** Of Secrets that have been read: each once. */
const results = new WeakMap<Entry<unknown>, CertificateResult>();

/** `name` is `namespace/name`. */
function readCertificate(cluster: Cluster, name: string): CertificateResult {
  const entry = cluster.Secret.get(name);
  let result = entry === undefined ? undefined : results.get(entry);
  if (result === undefined) {
    result = readSecret(cluster, name);
    if (entry !== undefined) results.set(entry, result);
  }
  return result;
}

function readSecret(cluster: Cluster, name: string): CertificateResult {
  const source = `Secret ${name}`;
  const entry = cluster.Secret.get(name);
  // "Core - A single reference to a Kubernetes Secret of type kubernetes.io/tls"
  if (entry?.kind === "valid" && entry.object.value.type !== TLS_SECRET)
    return invalid(`${source} is of type ${entry.object.value.type}, not ${TLS_SECRET}`);
  const chain = textOf(cluster, "Secret", name, "tls.crt");
  if (chain.kind === "invalid") return chain;
  const pem = textOf(cluster, "Secret", name, "tls.key");
  if (pem.kind === "read" && isSwapped(chain.value, pem.value))
    return invalid(`tls.crt and tls.key of ${source} are swapped`, chain.note, "put each under the other's key");
  const { certificates, problems } = parsePemBundle(chain.value);
  const mistake = certificates.length === 0 ? explainText(chain.value, chain.encoded, "CERTIFICATE") : null;
  if (mistake !== null) return invalid(`tls.crt of ${source} ${mistake.why}`, chain.note, mistake.remedy);
  if (certificates.length === 0 && problems.length === 0)
    return invalid(`tls.crt of ${source} holds no certificate`, chain.note);
  const [problem] = problems;
  if (problem !== undefined)
    return invalid(`line ${problem.line} of tls.crt in ${source}: ${problem.message}`, chain.note);
  if (pem.kind === "invalid") return pem;
  const key = readKey(pem.value);
  if (key === null) {
    const { why, remedy } = explainKey(pem.value, pem.encoded);
    return invalid(`tls.key of ${source} ${why}`, pem.note, remedy);
  }
  const read = certificates.map(({ der }) => readCertificateFor(der));
  const unread = read.indexOf(null);
  if (unread >= 0) return invalid(`OpenSSL cannot read certificate ${unread + 1} in tls.crt of ${source}`, chain.note);
  const chainRead = read.filter((own) => own !== null);
  const [leaf] = chainRead;
  if (leaf === undefined) return invalid(`tls.crt of ${source} holds no certificate`, chain.note);
  const weakness = keyFault(leaf.publicKey);
  if (weakness !== null) return invalid(`the key of tls.crt in ${source} is ${weakness}`, chain.note);
  if (!leaf.checkPrivateKey(key)) {
    const later = chainRead.findIndex((own) => own.checkPrivateKey(key));
    return later < 0
      ? invalid(
          `tls.key of ${source} belongs to none of the certificates in tls.crt`,
          pem.note,
          "put in the key for which the certificate was issued, or the certificate that was issued for the key",
        )
      : invalid(
          `tls.key of ${source} belongs to certificate ${later + 1} in tls.crt, which must come first`,
          pem.note,
          "put the certificate of the key first, and each issuer after what it issued",
        );
  }
  const ders = certificates.map(({ der }) => Buffer.from(der).toString("base64"));
  const spki = leaf.publicKey.export({ type: "spki", format: "der" });
  return {
    kind: "read",
    certificate: {
      digest: digestJson(ders),
      entry: { source, chain: ders, keyDigest: hex(sha256(spki)) },
      facts: readFacts(chainRead, chain.note),
      key: () => key.export({ type: "pkcs8", format: "der" }).toString("base64"),
    },
  };
}

const isSwapped = (chain: string, key: string): boolean =>
  chain.includes("PRIVATE KEY-----") &&
  !chain.includes("-----BEGIN CERTIFICATE-----") &&
  key.includes("-----BEGIN CERTIFICATE-----");

/** Null: OpenSSL, which presents it, cannot read the certificate or its key. */
function readCertificateFor(der: Uint8Array): X509Certificate | null {
  try {
    const certificate = new X509Certificate(der);
    return certificate.publicKey.type === "public" ? certificate : null;
  } catch {
    return null; // The reason is OpenSSL's own, and helps nobody: it is said which certificate it was.
  }
}

function readKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    // OpenSSL's reason says nothing that helps, and might one day quote its input.
    return null;
  }
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384" };
const MIN_RSA_BITS = 2048;
/** The TLS engine signs with no longer one (ring). */
const MAX_RSA_BITS = 4096;

/** What every runtime can sign with: a certificate is refused everywhere or nowhere. */
function keyFault({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | null {
  const supported = `RSA of ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits, ECDSA on ${Object.values(CURVES).join(" or ")}, Ed25519`;
  if (type === "ed25519") return null;
  if (type === "ec") {
    const curve = details?.namedCurve ?? "unknown";
    return Object.hasOwn(CURVES, curve) ? null : `on the curve ${curve}; supported are ${supported}`;
  }
  if (type !== "rsa") return `of type ${type ?? "unknown"}; supported are ${supported}`;
  const bits = details?.modulusLength ?? 0;
  return bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS ? null : `RSA of ${bits} bits; supported are ${supported}`;
}
