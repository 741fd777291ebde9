/** Certificates that the gateway presents, from Secrets of type `kubernetes.io/tls`. Keys leave this module by `key()` alone. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { hex } from "../../bundle/bytes.ts";
import type { BundleCertificate, ConfigCode, Sha256Hex } from "../../bundle/types.ts";
import { parsePemBundle } from "../../trust/index.ts";
import { type Grants, notPermitted, type Referrer } from "./grants.ts";
import { type CertificateFacts, readFacts } from "./certificate-facts.ts";
import { type Invalid, invalid, textUnderKey } from "./object-text.ts";
import type { Problem } from "../diagnostics/diagnostics.ts";
import { noCertificate, noCertificateKind, type ReferencePlace } from "./problems.ts";
import { digestJson, sha256 } from "../digest.ts";
import type { Cluster, Entry } from "../load/load.ts";
import type { ObjectReference } from "../kubernetes/objects.ts";
import { explainKey, explainText } from "./pem-mistakes.ts";

/** A certificate chain with its key. */
export interface Certificate {
  /** Digest of the chain. */
  readonly digest: Sha256Hex;
  readonly entry: BundleCertificate;
  /** Facts for warnings and conditions. */
  readonly facts: CertificateFacts;
  /** The private key, base64 of PKCS#8 DER. A function, so that nothing prints it by accident. */
  readonly key: () => string;
}

type CertificateResult = { readonly kind: "read"; readonly certificate: Certificate } | Invalid;

/** The context in which references to certificates are resolved. */
export interface CertificateContext {
  readonly cluster: Cluster;
  readonly grants: Grants;
}

/** What a reference to a certificate leads to; `permitted` is false when a ReferenceGrant is missing. */
type CertificateRef =
  | { readonly kind: "resolved"; readonly certificate: Certificate }
  | { readonly kind: "unresolved"; readonly permitted: boolean; readonly problem: Problem };

/** The certificate that a `SecretObjectReference` names. A reference into another namespace needs a ReferenceGrant there. */
export function resolveCertificate(
  { group, kind, namespace, name }: ObjectReference,
  referrer: Referrer,
  place: ReferencePlace<ConfigCode>,
  { cluster, grants }: CertificateContext,
): CertificateRef {
  const to = { group, kind, namespace: namespace ?? referrer.namespace, name };
  // RefNotPermitted comes first: the referrer must not learn whether an object that it may not name exists.
  const forbidden = notPermitted(referrer, to, place, grants);
  if (forbidden !== null) return { kind: "unresolved", permitted: false, problem: forbidden };
  if (group !== "" || kind !== "Secret")
    return { kind: "unresolved", permitted: true, problem: noCertificateKind(to, place) };
  const result = readCertificate(cluster, `${to.namespace}/${name}`);
  return result.kind === "read"
    ? { kind: "resolved", certificate: result.certificate }
    : { kind: "unresolved", permitted: true, problem: noCertificate(name, result, place) };
}

const TLS_SECRET = "kubernetes.io/tls";

/** The results of reading each Secret: a Secret is read once. */
const certificateResults = new WeakMap<Entry<unknown>, CertificateResult>();

/** Reads the certificate and key of the Secret `namespace/name`. */
function readCertificate(cluster: Cluster, name: string): CertificateResult {
  const entry = cluster.Secret.get(name);
  let result = entry === undefined ? undefined : certificateResults.get(entry);
  if (result === undefined) {
    result = readSecret(cluster, name);
    if (entry !== undefined) certificateResults.set(entry, result);
  }
  return result;
}

function readSecret(cluster: Cluster, name: string): CertificateResult {
  const source = `Secret ${name}`;
  const entry = cluster.Secret.get(name);
  // "Core - A single reference to a Kubernetes Secret of type kubernetes.io/tls"
  if (entry?.kind === "valid" && entry.object.value.type !== TLS_SECRET)
    return invalid(`${source} is of type ${entry.object.value.type}, not ${TLS_SECRET}`);
  const chain = textUnderKey(cluster, "Secret", name, "tls.crt");
  if (chain.kind === "invalid") return chain;
  const pem = textUnderKey(cluster, "Secret", name, "tls.key");
  if (pem.kind === "read" && isSwapped(chain.value, pem.value))
    return invalid(`tls.crt and tls.key of ${source} are swapped`, chain.note, "put each under the other's key");
  const { certificates, problems } = parsePemBundle(chain.value);
  const mistake = certificates.length === 0 ? explainText(chain.value, chain.base64Remedy, "CERTIFICATE") : null;
  if (mistake !== null) return invalid(`tls.crt of ${source} ${mistake.why}`, chain.note, mistake.remedy);
  if (certificates.length === 0 && problems.length === 0)
    return invalid(`tls.crt of ${source} holds no certificate`, chain.note);
  const [problem] = problems;
  if (problem !== undefined)
    return invalid(`line ${problem.line} of tls.crt in ${source}: ${problem.message}`, chain.note);
  if (pem.kind === "invalid") return pem;
  const key = readKey(pem.value);
  if (key === null) {
    const { why, remedy } = explainKey(pem.value, pem.base64Remedy);
    return invalid(`tls.key of ${source} ${why}`, pem.note, remedy);
  }
  const read = certificates.map(({ der }) => readX509(der));
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

/**
 * The certificate as Node.js reads it; null: OpenSSL, which is to present the certificate, cannot read the certificate
 * or its key.
 */
function readX509(der: Uint8Array): X509Certificate | null {
  try {
    const certificate = new X509Certificate(der);
    return certificate.publicKey.type === "public" ? certificate : null;
  } catch {
    return null; // OpenSSL's reason does not help; the message says which certificate is at fault.
  }
}

function readKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    // OpenSSL's reason does not help, and a later version of OpenSSL might quote its input.
    return null;
  }
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384" };
const MIN_RSA_BITS = 2048;
/** The TLS engine (ring) cannot sign with a longer key. */
const MAX_RSA_BITS = 4096;

/**
 * Why the gateway cannot sign with a key; null: it can. Keys that only some runtimes support are refused, so that a
 * certificate works on every runtime or on none.
 */
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
