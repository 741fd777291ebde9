/**
 * Finds the certificates that may have issued another one: by name, the likeliest first. Each comparison of names is
 * charged.
 */
import { sameBytes } from "../../bundle/bytes.ts";
import type { Budget } from "../budget.ts";
import { checkValidity } from "../checks/single-certificate.ts";
import type { KnownCertificate } from "../signatures/store.ts";
import type { Certificate } from "../x509/certificate.ts";
import { isSameNameWithin, shapeOf } from "../x509/name-comparison.ts";

/** A certificate and its source: a place in the presented chain, or the policy's anchors. */
export interface SourcedCertificate {
  readonly known: KnownCertificate;
  /** Index in the presented chain; -1 for an anchor. */
  readonly position: number;
  /** The object an anchor came from (`ConfigMap team/ca`); null for a presented certificate. */
  readonly source: string | null;
}

/**
 * Anchors by the shape of their subject. Names of different shapes are different; names of one shape must be
 * compared.
 */
export type AnchorIndex = ReadonlyMap<string, readonly SourcedCertificate[]>;

/** Makes the index. */
export const indexAnchors = (anchors: readonly SourcedCertificate[]): AnchorIndex =>
  Map.groupBy(anchors, ({ known }) => shapeOf(known.certificate.subject));

/** The candidate issuers of one search, with what was found out about their names. */
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
   * The certificates that may have issued the last one of a path, as far as they may extend the path. A certificate
   * that the path already has is left out, and so is a CA with the subject and key of a CA of the path: an anchor
   * that can be reached through it can be reached from the shorter path, too. A CA may have the subject and key of
   * the end entity, because the end entity issues nothing. But a certificate with this subject and key that is no
   * CA is left out: it is a renewed certificate of a self-signed backend, and no issuer.
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
   * Certificates with the name of this one's issuer. The order: a fitting key identifier first and a different one
   * last, then certificates that are valid now, then anchors, then the longest-lived.
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

  /**
   * The first certificate of this search with the same subject and key: equal for certificates that may take each
   * other's place.
   */
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

/**
 * Compares the authorityKeyIdentifier of a certificate with the subjectKeyIdentifier of its issuer. Key identifiers
 * help to find the issuer and never decide (RFC 5280 §4.2.1.1).
 */
export function keyHint(child: Certificate, issuer: Certificate): "same" | "other" | "none" {
  const wanted = child.authorityKeyIdentifier?.keyIdentifier ?? null;
  const own = issuer.subjectKeyIdentifier;
  if (wanted === null || own === null) return "none";
  return sameBytes(wanted, own) ? "same" : "other";
}
