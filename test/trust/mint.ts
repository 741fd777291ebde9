/** Mints certificates and CRLs from raw DER, so that every field can be wrong in exactly one way. */
import { type KeyObject, constants, createHash, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { type TrustPolicy, type Verdict, createVerifier } from "../../src/trust/index.ts";
import { witness } from "./witness.ts";

export const NOW = Date.UTC(2026, 5, 1, 12, 0, 0);
export const DAY = 86_400_000;

export type Bytes = Uint8Array;

export function concat(...parts: readonly Bytes[]): Bytes {
  return new Uint8Array(Buffer.concat(parts));
}

/** One DER element. */
export function tlv(tag: number, ...parts: readonly Bytes[]): Bytes {
  const body = concat(...parts);
  const length: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  const header = body.length < 0x80 ? [body.length] : [0x80 | length.length, ...length];
  return concat(Uint8Array.from([tag, ...header]), body);
}

export const seq = (...parts: readonly Bytes[]): Bytes => tlv(0x30, ...parts);
export const bytes = (...octets: readonly number[]): Bytes => Uint8Array.from(octets);
export const text = (tag: number, value: string): Bytes => tlv(tag, new Uint8Array(Buffer.from(value, "latin1")));
export const utf8 = (value: string): Bytes => tlv(0x0c, new TextEncoder().encode(value));
export const TRUE = bytes(0x01, 0x01, 0xff);

export function oid(dotted: string): Bytes {
  const arcs = dotted.split(".").map(BigInt);
  const [first = 0n, second = 0n, ...rest] = arcs;
  const octets: number[] = [];
  for (const arc of [first * 40n + second, ...rest]) {
    const digits = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) digits.unshift(0x80 | Number(left & 0x7fn));
    octets.push(...digits);
  }
  return tlv(0x06, Uint8Array.from(octets));
}

