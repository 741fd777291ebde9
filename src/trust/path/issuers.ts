/** Which certificates may have issued another: by name, the likeliest first, each comparison charged. */
import { sameBytes } from "../../bundle/bytes.ts";
import type { Budget } from "../budget.ts";
import { checkValidity } from "../checks/profile.ts";
import type { KnownCertificate } from "../signatures/store.ts";
import type { Certificate } from "../x509/certificate.ts";
import { isSameNameWithin, shapeOf } from "../x509/name-comparison.ts";

/** A certificate and where it comes from: its index in the presented chain, or an anchor with its source. */
export interface SourcedCertificate {
  readonly known: KnownCertificate;
  /** -1 for an anchor. */
  readonly position: number;
  /** Null for a presented certificate. */
  readonly source: string | null;
}

/** Anchors by the shape of their subject: names of different shapes are different, others are compared. */
export type AnchorIndex = ReadonlyMap<string, readonly SourcedCertificate[]>;

export const indexAnchors = (anchors: readonly SourcedCertificate[]): AnchorIndex =>
  Map.groupBy(anchors, ({ known }) => shapeOf(known.certificate.subject));

/** The certificates of one search, and what was found out about their names. */
export class IssuerSearch {
  readonly #presented: readonly SourcedCertificate[];
  readonly #anchors: AnchorIndex;
  readonly #nowMs: number;
  readonly #budget: Budget;
  readonly #bySubject = new Map<KnownCertificate, readonly SourcedCertificate[]>();
  readonly #representatives = new Map<KnownCertificate, KnownCertificate>();

  constructor(search: {
    readonly presented: readonly SourcedCertificate[];
    readonly anchors: AnchorIndex;
    readonly nowMs: number;
    readonly budget: Budget;
  }) {
    this.#presented = search.presented;
    this.#anchors = search.anchors;
    this.#nowMs = search.nowMs;
    this.#budget = search.budget;
  }

  /**
   * The issuers of the top of the path that it does not hold yet: no certificate twice, and no CA's subject and key
   * twice, because whatever such a loop reaches, the shorter path reaches too. The end entity issues nothing, so a CA
   * may have its subject and key; what is no CA and has them is another issue of a self-signed backend's certificate.
   */
  candidatesFor(path: readonly SourcedCertificate[]): SourcedCertificate[] {
    const [endEntity, ...cas] = path.map(({ known }) => known);
    const top = path.at(-1)?.known;
    if (endEntity === undefined || top === undefined) return [];
    const held = new Set(cas.map((known) => this.#representativeOf(known)));
    return this.#issuersOf(top).filter(({ known }) => {
      if (known === endEntity || held.has(this.#representativeOf(known))) return false;
      const isCa = known.certificate.basicConstraints?.ca === true;
      return isCa || this.#representativeOf(known) !== this.#representativeOf(endEntity);
    });
  }

  /**
   * Certificates that bear the name of this one's issuer: anchors, then a key identifier that fits, then one that is
   * valid now, then the longest-lived.
   */
  #issuersOf(top: KnownCertificate): readonly SourcedCertificate[] {
    const found = this.#bySubject.get(top);
    if (found !== undefined) return found;
    const { certificate } = top;
    const issuers = [...(this.#anchors.get(shapeOf(certificate.issuer)) ?? []), ...this.#presented]
      .filter(({ known }) => isSameNameWithin(known.certificate.subject, certificate.issuer, this.#budget))
      .map((link) => ({ link, rank: this.#rank(certificate, link) }))
      .toSorted((a, b) => b.rank - a.rank || b.link.known.certificate.notAfterMs - a.link.known.certificate.notAfterMs)
      .map(({ link }) => link);
    this.#bySubject.set(top, issuers);
    return issuers;
  }

  #rank(child: Certificate, { known, source }: SourcedCertificate): number {
    const hint = keyHint(child, known.certificate);
    return (
      (source === null ? 0 : 1) +
      (hint === "same" ? 4 : hint === "other" ? -4 : 0) +
      (checkValidity(known.certificate, this.#nowMs) === null ? 2 : 0)
    );
  }

  /** Stands for a subject and key: the first certificate of this search that has them. */
  #representativeOf(known: KnownCertificate): KnownCertificate {
    let representative = this.#representatives.get(known);
    if (representative === undefined) {
      const { subject } = known.certificate;
      representative = known;
      for (const other of new Set(this.#representatives.values())) {
        if (other.keyId === known.keyId && isSameNameWithin(other.certificate.subject, subject, this.#budget))
          representative = other;
      }
      this.#representatives.set(known, representative);
    }
    return representative;
  }
}

/** RFC 5280 §4.2.1.1: key identifiers help to find the issuer; they never decide. */
export function keyHint(child: Certificate, issuer: Certificate): "same" | "other" | "none" {
  const wanted = child.authorityKeyIdentifier?.keyIdentifier ?? null;
  const own = issuer.subjectKeyIdentifier;
  if (wanted === null || own === null) return "none";
  return sameBytes(wanted, own) ? "same" : "other";
}
