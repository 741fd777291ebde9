/** OCSP responses as backends staple them, minted from raw DER. */
import { createHash } from "node:crypto";
import { DAY, type Minted, NOW, extension } from "./certificates.ts";
import { type Bytes, bytes, generalizedTime, int, oid, seq, tlv } from "./der.ts";
import type { Key } from "./keys.ts";

/** The TLS feature extension (RFC 7633). */
export const tlsFeature = (critical: boolean, ...features: readonly number[]): Bytes =>
  extension("1.3.6.1.5.5.7.1.24", critical, seq(...features.map(int)));

const SHA1 = oid("1.3.14.3.2.26");
const hash = (algorithm: string, data: Bytes): Bytes => new Uint8Array(createHash(algorithm).update(data).digest());
/** The subjectPublicKey's bits: the last 65 octets of a P-256 key, and 133 of P-521. */
const bitsOf = ({ spki }: Key): Bytes => spki.subarray(spki.length - (spki.length > 100 ? 133 : 65));

/** What differs from a good response by `issuer` itself. */
export interface StapleSpec {
  readonly serial: number;
  readonly status?: Bytes;
  readonly thisUpdate?: number;
  readonly nextUpdate?: number | null;
  readonly issuer: Minted;
  readonly algorithm?: string;
  readonly signer?: Minted;
  readonly responder?: Bytes;
  readonly certificates?: readonly Minted[];
  readonly more?: readonly Bytes[];
  readonly single?: Bytes;
  readonly tail?: Bytes;
}

const GOOD = tlv(0x80);
/** A ResponderID by name. */
export const byName = ({ subject }: Minted): Bytes => tlv(0xa1, subject);
/** A ResponderID by key. */
export const byKey = ({ key }: Minted): Bytes => tlv(0xa2, tlv(4, hash("sha1", bitsOf(key))));

/** A SingleResponse. */
export function stapleAnswer(spec: StapleSpec): Bytes {
  const { issuer, algorithm = "sha1", nextUpdate = NOW + DAY } = spec;
  const hashed = (data: Bytes): Bytes => tlv(4, hash(algorithm, data));
  const id = algorithm === "sha1" ? seq(SHA1, bytes(5, 0)) : seq(oid("2.16.840.1.101.3.4.2.1"));
  return seq(
    seq(id, hashed(issuer.subject), hashed(bitsOf(issuer.key)), int(spec.serial)),
    spec.status ?? GOOD,
    generalizedTime(spec.thisUpdate ?? NOW - 60_000),
    nextUpdate === null ? bytes() : tlv(0xa0, generalizedTime(nextUpdate)),
    spec.single ?? bytes(),
  );
}

/** An OCSPResponse. */
export function staple(spec: StapleSpec): Bytes {
  const { signer = spec.issuer, certificates = [] } = spec;
  const data = seq(
    spec.responder ?? byName(signer),
    generalizedTime(NOW),
    seq(stapleAnswer(spec), ...(spec.more ?? [])),
    spec.tail ?? bytes(),
  );
  const basic = seq(
    data,
    signer.key.signer.algorithm,
    tlv(3, bytes(0), signer.key.signer.sign(data)),
    certificates.length === 0 ? bytes() : tlv(0xa0, seq(...certificates.map(({ der }) => der))),
  );
  return seq(tlv(0x0a, bytes(0)), tlv(0xa0, seq(oid("1.3.6.1.5.5.7.48.1.1"), tlv(4, basic))));
}

/** An unsigned response that names its certificate by serial number alone: of such a staple only "revoked" counts. */
export function unsignedStaple(serial: number, status: Bytes): Bytes {
  const id = seq(seq(SHA1), tlv(4, bytes(1)), tlv(4, bytes(2)), int(serial));
  const data = seq(tlv(0xa2, tlv(4, bytes(1))), generalizedTime(NOW), seq(seq(id, status, generalizedTime(NOW))));
  const basic = seq(data, seq(oid("1.2.840.10045.4.3.2")), tlv(3, bytes(0)));
  return seq(tlv(0x0a, bytes(0)), tlv(0xa0, seq(oid("1.3.6.1.5.5.7.48.1.1"), tlv(4, basic))));
}
