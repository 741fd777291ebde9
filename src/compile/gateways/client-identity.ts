/** The client certificate of a Gateway towards its backends (`Gateway.spec.tls.backend`). */
import { remarksOf, warningOf } from "../references/certificate-facts.ts";
import { type Certificate, type CertificateContext, resolveCertificate } from "../references/certificates.ts";
import type { Unresolved } from "../diagnostics/conditions.ts";
import { type Diagnostics, explain, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { Gateway } from "../kubernetes/objects.ts";

/** What `Gateway.spec.tls.backend.clientCertificateRef` leads to. */
export type ClientIdentity =
  | { readonly kind: "none" }
  | { readonly kind: "certificate"; readonly certificate: Certificate }
  /** The certificate cannot be used, so the Gateway connects to no backend over TLS. */
  | { readonly kind: "refused"; readonly unresolved: Unresolved };

/** Resolves the client certificate of a Gateway. */
export function resolveIdentity(
  object: SourceObject<Gateway>,
  context: CertificateContext,
  diagnostics: Diagnostics,
): ClientIdentity {
  const ref = object.value.spec.tls?.backend?.clientCertificateRef;
  if (ref === undefined) return { kind: "none" };
  const from = { kind: "Gateway", namespace: object.ref.namespace ?? "default" } as const;
  const path = ["spec", "tls", "backend", "clientCertificateRef"];
  const result = resolveCertificate(ref, from, { path, code: "gateway-client-certificate" }, context);
  if (result.kind === "resolved") {
    const { certificate } = result;
    for (const remark of remarksOf(certificate, { to: "backends" }))
      diagnostics.report(object, warningOf(remark, path, certificate.facts));
    return { kind: "certificate", certificate };
  }
  diagnostics.report(object, result.problem);
  const reason = result.permitted ? "InvalidClientCertificateRef" : "RefNotPermitted";
  return { kind: "refused", unresolved: { reason, message: explain(object, result.problem) } };
}
