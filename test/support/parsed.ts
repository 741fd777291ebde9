/** A minted certificate as the parser answers it. */
import { type Certificate, parseCertificate } from "../../src/trust/x509/certificate.ts";
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
