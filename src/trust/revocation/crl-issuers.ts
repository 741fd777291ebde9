/** Whose keys may have signed a CRL, as far as a policy's anchors tell: what can be known of it before any handshake. */
import { lacksUsage } from "../checks/profile.ts";
import { parseAnchor } from "../x509/certificate.ts";
import { isSameName } from "../x509/name-comparison.ts";
import { keyProblem } from "../x509/public-keys.ts";
import type { Crl } from "./crl.ts";

export interface CrlIssuers {
  /** Anchors with the name of the list's issuer. None: an intermediate CA's, which a backend presents. */
  readonly named: number;
  /** SubjectPublicKeyInfos of those that may sign CRLs. */
  readonly keys: readonly Uint8Array[];
}

/** `anchors` are DER. */
export function crlIssuers(crl: Crl, anchors: readonly Uint8Array[]): CrlIssuers {
  const certificates = anchors.map(parseAnchor).flatMap((parsed) => (parsed.kind === "parsed" ? [parsed.value] : []));
  const named = certificates.filter(({ subject }) => isSameName(subject, crl.issuer));
  const signers = named.filter(
    (certificate) => !lacksUsage(certificate, "crlSign") && keyProblem(certificate.key, "ca") === null,
  );
  return { named: named.length, keys: signers.map(({ spki }) => spki) };
}
