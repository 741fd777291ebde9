/** Refuses the end entity of a handshake whose signature could not be verified with its key. */
import { toRefusal } from "./refusal-text.ts";
import type { Problem, Refusal } from "./verdict.ts";
import { parseCertificate } from "./x509/certificate.ts";
import { keyProblem } from "./x509/public-keys.ts";

/**
 * The refusal of an end-entity certificate, as DER, after the TLS engine could not verify the handshake signature with
 * its key. The code is the one that a verdict would give for the form or key of the certificate, or
 * `unsupported-algorithm` when form and key have no fault.
 */
export function refuseEndEntity(der: Uint8Array): Refusal {
  return toRefusal({ problem: problemOf(der), position: 0 });
}

function problemOf(der: Uint8Array): Problem {
  const parsed = parseCertificate(der);
  if (parsed.kind === "malformed") {
    return { code: "malformed", expected: "a strict DER certificate (RFC 5280)", presented: parsed.why };
  }
  const expected = "a key that a handshake can be verified with";
  return (
    keyProblem(parsed.value.key, "end-entity") ?? {
      code: "unsupported-algorithm",
      expected,
      presented: "another key",
    }
  );
}
