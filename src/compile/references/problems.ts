/** Problems of references, and of the certificates that they lead to, one constructor for each. */
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import { type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";
import type { ConfigCode } from "../../bundle/types.ts";
import type { AnchorFacts, UnusableAnchor } from "./anchor-source.ts";
import type { Invalid } from "./object-text.ts";

/** Where a reference stands, and the code of its problems. */
export interface ReferencePlace<Code extends DiagnosticCode = DiagnosticCode> {
  /** Path of the reference: `["spec", "rules", 0, "backendRefs", 0]`. */
  readonly path: FieldPath;
  readonly code: Code;
}

/** A reference into another namespace that no ReferenceGrant there allows. */
export function noGrant<Code extends DiagnosticCode>(
  from: { readonly kind: string; readonly namespace: string },
  to: { readonly kind: string; readonly namespace: string; readonly name: string },
  { path, code }: ReferencePlace<Code>,
): Problem<Code> {
  return {
    code,
    path: [...path, "namespace"],
    message: `no ReferenceGrant in ${to.namespace} lets ${from.kind}s of ${from.namespace} name ${to.kind} ${to.name}`,
    expected: `a ReferenceGrant in namespace ${to.namespace}`,
    found: show(to.namespace),
    remedy: "add the ReferenceGrant, or move one of the two",
  };
}

/** A reference to CA certificates in a kind that holds none. */
export function noAnchorKind<Code extends DiagnosticCode>(
  { group, kind }: { readonly group: string; readonly kind: string },
  { path, code }: ReferencePlace<Code>,
): Problem<Code> {
  return {
    code,
    path: [...path, "kind"],
    message: "lasthop reads no CA certificates from this kind",
    expected: 'ConfigMap or Secret of group "", or ClusterTrustBundle of group certificates.k8s.io',
    found: `${show(group)} ${kind}`,
    remedy: "put the certificates into a ConfigMap, under ca.crt",
  };
}

/** A reference to an object that is missing, or that holds no CA certificates. */
export function noAnchors<Code extends DiagnosticCode>(
  { kind, name }: { readonly kind: string; readonly name: string },
  { why, note, remedy = "correct the reference, or the PEM", cause }: Invalid,
  { path, code }: ReferencePlace<Code>,
): Problem<Code> {
  return {
    code,
    path: [...path, "name"],
    message: why,
    expected: `a ${kind} with CA certificates in PEM`,
    found: show(name),
    remedy,
    ...(note === undefined ? {} : { note }),
    ...(cause === undefined ? {} : { cause }),
  };
}

/** A certificateRef to a kind other than Secret. */
export const noCertificateKind = (
  { group, kind }: { readonly group: string; readonly kind: string },
  { path, code }: ReferencePlace<ConfigCode>,
): Problem => ({
  code,
  path: [...path, "kind"],
  message: "lasthop reads certificates from Secrets alone",
  expected: 'group "" and kind Secret',
  found: `${show(group)} ${kind}`,
  remedy: "name a Secret of type kubernetes.io/tls",
});

/** A certificateRef to a Secret that is missing, or that holds no certificate with its key. */
export const noCertificate = (
  name: string,
  { why, note, remedy = "correct the reference, or the Secret", cause }: Invalid,
  { path, code }: ReferencePlace<ConfigCode>,
): Problem => ({
  code,
  path: [...path, "name"],
  message: why,
  expected: "a Secret of type kubernetes.io/tls with a chain in tls.crt and its key in tls.key",
  found: show(name),
  remedy,
  ...(note === undefined ? {} : { note }),
  ...(cause === undefined ? {} : { cause }),
});

/** A problem of a block of text in a ConfigMap, Secret or ClusterTrustBundle: the place is added where it is reported. */
export type TextProblem = Omit<Problem, "path">;

/** A certificate among CA certificates that cannot be a trust anchor. `source` is `ConfigMap team/ca`. */
export function unusableAnchor(source: string, anchor: UnusableAnchor, remedy: string): TextProblem {
  const { where, line, subject, code, expected, found } = anchor;
  return {
    severity: "warning",
    code: "ca-certificate-unusable",
    line,
    message: `${where} of ${source} cannot be a trust anchor (${code}), and is left out; the others stay trusted`,
    expected,
    found: subject === null ? found : `${found}, of ${subject}`,
    remedy,
  };
}

/** A trust anchor that is not strict DER. */
export const oddAnchor = (source: string, { where, line, oddity, subject }: AnchorFacts): TextProblem => ({
  severity: "warning",
  code: "ca-certificate-form",
  line,
  message: `${where} of ${source} is not strict DER; it is trusted all the same, for this decides nothing of an anchor`,
  expected: "a certificate of RFC 5280 in DER",
  found: `${oddity}, of ${subject}`,
  remedy: "none is needed; a certificate of this CA issued anew would be strict DER",
});

/** A trust anchor that is no CA, but the certificate of one backend. */
export const endEntityAnchor = (source: string, { where, line, subject }: AnchorFacts): TextProblem => ({
  severity: "warning",
  code: "ca-certificate-end-entity",
  line,
  message: `${where} of ${source} is no CA: only a backend that presents exactly this certificate is trusted`,
  expected: "the certificate of the CA that issued the backends' certificates",
  found: `${subject}`,
  remedy: "put in the issuing CA's certificate, so that a renewed certificate is trusted too",
});

/** What is wrong with a certificate that the gateway presents all the same. The path is added where it is reported. */
export type Remark = Pick<Problem, "code" | "message" | "remedy"> & {
  readonly expected: string;
  readonly found: string;
};

const MAX_NAMES = 8;

/** A listener's certificate that does not name the listener's hostname. */
export const wrongHostname = (source: string, hostname: string, names: readonly string[]): Remark => ({
  code: "certificate-hostname",
  message: `the certificate of ${source} does not name the listener's hostname ${hostname}`,
  expected: hostname,
  found:
    names.length === 0
      ? "no DNS name"
      : `${names.slice(0, MAX_NAMES).join(", ")}${names.length > MAX_NAMES ? ", …" : ""}`,
  remedy: "issue the certificate with the name, or correct certificateRefs",
});

/** A certificate whose extKeyUsage does not allow what it is presented for. */
export const wrongUsage = (
  source: string,
  wanted: { readonly usage: "serverAuth" | "clientAuth"; readonly to: "clients" | "backends" },
  purposes: readonly string[],
): Remark => ({
  code: "certificate-usage",
  message: `the certificate of ${source} is not issued for ${wanted.usage}, so ${wanted.to} refuse it`,
  expected: `extKeyUsage with ${wanted.usage}, or none`,
  found: purposes.slice(0, MAX_NAMES).join(", "),
  remedy: `issue it with ${wanted.usage}`,
});

/** A chain in which certificate `at`, from 1, is not followed by its issuer. */
export const brokenChain = (source: string, at: number, subjects: readonly string[]): Remark => ({
  code: "certificate-chain",
  message: `in tls.crt of ${source} certificate ${at + 1} did not issue certificate ${at}`,
  expected: "each certificate followed by the one that issued it",
  found: subjects.slice(0, MAX_NAMES).join("; "),
  remedy: "put them in order, and leave out what does not belong to the chain",
});
