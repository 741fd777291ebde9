/** Reads the extensions of a certificate (RFC 5280 §4.2). Every known extension is read whole, critical or not. */
import { DerError, type DerReader, TAG } from "./der.ts";
import { EXTENSION, type Extensions, noFields } from "./extension-fields.ts";
import { READERS, type ReadingMode, isReadable } from "./extension-readers.ts";

/** The number of extensions in one certificate: PKI.js spends time on each, and no CA needs more. */
export const MAX_EXTENSIONS = 32;

/** Reads the contents of Extensions; null: the certificate has none. */
export function readExtensions(list: DerReader | null, reading: ReadingMode): Extensions {
  const fields = noFields();
  const seen = new Set<string>();
  const critical = new Set<string>();
  let unknownCritical: string | null = null;
  list?.each(() => {
    const extension = list.enter(TAG.sequence, "extension");
    const oid = extension.oid("extnID");
    // RFC 5280 §4.2: not more than one instance of a particular extension.
    if (seen.has(oid)) throw new DerError(`extension ${oid} occurs twice`);
    if (seen.add(oid).size > MAX_EXTENSIONS) throw new DerError(`more than ${MAX_EXTENSIONS} extensions`);
    const isCritical = extension.defaultFalse("critical", TAG.boolean, reading === "strict" ? "DER" : "BER");
    const value = extension.enter(TAG.octetString, "extnValue");
    extension.finish("extension");
    const reader = READERS[oid];
    if (isCritical) critical.add(oid);
    if (isCritical && !(reader?.processed ?? false)) unknownCritical ??= oid;
    if (reader === undefined) return;
    if (reading === "anchor" && reader.optionalInAnchor === true && !isReadable(value, oid, reader)) return;
    reader.read(value, fields, reading);
    value.finish(`extension ${oid}`);
  });
  // RFC 7633 §4.2.2: the TLS features of a CA restrict the certificates it issues, which is not checked here, so a
  // CA's may not be critical. Those of an end entity are checked in revocation/must-staple.ts.
  if (fields.basicConstraints?.ca === true && critical.has(EXTENSION.tlsFeature))
    unknownCritical ??= EXTENSION.tlsFeature;
  return { ...fields, critical, unknownCritical };
}
