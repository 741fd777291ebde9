/** The revocation lists of one policy, each used or refused with its reason. */
import type { Certificate } from "../x509/certificate.ts";
import type { DistinguishedName } from "../x509/distinguished-names.ts";
import { countNames } from "../x509/distribution-points.ts";
import { type Comparison, compareNames } from "../x509/name-comparison.ts";
import { type Crl, type CrlReading, readCrl } from "./crl.ts";

/** The CRLs of a policy, read once. */
export class CrlSet {
  readonly used: readonly Crl[];
  readonly #refused: readonly Extract<CrlReading, { kind: "refused" }>[];

  /** Reads DER CertificateLists. */
  constructor(lists: readonly Uint8Array[]) {
    const readings = lists.map(readCrl);
    this.used = readings.flatMap((reading) => (reading.kind === "used" ? [reading.crl] : []));
    this.#refused = readings.filter((reading) => reading.kind === "refused");
  }

  /**
   * The number of comparisons of names that `listsAbout` and the checks after it may take: each name in a distribution
   * point of the certificate with each name of a CRL's.
   */
  comparisonsWith({ crlDistributionPoints }: Certificate): number {
    const names = this.used.reduce((sum, { point }) => sum + (point?.kind === "full" ? point.names.length : 1), 0);
    return names * countNames(crlDistributionPoints ?? []);
  }

  /** The usable CRLs about this certificate, and why a CRL that may be about it cannot be used; null: all can. */
  listsAbout(certificate: Certificate): { readonly lists: readonly Crl[]; readonly unusable: string | null } {
    const lists: Crl[] = [];
    let unusable: string | null = null;
    for (const crl of this.used) {
      const named = compareIssuer(crl.issuer, certificate);
      if (named === "same") lists.push(crl);
      if (named === "unclear") unusable ??= "a CRL whose issuer has a name that may be the issuer's";
    }
    const refused = this.#refused.find(
      ({ issuer }) => issuer === null || compareIssuer(issuer, certificate) !== "different",
    );
    if (refused !== undefined) unusable ??= `a CRL that cannot be used: ${refused.why}`;
    return { lists, unusable };
  }
}

/**
 * Whether a CRL's issuer is the certificate's issuer, or one that a distribution point names as cRLIssuer (§6.3.3
 * (b)(1)).
 */
function compareIssuer(issuer: DistinguishedName, { issuer: own, crlDistributionPoints }: Certificate): Comparison {
  const compared = new Set([compareNames(issuer, own)]);
  for (const { issuers } of crlDistributionPoints ?? []) {
    for (const name of issuers ?? []) if (name.type === "directory") compared.add(compareNames(issuer, name.value));
  }
  return compared.has("same") ? "same" : compared.has("unclear") ? "unclear" : "different";
}
