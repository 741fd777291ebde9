/** Problems of certificates that are not valid now, one constructor for each. */
import type { FieldPath, Problem } from "../diagnostics/diagnostics.ts";
import type { AnchorFacts } from "../references/anchor-source.ts";
import type { ChainFact, Presented } from "../references/certificate-facts.ts";
import type { Certificate } from "../references/certificates.ts";
import type { TextProblem } from "../references/problems.ts";

/** Why a certificate is not valid now. */
export interface DateFault {
  readonly code: "certificate-expired" | "certificate-not-yet-valid";
  /** Part of a message: `has expired`. */
  readonly what: string;
  /** `notAfter 2026-01-01T00:00:00Z`. */
  readonly date: string;
}

/** A certificate of a chain that the gateway presents. */
export const presentedInvalid = (
  { entry, facts }: Certificate,
  { where, subject }: ChainFact,
  { code, what, date }: DateFault,
  { path, to }: { readonly path: FieldPath; readonly to: Presented["to"] },
): Problem => ({
  severity: "warning",
  code,
  path,
  message: `${where} of ${entry.source} ${what}; it is presented all the same, and ${to} refuse it`,
  expected: "a certificate that is valid now",
  found: `${date}, of ${subject}`,
  remedy: "put the renewed certificate into the Secret",
  note: facts.place,
});

/** A trust anchor. `others` ends the message: what is known of the other anchors of the source. */
export const anchorInvalid = (
  source: string,
  { where, line, subject }: AnchorFacts,
  { code, what, date }: DateFault,
  others: string,
): TextProblem => ({
  severity: "warning",
  code,
  line,
  message: `${where} of ${source} ${what}, so no chain is verified with it${others}`,
  expected: "a CA certificate that is valid now",
  found: `${date}, of ${subject}`,
  remedy:
    code === "certificate-expired"
      ? "put in the CA's renewed certificate, or remove it"
      : "wait, put in the CA's current certificate, or correct this machine's clock",
});
