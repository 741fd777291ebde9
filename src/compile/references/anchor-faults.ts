/** What is said of CA certificates that cannot serve, and of those that serve in a way people may not expect. */
import { X509Certificate } from "node:crypto";
import type { AnchorJudgement, AnchorProblem, PemProblem } from "../../trust/index.ts";
import type { Diagnostics, Note, Problem } from "../diagnostics/diagnostics.ts";

export interface AnchorSource {
  /** For people: `ConfigMap team/ca`. */
  readonly name: string;
  /** SHA-256 of each certificate's DER, sorted, each once. */
  readonly anchors: readonly string[];
  /** Base64 DER by that. */
  readonly certificates: ReadonlyMap<string, string>;
  /** The object, and the text in it; null: no object of the inputs. */
  readonly place: Note | null;
  /** What of the object is no anchor, in its order: the others are trusted all the same. */
  readonly leftOut: readonly LeftOut[];
  /** Of each anchor, in the object's order; empty for the well-known set. */
  readonly facts: readonly AnchorFacts[];
}

/** A certificate, or what looks like one, that is no anchor. */
export interface LeftOut extends AnchorProblem {
  /** `certificate 2 of 3`. */
  readonly where: string;
  /** Of its BEGIN line in the text, from 1. */
  readonly line: number;
  /** Printable; null where nothing can be read. */
  readonly subject: string | null;
}

/** Of a certificate that is an anchor. */
export type AnchorFacts = Pick<LeftOut, "where" | "line" | "subject"> & Extract<AnchorJudgement, { kind: "usable" }>;

/** What the fault of a block, rather than of a certificate, is held against. */
const PEM = "certificates in PEM";

export function faultOf({ line, position, message, der }: PemProblem, blocks: number): LeftOut {
  const where = position === null ? `line ${line}` : `certificate ${position} of ${blocks}`;
  const subject = der === null ? null : subjectOf(der);
  return { where, line, subject, code: "malformed", expected: PEM, found: message };
}

/** Warnings about an object that policies or listeners take CA certificates from, at their lines. */
export function reportAnchors({ name, place, leftOut, facts }: AnchorSource, diagnostics: Diagnostics): void {
  if (place === null) return;
  const warn = (line: number, problem: Omit<Problem, "path">): void =>
    diagnostics.report(place.object, { severity: "warning", path: place.path, line, ...problem });
  for (const fault of leftOut) {
    const { where, line, subject, code, expected, found } = fault;
    warn(line, {
      code: "ca-certificate-unusable",
      message: `${where} of ${name} cannot be a trust anchor (${code}), and is left out; the others stay trusted`,
      expected,
      found: subject === null ? found : `${found}, of ${subject}`,
      remedy: remedyFor(fault),
    });
  }
  for (const { where, line, subject, oddity, as, selfIssued } of facts) {
    if (oddity !== null)
      warn(line, {
        code: "ca-certificate-form",
        message: `${where} of ${name} is not strict DER; it is trusted all the same, for this decides nothing of an anchor`,
        expected: "a certificate of RFC 5280 in DER",
        found: `${oddity}, of ${subject}`,
        remedy: "none is needed; a certificate of this CA issued anew would be strict DER",
      });
    // A server's own certificate is documented as an anchor when it is self-signed; another's is mostly a mistake.
    if (as === "end-entity" && !selfIssued)
      warn(line, {
        code: "ca-certificate-end-entity",
        message: `${where} of ${name} is no CA: only a backend that presents exactly this certificate is trusted`,
        expected: "the certificate of the CA that issued the backends' certificates",
        found: `${subject}`,
        remedy: "put in the issuing CA's certificate, so that a renewed certificate is trusted too",
      });
  }
}

/** For a condition: what of the sources is not trusted; empty: nothing. */
export function describeLeftOut(sources: readonly AnchorSource[]): string {
  const partial = sources.filter(({ leftOut }) => leftOut.length > 0);
  return partial.map(({ name, leftOut }) => `left out of ${name}: ${limited(leftOut.map(describeFault))}`).join("; ");
}

/** `line 12, certificate 2 of 3, CN=old: weak-key: expected …, found …`. */
export function describeFault({ where, line, subject, code, expected, found }: LeftOut): string {
  const place = where.startsWith("line") ? where : `line ${line}, ${where}`;
  const owner = subject === null ? "" : `, ${subject}`;
  // A fault of the PEM says by itself what was expected.
  const reason = expected === PEM ? found : `${code}: expected ${expected}, found ${found}`;
  return `${place}${owner}: ${reason}`;
}

const MAX_NAMED = 4;

/** The first few of a list, and how many more there are. */
export function limited(all: readonly string[]): string {
  const rest = all.length - MAX_NAMED;
  return `${all.slice(0, MAX_NAMED).join("; ")}${rest > 0 ? `; and ${rest} ${rest === 1 ? "other" : "others"}` : ""}`;
}

export function remedyFor({ code, expected }: LeftOut): string {
  if (expected === PEM) return "correct or remove the block";
  return REMEDIES[code] ?? "put in another CA's certificate, or remove it";
}

const NEW_KEY = "have the CA issued with an RSA key of 2048 bits or more, P-256 or P-384, or remove it";
const REMEDIES: Readonly<Partial<Record<LeftOut["code"], string>>> = {
  "weak-key": NEW_KEY,
  "unsupported-algorithm": NEW_KEY,
  "not-a-ca":
    "put in the certificate of the CA that issued the backends' certificates, of version 3 with basicConstraints cA and keyCertSign",
  "wrong-usage": "put in a CA whose extKeyUsage allows this, or that has none",
  malformed: "have the CA's certificate issued anew, or remove it",
};

const MAX_SUBJECT = 160;

/** A subject as people read it, on one line, or the alternative names: they come from whoever made the certificate. */
export function subjectOf(der: Uint8Array): string | null {
  let text: string;
  try {
    // Node.js has no subject where it is empty, whatever its types say.
    const { subject, subjectAltName = "" }: { subject?: string; subjectAltName?: string | undefined } =
      new X509Certificate(der);
    text = subject === undefined || subject === "" ? subjectAltName : subject;
  } catch {
    return null; // Not even OpenSSL can read it: there is no subject to name.
  }
  const line = text.replaceAll("\n", ", ").replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\uFFFD");
  if (line === "") return "an empty subject";
  return line.length > MAX_SUBJECT ? `${line.slice(0, MAX_SUBJECT)}…` : line;
}
