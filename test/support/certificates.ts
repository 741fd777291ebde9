/** Mints certificates from raw DER, so that every field can be wrong in exactly one way. */
import { type Bytes, TRUE, bytes, int, oid, seq, text, tlv, utcTime, utf8 } from "./der.ts";
import { type Key, ecKey } from "./keys.ts";

/** The time of every verdict that names no other, in ms since the epoch. */
export const NOW = Date.UTC(2026, 5, 1, 12, 0, 0);

/** A day in ms. */
export const DAY = 86_400_000;

/** A Name of one CN, or of several attributes `type=value`. */
export function name(...attributes: readonly string[]): Bytes {
  return seq(
    ...attributes.map((attribute) => {
      const [type, value] = attribute.includes("=") ? attribute.split("=") : ["2.5.4.3", attribute];
      return tlv(0x31, seq(oid(type ?? ""), utf8(value ?? "")));
    }),
  );
}

/** A GeneralName of the type dNSName. */
export const dns = (value: string): Bytes => text(0x82, value);

/** A GeneralName of the type rfc822Name. */
export const email = (value: string): Bytes => text(0x81, value);

/** A GeneralName of the type uniformResourceIdentifier. */
export const uri = (value: string): Bytes => text(0x86, value);

/** A GeneralName of the type iPAddress: address, or address and mask. */
export const ip = (...octets: readonly number[]): Bytes => tlv(0x87, bytes(...octets));

/** A GeneralName of the type directoryName. */
export const dirName = (value: Bytes): Bytes => tlv(0xa4, value);

/** An Extension; `value` is the DER in its OCTET STRING. */
export function extension(id: string, critical: boolean, value: Bytes): Bytes {
  return critical ? seq(oid(id), TRUE, tlv(0x04, value)) : seq(oid(id), tlv(0x04, value));
}

/** Extensions by name. */
export const ext = {
  ca: (pathLength?: number): Bytes =>
    extension("2.5.29.19", true, pathLength === undefined ? seq(TRUE) : seq(TRUE, int(pathLength))),
  notCa: (): Bytes => extension("2.5.29.19", true, seq()),
  /** The extension keyUsage; `bits` as in the BIT STRING, e.g. 0x80 for digitalSignature, 0x06 for keyCertSign and cRLSign. */
  keyUsage: (bits: number): Bytes =>
    extension(
      "2.5.29.15",
      true,
      tlv(0x03, bytes(Math.clz32(bits & -bits) === 32 ? 0 : 31 - Math.clz32(bits & -bits), bits)),
    ),
  eku: (...purposes: readonly string[]): Bytes => extension("2.5.29.37", false, seq(...purposes.map(oid))),
  san: (...names: readonly Bytes[]): Bytes => extension("2.5.29.17", false, seq(...names)),
  ski: (id: Bytes): Bytes => extension("2.5.29.14", false, tlv(0x04, id)),
  aki: (id: Bytes): Bytes => extension("2.5.29.35", false, seq(tlv(0x80, id))),
  constraints: (permitted: readonly Bytes[], excluded: readonly Bytes[] = []): Bytes =>
    extension(
      "2.5.29.30",
      true,
      seq(
        ...(permitted.length > 0 ? [tlv(0xa0, ...permitted.map((base) => seq(base)))] : []),
        ...(excluded.length > 0 ? [tlv(0xa1, ...excluded.map((base) => seq(base)))] : []),
      ),
    ),
  policies: (...ids: readonly string[]): Bytes => extension("2.5.29.32", false, seq(...ids.map((id) => seq(oid(id))))),
  mappings: (...pairs: readonly (readonly [string, string])[]): Bytes =>
    extension("2.5.29.33", true, seq(...pairs.map(([from, to]) => seq(oid(from), oid(to))))),
  policyConstraints: (requireExplicit: number | null, inhibitMapping: number | null = null): Bytes =>
    extension(
      "2.5.29.36",
      true,
      seq(
        ...(requireExplicit === null ? [] : [tlv(0x80, bytes(requireExplicit))]),
        ...(inhibitMapping === null ? [] : [tlv(0x81, bytes(inhibitMapping))]),
      ),
    ),
  inhibitAny: (skip: number): Bytes => extension("2.5.29.54", true, int(skip)),
};

