/** CA certificates of an object that cannot be trust anchors, or that are anchors in an unexpected way. */
import { X509Certificate } from "node:crypto";
import type { PemProblem } from "../../trust/index.ts";
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { AnchorSource, UnusableAnchor } from "./anchor-source.ts";
import { endEntityAnchor, oddAnchor, type TextProblem, unusableAnchor } from "./problems.ts";

/** The text of `expected` for a block that holds no readable certificate. */
const PEM = "certificates in PEM";

/** A block of PEM that holds no readable certificate, of `blocks` in the text. */
export function unreadableBlock({ line, position, message, der }: PemProblem, blocks: number): UnusableAnchor {
  const where = position === null ? `line ${line}` : `certificate ${position} of ${blocks}`;
  const subject = der === null ? null : subjectOf(der);
  return { where, line, subject, code: "malformed", expected: PEM, found: message };
}

/** Warnings about the certificates of an object from which policies or listeners take trust anchors. */
export function reportAnchors({ name, place, unusable, facts }: AnchorSource, diagnostics: Diagnostics): void {
  if (place === null) return;
  const report = (problem: TextProblem): void => diagnostics.report(place.object, { path: place.path, ...problem });
  for (const anchor of unusable) report(unusableAnchor(name, anchor, anchorRemedy(anchor)));
  for (const anchor of facts) {
    if (anchor.oddity !== null) report(oddAnchor(name, anchor));
    // A self-signed server certificate is a documented kind of anchor; one that another CA issued is mostly a mistake.
    if (anchor.as === "end-entity" && !anchor.selfIssued) report(endEntityAnchor(name, anchor));
  }
}

/** Text for a condition: the certificates of the sources that are not trusted. Empty: every one is trusted. */
export function describeUnusable(sources: readonly AnchorSource[]): string {
  const partial = sources.filter(({ unusable }) => unusable.length > 0);
  return partial
    .map(({ name, unusable }) => `left out of ${name}: ${firstFew(unusable.map(describeAnchor))}`)
    .join("; ");
}

/** `line 12, certificate 2 of 3, CN=old: weak-key: expected …, found …`. */
export function describeAnchor({ where, line, subject, code, expected, found }: UnusableAnchor): string {
  const place = where.startsWith("line") ? where : `line ${line}, ${where}`;
  const owner = subject === null ? "" : `, ${subject}`;
  // The text about an unreadable block says by itself what was expected.
  const reason = expected === PEM ? found : `${code}: expected ${expected}, found ${found}`;
  return `${place}${owner}: ${reason}`;
}

const MAX_NAMED = 4;

/** The first 4 items of a list, and how many more there are: `a; b; c; d; and 2 others`. */
export function firstFew(all: readonly string[]): string {
  const rest = all.length - MAX_NAMED;
  return `${all.slice(0, MAX_NAMED).join("; ")}${rest > 0 ? `; and ${rest} ${rest === 1 ? "other" : "others"}` : ""}`;
}

/** The remedy for a certificate that cannot be a trust anchor. */
export function anchorRemedy({ code, expected }: UnusableAnchor): string {
  if (expected === PEM) return "correct or remove the block";
  return REMEDIES[code] ?? "put in another CA's certificate, or remove it";
}

const NEW_KEY = "have the CA issued with an RSA key of 2048 bits or more, P-256 or P-384, or remove it";
const REMEDIES: Readonly<Partial<Record<UnusableAnchor["code"], string>>> = {
  "weak-key": NEW_KEY,
  "unsupported-algorithm": NEW_KEY,
  "not-a-ca":
    "put in the certificate of the CA that issued the backends' certificates, of version 3 with basicConstraints cA and keyCertSign",
  "wrong-usage": "put in a CA whose extKeyUsage allows this, or that has none",
  malformed: "have the CA's certificate issued anew, or remove it",
};

const MAX_SUBJECT = 160;

/**
 * A certificate's subject, or its alternative names where the subject is empty, on one line of at most 160 characters
 * that are safe to print, because the certificate may come from an untrusted author. Null: OpenSSL cannot read the
 * certificate.
 */
export function subjectOf(der: Uint8Array): string | null {
  let text: string;
  try {
    // Node gives undefined for an empty subject, contrary to its types.
    const { subject, subjectAltName = "" }: { subject?: string; subjectAltName?: string | undefined } =
      new X509Certificate(der);
    text = subject === undefined || subject === "" ? subjectAltName : subject;
  } catch {
    return null; // OpenSSL cannot read it, so there is no subject to name.
  }
  const line = text.replaceAll("\n", ", ").replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\uFFFD");
  if (line === "") return "an empty subject";
  return line.length > MAX_SUBJECT ? `${line.slice(0, MAX_SUBJECT)}…` : line;
}
