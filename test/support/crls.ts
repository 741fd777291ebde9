/** Mints certificate revocation lists from raw DER. */
import { DAY, type Minted, NOW, extension } from "./certificates.ts";
import { type Bytes, bytes, int, seq, tlv, utcTime } from "./der.ts";
import type { Key } from "./keys.ts";

/** What differs from a current, empty, complete CRL. */
export interface CrlSpec {
  readonly revoked?: readonly Bytes[];
  readonly thisUpdate?: number;
  readonly nextUpdate?: number | null;
  readonly extensions?: readonly Bytes[];
  readonly key?: Key;
  readonly version?: Bytes;
  readonly tbsTail?: Bytes;
  readonly outerAlgorithm?: Bytes;
  readonly entryExtensions?: Bytes;
  /** Whole entries, after those of `revoked`. */
  readonly entries?: readonly Bytes[];
}

/** A CRL of `issuer`; `revoked` holds serial numbers as INTEGERs. */
export function crl(issuer: Minted, spec: CrlSpec = {}): Bytes {
  const { signer } = spec.key ?? issuer.key;
  const revoked = (spec.revoked ?? []).map((serial) =>
    seq(serial, utcTime(NOW - DAY), spec.entryExtensions ?? bytes()),
  );
  const entries = [...revoked, ...(spec.entries ?? [])];
  const tbs = seq(
    spec.version ?? int(1),
    signer.algorithm,
    issuer.subject,
    utcTime(spec.thisUpdate ?? NOW - DAY),
    spec.nextUpdate === null ? bytes() : utcTime(spec.nextUpdate ?? NOW + DAY),
    entries.length > 0 ? seq(...entries) : bytes(),
    tlv(0xa0, seq(...(spec.extensions ?? [extension("2.5.29.20", false, int(7))]))),
    spec.tbsTail ?? bytes(),
  );
  return seq(tbs, spec.outerAlgorithm ?? signer.algorithm, tlv(0x03, bytes(0), signer.sign(tbs)));
}

/** The extension cRLNumber (RFC 5280 §5.2.3). */
export const crlNumber = (value: number): Bytes => extension("2.5.29.20", false, int(value));

/** The critical extension issuingDistributionPoint (RFC 5280 §5.2.5). */
export const issuingDistributionPoint = (...fields: readonly Bytes[]): Bytes =>
  extension("2.5.29.28", true, seq(...fields));