/** id-kp-serverAuth. */
export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/** id-kp-clientAuth. */
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
/** id-kp-OCSPSigning. */
export const OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";

/** What differs from a version 3 certificate that is valid now. */
export interface Spec {
  readonly subject?: Bytes;
  readonly issuerName?: Bytes;
  readonly key?: Key;
  readonly serial?: Bytes;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly validity?: Bytes;
  readonly extensions?: readonly Bytes[];
  readonly version?: Bytes;
  /** The fields between the key and the extensions. */
  readonly uniqueIds?: Bytes;
  readonly innerAlgorithm?: Bytes;
  readonly outerAlgorithm?: Bytes;
  readonly rawExtensions?: Bytes;
  readonly tbsTail?: Bytes;
  readonly tail?: Bytes;
  readonly signature?: Bytes;
}

/** A certificate with its key. */
export interface Minted {
  readonly der: Bytes;
  readonly subject: Bytes;
  readonly key: Key;
}

let serials = 1000;

/** Mints a certificate that `issuer` signs, or that signs itself. */
export function mint(spec: Spec, issuer: Minted | null = null): Minted {
  const key = spec.key ?? ecKey();
  const subject = spec.subject ?? name("server");
  const { signer } = issuer?.key ?? key;
  const inner = spec.innerAlgorithm ?? signer.algorithm;
  const tbs = seq(
    spec.version ?? tlv(0xa0, int(2)),
    spec.serial ?? int(++serials),
    inner,
    spec.issuerName ?? issuer?.subject ?? subject,
    spec.validity ?? seq(utcTime(spec.notBefore ?? NOW - DAY), utcTime(spec.notAfter ?? NOW + 30 * DAY)),
    subject,
    key.spki,
    spec.uniqueIds ?? bytes(),
    spec.rawExtensions ?? (spec.extensions?.length === 0 ? bytes() : tlv(0xa3, seq(...(spec.extensions ?? [])))),
    spec.tbsTail ?? bytes(),
  );
  const signature = spec.signature ?? signer.sign(tbs);
  const der = seq(tbs, spec.outerAlgorithm ?? inner, tlv(0x03, bytes(0), signature), spec.tail ?? bytes());
  return { der, subject, key };
}

/** Mints a CA with key identifiers, keyUsage and basicConstraints; `more` adds extensions. */
export function ca(
  commonName: string,
  issuer: Minted | null = null,
  more: Partial<Spec> & { pathLength?: number } = {},
): Minted {
  const key = more.key ?? ecKey();
  const { pathLength, extensions = [], ...spec } = more;
  return mint(
    {
      subject: name(commonName),
      ...spec,
      key,
      extensions: [
        ext.ca(pathLength),
        ext.keyUsage(0x06),
        ext.ski(key.id),
        ...(issuer === null ? [] : [ext.aki(issuer.key.id)]),
        ...extensions,
      ],
    },
    issuer,
  );
}

/** The name that `server` mints for and `policy` asks for. */
export const HOST = "backend.example.com";

/**
 * Mints a server's certificate that both profiles accept; `names` replaces its alternative names, `more` adds
 * extensions.
 */
export function server(
  issuer: Minted,
  more: Partial<Spec> & { names?: readonly Bytes[]; purposes?: readonly string[]; usage?: number } = {},
): Minted {
  const key = more.key ?? ecKey();
  const { names = [dns(HOST)], purposes = [SERVER_AUTH], usage = 0x80, extensions = [], ...spec } = more;
  return mint(
    {
      subject: name(HOST),
      ...spec,
      key,
      extensions: [
        ext.keyUsage(usage),
        ...(purposes.length > 0 ? [ext.eku(...purposes)] : []),
        ...(names.length > 0 ? [ext.san(...names)] : []),
        ext.ski(key.id),
        ext.aki(issuer.key.id),
        ...extensions,
      ],
    },
    issuer,
  );
}

/** The name of a distribution point relative to its CRL's issuer (RFC 5280 §4.2.1.13). */
export const relativeName = (commonName: string): Bytes => tlv(0xa0, tlv(0xa1, seq(oid("2.5.4.3"), utf8(commonName))));

/** The certificates' DER. */
export const ders = (...chain: readonly Minted[]): Bytes[] => chain.map(({ der }) => der);
