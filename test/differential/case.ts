/** A case of `graphs mint` (graphs/ask.go), as Go wrote it: certificates as Go's parser reads them, and what Go accepts. */

/** Host names, or hosts of URIs and mailboxes, as constraints list them; an RDN sequence for a directoryName. */
export interface Constraints {
  readonly dns: readonly string[] | null;
  readonly mail: readonly string[] | null;
  readonly uri: readonly string[] | null;
  readonly directory: readonly (readonly string[])[] | null;
}

/** A certificate of a graph, as Go reads it. */
export interface GraphCertificate {
  /** The DER in base64, as the two names. */
  readonly der: string;
  readonly subjectDer: string;
  readonly issuerDer: string;
  readonly version: number;
  readonly subject: readonly string[];
  readonly issuer: readonly string[];
  readonly ca: boolean;
  readonly pathLength: number | null;
  /** The bits of keyUsage: 1 is digitalSignature, 32 keyCertSign. Null without keyUsage. */
  readonly keyUsage: number | null;
  /** The purposes of extKeyUsage: `any`, `server` or `client`. Null without extKeyUsage. */
  readonly purposes: readonly string[] | null;
  readonly curve: string;
  readonly names: {
    readonly dns: readonly string[] | null;
    readonly ip: readonly string[] | null;
    readonly mail: readonly string[] | null;
    /** The hosts of URIs. */
    readonly hosts: readonly string[] | null;
  };
  readonly permitted: Constraints;
  readonly excluded: Constraints;
  readonly constraining: boolean;
}

/** A graph with what Go says of it. */
export interface GraphCase {
  readonly index: number;
  readonly at: string;
  readonly question: { readonly type: "dns" | "ip"; readonly value: string };
  readonly certificates: readonly GraphCertificate[];
  /** A place in `certificates`, as everything below. */
  readonly endEntity: number;
  readonly intermediates: readonly number[];
  readonly anchors: readonly number[];
  /** The chains that Go accepts. */
  readonly chains: readonly (readonly number[])[];
  /** The reason why Go accepts no chain. */
  readonly refused: string;
}

/** One path, end entity first, anchor last. */
export type GraphPath = readonly GraphCertificate[];

/** The certificates of a path by their places. */
export function pathOf({ certificates }: GraphCase, places: readonly number[]): GraphPath {
  return places.map((place) => {
    const certificate = certificates[place];
    if (certificate === undefined) throw new RangeError(`no certificate ${place}`);
    return certificate;
  });
}
