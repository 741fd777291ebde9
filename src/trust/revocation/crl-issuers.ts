/**
 * The anchors of a policy that may have signed a CRL, as far as they can be known when a policy is compiled, before any
 * handshake.
 */
import { lacksUsage } from "../checks/single-certificate.ts";
import { parseAnchor } from "../x509/certificate.ts";
import { isSameName } from "../x509/name-comparison.ts";
import { keyProblem } from "../x509/public-keys.ts";
import type { Crl } from "./crl.ts";

/** The anchors that may have signed a CRL. */
interface CrlIssuers {
  /**
   * The number of anchors with the name of the CRL's issuer. None: the issuer is an intermediate CA, whose certificate
   * a backend presents.
   */
  readonly named: number;
  /** DER SubjectPublicKeyInfos of the anchors among them that may sign CRLs. */
  readonly keys: readonly Uint8Array[];
}

/**
 * Finds the anchors that may have signed a CRL. `anchors` are DER certificates; one that cannot be read is left out.
 */
export function crlIssuers(crl: Crl, anchors: readonly Uint8Array[]): CrlIssuers {
  const certificates = anchors.map(parseAnchor).flatMap((parsed) => (parsed.kind === "parsed" ? [parsed.value] : []));
  const named = certificates.filter(({ subject }) => isSameName(subject, crl.issuer));
  const signers = named.filter(
    (certificate) => !lacksUsage(certificate, "crlSign") && keyProblem(certificate.key, "ca") === null,
  );
  return { named: named.length, keys: signers.map(({ spki }) => spki) };
}
