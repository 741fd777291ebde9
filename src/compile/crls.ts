/** `lasthop.dev/crl-refs`: lists in ConfigMaps of the policy's namespace, under `crl.pem`. */
import { CertificateRevocationList } from "pkijs";
import { type Invalid, invalid, type TextResult, textOf } from "./config-data.ts";
import type { Cluster } from "./load.ts";

export type CrlResult = { readonly kind: "read"; readonly crls: readonly string[] } | Invalid;

/** Base64 DER of every list in one ConfigMap. Signatures and dates are judged per connection, by trust/. */
export function readCrls(cluster: Cluster, name: string): CrlResult {
  const text: TextResult = textOf(cluster, "ConfigMap", name, "crl.pem");
  if (text.kind === "invalid") return text;
  if (text.value.includes("PRIVATE KEY")) {
    return invalid(`crl.pem of ConfigMap ${name} holds a private key: remove it, and replace the key`, text.note);
  }
  const crls: string[] = [];
  const rest = text.value.replaceAll(
    /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----/g,
    (_, body: string) => {
      crls.push(body.replaceAll(/\s/g, ""));
      return "";
    },
  );
  if (rest.includes("-----"))
    return invalid(`crl.pem of ConfigMap ${name} holds a block that is no X509 CRL`, text.note);
  if (crls.length === 0) return invalid(`crl.pem of ConfigMap ${name} holds no X509 CRL`, text.note);
  const malformed = crls.findIndex((crl) => !parses(crl));
  return malformed < 0
    ? { kind: "read", crls }
    : invalid(`crl.pem of ConfigMap ${name}: list ${malformed + 1} is no DER CertificateList`, text.note);
}

function parses(base64: string): boolean {
  const der = Buffer.from(base64, "base64");
  if (der.toString("base64") !== base64) return false;
  try {
    CertificateRevocationList.fromBER(new Uint8Array(der));
    return true;
  } catch {
    return false;
  }
}
