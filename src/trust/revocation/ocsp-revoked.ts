/**
 * Whether a stapled OCSP response (RFC 6960) says `revoked`. This status is believed without a signature, because the
 * backend itself presents it, and the response is read leniently. Where `good` is needed, ocsp-response.ts reads the
 * response and must-staple.ts checks it.
 */
import { sameBytes } from "../../bundle/bytes.ts";
import { type Parsed, parsing } from "../x509/certificate.ts";
import { DerReader, TAG, context } from "../x509/der.ts";
import { readTime } from "../x509/time.ts";
import { OCSP_BASIC } from "./ocsp-response.ts";

/** responseStatus `successful` (§4.2.1). A response with another status contains no certificate status. */
const SUCCESSFUL = 0;

/** Whether the response says `revoked` for this serial number, whoever the issuer is. */
export function parseOcspRevoked(response: Uint8Array, serial: Uint8Array): Parsed<boolean> {
  return parsing(() => {
    const file = new DerReader(response);
    const outer = file.enter(TAG.sequence, "OCSPResponse");
    file.finish("OCSPResponse");
    const status = outer.smallInteger("responseStatus", TAG.enumerated);
    const field = outer.optional(context(0, true), "responseBytes");
    outer.finish("OCSPResponse");
    if (status !== SUCCESSFUL || field === null) return false;
    const bytes = field.enter(TAG.sequence, "responseBytes");
    field.finish("responseBytes");
    const type = bytes.oid("responseType");
    const body = bytes.enter(TAG.octetString, "response");
    bytes.finish("responseBytes");
    return type === OCSP_BASIC && isRevoked(body, serial);
  });
}

function isRevoked(body: DerReader, serial: Uint8Array): boolean {
  const basic = body.enter(TAG.sequence, "BasicOCSPResponse");
  body.finish("BasicOCSPResponse");
  const data = basic.enter(TAG.sequence, "tbsResponseData");
  data.optional(context(0, true), "version");
  data.next("responderID");
  readTime(data, "producedAt");
  const responses = data.enter(TAG.sequence, "responses");
  let revoked = false;
  while (!responses.empty) {
    const single = responses.enter(TAG.sequence, "SingleResponse");
    const id = single.enter(TAG.sequence, "certID");
    id.expect(TAG.sequence, "hashAlgorithm");
    id.expect(TAG.octetString, "issuerNameHash");
    id.expect(TAG.octetString, "issuerKeyHash");
    const named = sameBytes(id.integer("serialNumber"), serial);
    id.finish("certID");
    // certStatus: good [0], revoked [1], unknown [2].
    const status = single.next("certStatus");
    if (named && (status.tag & 0x1f) === 1) revoked = true;
  }
  return revoked;
}
