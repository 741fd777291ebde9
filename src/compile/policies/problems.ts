/** Problems of BackendTLSPolicies, one constructor for each. */
import type { ConfigCode } from "../../bundle/types.ts";
import { type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";
import type { Invalid } from "../references/object-text.ts";
import type { CrlFault, CrlSource } from "../references/crls.ts";

/** A hostname that is an IP address: a PreciseHostname "must not be an IP address". */
export const policyHostnameIsIp = (path: FieldPath, hostname: string): Problem => ({
  code: "policy-hostname",
  path,
  message: "a hostname must not be an IP address, and a name whose last label is a number is one",
  expected: "a DNS name",
  found: show(hostname),
  remedy: "use the DNS name in the backend's certificate",
});

/** A hostname with a label of more than 63 characters, which no DNS name has (RFC 1035 §2.3.4). */
export const longLabel = (path: FieldPath, hostname: string): Problem => ({
  code: "policy-hostname",
  path,
  message: "a label of a hostname has at most 63 characters",
  expected: "a DNS name",
  found: show(hostname),
  remedy: "use the DNS name in the backend's certificate",
});

/** A wildcard directly above a top-level domain, which matches no certificate (RFC 9525 §6.3). */
export const shallowWildcard = (path: FieldPath, hostname: string): Problem => ({
  code: "policy-hostname",
  path,
  message: "a wildcard directly above a top-level name matches no certificate",
  expected: "*.NAME.TLD or deeper",
  found: show(hostname),
  remedy: "write the names out",
});

/** A value of wellKnownCACertificates other than System. */
export const unknownCaSet = (value: string): Problem<ConfigCode> => ({
  code: "policy-well-known-ca",
  path: ["spec", "validation", "wellKnownCACertificates"],
  message: "lasthop knows no such set of CA certificates",
  expected: "System",
  found: show(value),
  remedy: "use System, or name a ConfigMap in caCertificateRefs",
});

const CRL_REFS = ["spec", "options", "lasthop.dev/crl-refs"];

/** A name in lasthop.dev/crl-refs that leads to no CRLs. */
export const noCrls = (name: string, { why, note }: Invalid): Problem => ({
  code: "policy-option",
  path: CRL_REFS,
  message: why,
  expected: "a ConfigMap with PEM X509 CRLs under crl.pem",
  found: show(name),
  remedy: "correct the reference, or the PEM under crl.pem",
  ...(note === undefined ? {} : { note }),
});

/** A CRL that cannot be used, so that the policy is refused. */
export function unusableCrl({ name, place }: CrlSource, { where, issuer, why, line }: CrlFault): Problem {
  const of = issuer === null ? "" : `, of ${issuer},`;
  return {
    code: "policy-option",
    path: CRL_REFS,
    message: `${where} in crl.pem of ${name}${of} cannot be used, so the policy is refused`,
    expected: "CRLs of version 2 with cRLNumber and nextUpdate, signed by their issuer",
    found: why,
    remedy: crlRemedy(why),
    note: { ...place, line },
  };
}

function crlRemedy(why: string): string {
  if (/version 2|cRLNumber/.test(why)) {
    return "have the CA issue lists with cRLNumber (OpenSSL: crl_extensions with crlNumber=… or crlnumber in openssl.cnf)";
  }
  if (/signed it|cRLSign/.test(why)) {
    return "put in the CA's own list, or the certificate of the CA's key that signed it into caCertificateRefs";
  }
  return /delta/.test(why)
    ? "put in the complete list beside the delta"
    : "put in a list that can be used, or remove it";
}

/**
 * An option that lasthop does not have; `known` are the keys that it has. "Un-prefixed names are reserved for key names
 * defined by Gateway API", which defines none (`BackendTLSPolicySpec.options`).
 */
export const unknownOption = (key: string, known: readonly string[]): Problem => ({
  code: "policy-option",
  path: ["spec", "options", key],
  message: "lasthop has no such option, and ignores none",
  expected: `one of ${known.join(", ")}`,
  found: show(key),
  remedy: "correct the key, or remove it",
});

/** An option with a value that it cannot have. */
export const badOption = (key: string, value: string, expected: string): Problem => ({
  code: "policy-option",
  path: ["spec", "options", key],
  message: `${key} has no such value`,
  expected,
  found: show(value),
  remedy: "correct the value",
});
