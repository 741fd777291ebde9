/** Why an end entity cannot prove in a handshake that it holds its key: for a handshake that ended on it. */
import { toRefusal } from "./presented.ts";
import type { Problem, Refusal } from "./verdict.ts";
import { parseCertificate } from "./x509/certificate.ts";
import { keyProblem } from "./x509/public-keys.ts";

/**
 * The refusal of the first certificate presented, which ring could not verify a handshake signature with: the code that
 * a verdict would give for its form or its key. It never approves: a key that nothing is said against here is still one
 * that no handshake was verified with.
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