export function int(value: number | bigint): Bytes {
  let hex = BigInt(value).toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`;
  return tlv(0x02, new Uint8Array(Buffer.from(hex, "hex")));
}

export function utcTime(ms: number): Bytes {
  return text(0x17, `${new Date(ms).toISOString().slice(2, 19).replaceAll(/[-:T]/gu, "")}Z`);
}

export function generalizedTime(ms: number): Bytes {
  return text(0x18, `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:T]/gu, "")}Z`);
}

/** A Name of one CN, or of several attributes `type=value`. */
export function name(...attributes: readonly string[]): Bytes {
  return seq(
    ...attributes.map((attribute) => {
      const [type, value] = attribute.includes("=") ? attribute.split("=") : ["2.5.4.3", attribute];
      return tlv(0x31, seq(oid(type ?? ""), utf8(value ?? "")));
    }),
  );
}

export const dns = (value: string): Bytes => text(0x82, value);
export const email = (value: string): Bytes => text(0x81, value);
export const uri = (value: string): Bytes => text(0x86, value);
export const ip = (...octets: readonly number[]): Bytes => tlv(0x87, bytes(...octets));
export const dirName = (value: Bytes): Bytes => tlv(0xa4, value);

export function extension(id: string, critical: boolean, value: Bytes): Bytes {
  return critical ? seq(oid(id), TRUE, tlv(0x04, value)) : seq(oid(id), tlv(0x04, value));
}

export const ext = {
  ca: (pathLength?: number): Bytes =>
    extension("2.5.29.19", true, pathLength === undefined ? seq(TRUE) : seq(TRUE, int(pathLength))),
  notCa: (): Bytes => extension("2.5.29.19", true, seq()),
  /** Bits as in the BIT STRING, e.g. 0x80 for digitalSignature, 0x06 for keyCertSign and cRLSign. */
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

export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** How a key signs: the AlgorithmIdentifier and the operation. */
export interface Signer {
  readonly algorithm: Bytes;
  readonly sign: (data: Bytes) => Bytes;
}

export interface Key {
  readonly spki: Bytes;
  readonly signer: Signer;
  readonly id: Bytes;
}

const keyOf = (publicKey: KeyObject, signer: Signer): Key => {
  const spki = new Uint8Array(publicKey.export({ format: "der", type: "spki" }));
  return { spki, signer, id: new Uint8Array(createHash("sha256").update(spki).digest().subarray(0, 20)) };
};

const ECDSA_OIDS = {
  "SHA-256": "1.2.840.10045.4.3.2",
  "SHA-384": "1.2.840.10045.4.3.3",
  "SHA-512": "1.2.840.10045.4.3.4",
};
type Hash = keyof typeof ECDSA_OIDS;

export function ecKey(curve = "P-256", hash: Hash = "SHA-256"): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
  return keyOf(publicKey, {
    algorithm: seq(oid(ECDSA_OIDS[hash])),
    sign: (data) => new Uint8Array(sign(hash.replace("-", ""), data, privateKey)),
  });
}

export function edKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return keyOf(publicKey, {
    algorithm: seq(oid("1.3.101.112")),
    sign: (data) => new Uint8Array(sign(null, data, privateKey)),
  });
}

const RSA_OIDS: Record<string, string> = {
  SHA1: "1.2.840.113549.1.1.5",
  SHA256: "1.2.840.113549.1.1.11",
  SHA384: "1.2.840.113549.1.1.12",
  SHA512: "1.2.840.113549.1.1.13",
};

export function rsaKey(bits: number, hash = "SHA256", exponent = 65537): Key {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: bits, publicExponent: exponent });
  return keyOf(publicKey, {
    algorithm: seq(oid(RSA_OIDS[hash] ?? ""), bytes(5, 0)),
    sign: (data) => new Uint8Array(sign(hash, data, privateKey)),
  });
}

/** An RSA key that signs with PSS and SHA-256 (RFC 4055 §3.1); its hashes have NULL parameters, or none. */
export function pssKey(saltLength = 32, parameters = bytes(5, 0)): Key {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const hash = seq(oid("2.16.840.1.101.3.4.2.1"), parameters);
  const mask = seq(oid("1.2.840.113549.1.1.8"), hash);
  const salt = tlv(0xa2, int(saltLength));
  return keyOf(publicKey, {
    algorithm: seq(oid("1.2.840.113549.1.1.10"), seq(tlv(0xa0, hash), tlv(0xa1, mask), salt)),
    sign: (data) => {
      const key = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
      return new Uint8Array(sign("sha256", data, key));
    },
  });
}

/** Raw SPKI of a key that is only carried, never used. */
export function bareKey(spki: Bytes): Key {
  return { ...ecKey(), spki };
}

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
  /** Between the key and the extensions. */
  readonly uniqueIds?: Bytes;
  readonly innerAlgorithm?: Bytes;
  readonly outerAlgorithm?: Bytes;
  readonly rawExtensions?: Bytes;
  readonly tbsTail?: Bytes;
  readonly tail?: Bytes;
  readonly signature?: Bytes;
}

export interface Minted {
  readonly der: Bytes;
  readonly subject: Bytes;
  readonly key: Key;
}

let serials = 1000;

/** Signed by `issuer`, or by itself. */
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

/** A CA with key identifiers, keyUsage and basicConstraints; `more` adds extensions. */
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

export const HOST = "backend.example.com";

/** A server's certificate that both profiles accept; `names` replaces its alternative names, `more` adds extensions. */
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

export const sha256 = (data: Bytes): Bytes => new Uint8Array(createHash("sha256").update(data).digest());

/** A policy that wants `HOST` under these anchors. */
export function policy(anchors: readonly Minted[], more: Partial<TrustPolicy> = {}): TrustPolicy {
  return {
    identifiers: [{ type: "dns", value: HOST }],
    anchors: anchors.map(({ der }) => ({ der, source: "ConfigMap test/ca" })),
    profile: "private",
    spkiPins: [],
    crls: null,
    maxChainDepth: 10,
    ...more,
  };
}

export const POLICY_DIGEST = "a".repeat(64);

/** The verdict of a fresh verifier. */
export function verdictOf(
  trust: TrustPolicy,
  presented: readonly Minted[],
  nowMs = NOW,
  ocspResponse: Bytes | null = null,
): Promise<Verdict> {
  const verifier = createVerifier({ policy: POLICY_DIGEST, trust, sha256, witness });
  return verifier.verify(
    presented.map(({ der }) => der),
    nowMs,
    { ocspResponse },
  );
}

/** As `verdictOf`, with the work that was charged, in the units of `Budgets.work`. */
export async function workOf(
  trust: TrustPolicy,
  presented: readonly Bytes[],
  ocspResponse: Bytes | null = null,
): Promise<{ readonly verdict: Verdict; readonly work: number }> {
  let work = 0;
  const onWork = (units: number): void => {
    work = units;
  };
  const verifier = createVerifier({ policy: POLICY_DIGEST, trust, sha256, witness, onWork });
  return { verdict: await verifier.verify(presented, NOW, { ocspResponse }), work };
}

/** `verified`, or the refusal as `code@position`: what a table of tests compares. */
export function brief(verdict: Verdict): string {
  if (verdict.kind === "verified") return "verified";
  const { code, position, rule } = verdict.refusal;
  return `${code}@${position}${rule === undefined ? "" : ` ${rule}`}`;
}

/** The brief verdict for a chain under one anchor. */
export async function check(anchor: Minted, ...presented: readonly Minted[]): Promise<string> {
  return brief(await verdictOf(policy([anchor]), presented));
}

export const publicKeyOf = (spki: Bytes): KeyObject =>
  createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
