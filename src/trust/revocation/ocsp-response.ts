/** Reads an OCSP response whole and strictly (RFC 6960 §4.2.1), where a response that says `good` is needed. */
import { type Parsed, parsing } from "../x509/certificate.ts";
import { DerError, DerReader, TAG, context } from "../x509/der.ts";
import { type DistinguishedName, readName } from "../x509/distinguished-names.ts";
import { type SignatureAlgorithm, readSignatureAlgorithm } from "../x509/signature-algorithms.ts";
import { readTime } from "../x509/time.ts";

/** A successful response of the basic type. Its signature is not yet verified. */
export interface OcspResponse {
  /** The tbsResponseData, which the responder signed. */
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly responder:
    | { readonly kind: "name"; readonly name: DistinguishedName }
    /** SHA-1 of the bits of the responder's subjectPublicKey. */
    | { readonly kind: "key"; readonly sha1: Uint8Array };
  readonly answers: readonly OcspAnswer[];
  /** Certificates of the responder, DER, not yet read. */
  readonly certificates: readonly Uint8Array[];
}

/**
 * A SingleResponse: the status of one certificate. Times are in ms since the epoch; `nextUpdateMs` is null when
 * absent.
 */
export interface OcspAnswer {
  readonly hashAlgorithm: string;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  readonly serial: Uint8Array;
  readonly status: "good" | "revoked" | "unknown";
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number | null;
}

/** id-pkix-ocsp-basic (§4.2.1). */
export const OCSP_BASIC = "1.3.6.1.5.5.7.48.1.1";
const STATUSES = { 0x80: "good", 0xa1: "revoked", 0x82: "unknown" } as const;

/** Reads a successful response of the basic type. Every other response contains no status and is malformed here. */
export function parseOcspResponse(der: Uint8Array): Parsed<OcspResponse> {
  return parsing(() => {
    const file = new DerReader(der.slice());
    const outer = file.enter(TAG.sequence, "OCSPResponse");
    file.finish("OCSPResponse");
    const status = outer.smallInteger("responseStatus", TAG.enumerated);
    if (status !== 0) throw new DerError(`responseStatus is ${status}, not successful`);
    const field = outer.enter(context(0, true), "responseBytes");
    outer.finish("OCSPResponse");
    const bytes = field.enter(TAG.sequence, "responseBytes");
    field.finish("responseBytes");
    const type = bytes.oid("responseType");
    if (type !== OCSP_BASIC) throw new DerError(`responseType is ${type}, not basic`);
    const body = bytes.enter(TAG.octetString, "response");
    bytes.finish("responseBytes");
    return readBasic(body);
  });
}

function readBasic(body: DerReader): OcspResponse {
  const what = "BasicOCSPResponse";
  const basic = body.enter(TAG.sequence, what);
  body.finish(what);
  const data = basic.expect(TAG.sequence, "tbsResponseData");
  const algorithm = basic.enter(TAG.sequence, "signatureAlgorithm");
  const signature = basic.octetBits("signature");
  const field = basic.optional(context(0, true), "certs");
  basic.finish(what);
  const certificates: Uint8Array[] = [];
  const list = field?.enter(TAG.sequence, "certs");
  field?.finish("certs");
  list?.each(() => certificates.push(list.whole(list.expect(TAG.sequence, "certs"))));
  return {
    ...readData(new DerReader(basic.bytes, data.content, data.end)),
    tbs: basic.whole(data),
    signatureAlgorithm: readSignatureAlgorithm(algorithm),
    signature,
    certificates,
  };
}

function readData(data: DerReader): Pick<OcspResponse, "responder" | "answers"> {
  const version = data.optional(context(0, true), "version");
  // §4.2.2.3: version 1 is the only one, and the default, which DER leaves out.
  if (version !== null && version.smallInteger("version") !== 0) throw new DerError("version is not 1");
  const responder = readResponder(data);
  readTime(data, "producedAt");
  const list = data.enter(TAG.sequence, "responses");
  const answers: OcspAnswer[] = [];
  while (!list.empty) answers.push(readAnswer(list));
  refuseCriticalExtensions(data, "responseExtensions");
  data.finish("tbsResponseData");
  return { responder, answers };
}

function readResponder(data: DerReader): OcspResponse["responder"] {
  const byKey = data.optional(context(2, true), "responderID");
  if (byKey !== null) {
    const sha1 = byKey.contents(byKey.expect(TAG.octetString, "responderID"));
    byKey.finish("responderID");
    return { kind: "key", sha1 };
  }
  const byName = data.enter(context(1, true), "responderID");
  const name = readName(byName, "responderID");
  byName.finish("responderID");
  return { kind: "name", name };
}

function readAnswer(list: DerReader): OcspAnswer {
  const single = list.enter(TAG.sequence, "SingleResponse");
  const id = single.enter(TAG.sequence, "certID");
  const algorithm = id.enter(TAG.sequence, "hashAlgorithm");
  const hashAlgorithm = algorithm.oid("hashAlgorithm");
  if (algorithm.peek() === TAG.null) algorithm.next("hashAlgorithm");
  algorithm.finish("hashAlgorithm");
  const issuerNameHash = id.contents(id.expect(TAG.octetString, "issuerNameHash"));
  const issuerKeyHash = id.contents(id.expect(TAG.octetString, "issuerKeyHash"));
  const serial = id.integer("serialNumber");
  id.finish("certID");
  const status = readStatus(single);
  const thisUpdateMs = readTime(single, "thisUpdate").ms;
  const next = single.optional(context(0, true), "nextUpdate");
  const nextUpdateMs = next === null ? null : readTime(next, "nextUpdate").ms;
  next?.finish("nextUpdate");
  refuseCriticalExtensions(single, "singleExtensions");
  single.finish("SingleResponse");
  return { hashAlgorithm, issuerNameHash, issuerKeyHash, serial, status, thisUpdateMs, nextUpdateMs };
}

function readStatus(single: DerReader): OcspAnswer["status"] {
  const { tag } = single.next("certStatus");
  if (tag !== 0x80 && tag !== 0xa1 && tag !== 0x82) throw new DerError(`certStatus has tag 0x${tag.toString(16)}`);
  return STATUSES[tag];
}

/** Refuses critical extensions (§4.4): no extension is processed here. */
function refuseCriticalExtensions(reader: DerReader, what: string): void {
  const field = reader.optional(context(1, true), what);
  const list = field?.enter(TAG.sequence, what);
  field?.finish(what);
  list?.each(() => {
    const extension = list.enter(TAG.sequence, what);
    const oid = extension.oid(what);
    if (extension.defaultFalse(what)) throw new DerError(`critical extension ${oid} is not supported`);
    extension.expect(TAG.octetString, what);
    extension.finish(what);
  });
}
