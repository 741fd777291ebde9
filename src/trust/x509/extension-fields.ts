/** The extensions of a certificate that decide something, as values, and their object identifiers (RFC 5280 §4.2). */
import type { DistributionPoint } from "./distribution-points.ts";
import type { GeneralName } from "./general-names.ts";
import type { NameConstraints } from "./name-constraints.ts";

/** The values of a certificate's extensions; null where the certificate lacks the extension. */
export interface Extensions {
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | null } | null;
  /** KeyUsage: bit 0 (digitalSignature) is 0x8000. */
  readonly keyUsage: number | null;
  /** Purposes as dotted object identifiers, never empty: see `PURPOSE`. */
  readonly extendedKeyUsage: readonly string[] | null;
  /** Alternative names, never empty. */
  readonly subjectAltNames: readonly GeneralName[] | null;
  readonly nameConstraints: NameConstraints | null;
  /** Policies as dotted object identifiers. */
  readonly policies: readonly string[] | null;
  readonly policyMappings: readonly (readonly [issuer: string, subject: string])[] | null;
  readonly policyConstraints: {
    readonly requireExplicit: number | null;
    readonly inhibitMapping: number | null;
  } | null;
  readonly inhibitAnyPolicy: number | null;
  readonly authorityKeyIdentifier: {
    readonly keyIdentifier: Uint8Array | null;
    readonly issuer: boolean;
    readonly serial: boolean;
  } | null;
  readonly subjectKeyIdentifier: Uint8Array | null;
  readonly crlDistributionPoints: readonly DistributionPoint[] | null;
  /** Numbers of TLS extensions that the server must use (RFC 7633), such as 5 for status_request. */
  readonly tlsFeatures: readonly number[] | null;
  /** Dotted object identifiers of the critical extensions. */
  readonly critical: ReadonlySet<string>;
  /**
   * The object identifier of the first critical extension that is not processed. A certificate with one is accepted
   * in no path.
   */
  readonly unknownCritical: string | null;
}

/** `Extensions` while they are read. */
export type Fields = { -readonly [Key in Exclude<keyof Extensions, "critical" | "unknownCritical">]: Extensions[Key] };

/** No extension read yet. */
export const noFields = (): Fields => ({
  basicConstraints: null,
  keyUsage: null,
  extendedKeyUsage: null,
  subjectAltNames: null,
  nameConstraints: null,
  policies: null,
  policyMappings: null,
  policyConstraints: null,
  inhibitAnyPolicy: null,
  authorityKeyIdentifier: null,
  subjectKeyIdentifier: null,
  crlDistributionPoints: null,
  tlsFeatures: null,
});

/** Extensions by their object identifiers. */
export const EXTENSION = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  crlDistributionPoints: "2.5.29.31",
  certificatePolicies: "2.5.29.32",
  policyMappings: "2.5.29.33",
  authorityKeyIdentifier: "2.5.29.35",
  policyConstraints: "2.5.29.36",
  extendedKeyUsage: "2.5.29.37",
  inhibitAnyPolicy: "2.5.29.54",
  authorityInfoAccess: "1.3.6.1.5.5.7.1.1",
  tlsFeature: "1.3.6.1.5.5.7.1.24",
} as const;
