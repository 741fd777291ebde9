/** Results of the readers of trust/. */
import { type Certificate, parseCertificate, parsing } from "../../src/trust/x509/certificate.ts";
import { DerReader, TAG } from "../../src/trust/x509/der.ts";
import type { Bytes } from "./der.ts";
import { HOST, type Spec, ca, dns, ext, mint } from "./certificates.ts";

const root = ca("root");
const SAN = ext.san(dns(HOST));

/** The parsed certificate that `spec` describes, issued by a root with a dNSName unless it says otherwise; or why it is none. */
export function parsed(spec: Spec): Certificate | string {
  const answer = parseCertificate(mint({ extensions: [SAN], ...spec }, root).der);
  return answer.kind === "parsed" ? answer.value : answer.why;
}

/** Why the certificate that `spec` describes does not parse; `parsed` when it does. */
export function whyNotParsed(spec: Spec): string {
  const answer = parsed(spec);
  return typeof answer === "string" ? answer : "parsed";
}

/** What `read` reads, or why it cannot. */
export function valueOrWhy<T>(read: () => T): T | string {
  const answer = parsing(read);
  return answer.kind === "parsed" ? answer.value : answer.why;
}

/** A reader of the contents of a SEQUENCE. */
export const inside = (sequence: Bytes): DerReader => new DerReader(sequence).enter(TAG.sequence, "test");
