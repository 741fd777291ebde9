/** What is said of certificates that the gateway presents: they serve as they are, and a client may refuse them. */
import type { X509Certificate } from "node:crypto";
import { subjectOf } from "./anchor-faults.ts";
import type { FieldPath, Note, Problem } from "../diagnostics/diagnostics.ts";

/** Of one certificate of a chain. */
export interface ChainFact {
  /** `certificate 1 of 2`. */
  readonly where: string;
  readonly subject: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface CertificateFacts {
  /** Where the chain stands. */
  readonly place: Note;
  /** As in the Secret. */
  readonly chain: readonly ChainFact[];
  /** The DNS names of the first, in lower case. */
  readonly names: readonly string[];
  /** extKeyUsage of the first; null: for any purpose. */
  readonly purposes: readonly string[] | null;
  /** The first that the next one has not issued, from 1; null: each has. */
  readonly broken: number | null;
}

export function readFacts(certificates: readonly X509Certificate[], place: Note): CertificateFacts {
  const [first] = certificates;
  const at = certificates.findIndex((own, index) => {
    const issuer = certificates[index + 1];
    return issuer !== undefined && !own.checkIssued(issuer);
  });
  return {
    place,
    chain: certificates.map(({ raw, validFromDate, validToDate }, index) => ({
      where: `certificate ${index + 1} of ${certificates.length}`,
      subject: subjectOf(raw) ?? "an unreadable subject",
      notBeforeMs: validFromDate.getTime(),
      notAfterMs: validToDate.getTime(),
    })),
    names: namesOf(first?.subjectAltName ?? ""),
    purposes: first?.keyUsage ?? null,
    broken: at < 0 ? null : at + 1,
  };
}

/** Node.js lists alternative names as text, and quotes what could be mistaken for two. */
const namesOf = (text: string): string[] =>
  [...text.matchAll(/(?:^|, )DNS:("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(([, name = ""]) => name.toLowerCase());

/** What a certificate is presented for. */
export type Presented =
  /** `hostname` in lower case; null: every host, which nothing can be held against. */
  { readonly to: "clients"; readonly hostname: string | null } | { readonly to: "backends" };

/** One sentence each: the condition has them, and warnings are made of them. */
export function remarksOf(
  { entry: { source }, facts }: { readonly entry: { readonly source: string }; readonly facts: CertificateFacts },
  presented: Presented,
): Remark[] {
  const { names, purposes, broken } = facts;
  const remarks: Remark[] = [];
  if (presented.to === "clients" && presented.hostname !== null && !covers(names, presented.hostname))
    remarks.push({
      code: "certificate-hostname",
      message: `the certificate of ${source} does not name the listener's hostname ${presented.hostname}`,
      expected: presented.hostname,
      found:
        names.length === 0
          ? "no DNS name"
          : `${names.slice(0, MAX_NAMES).join(", ")}${names.length > MAX_NAMES ? ", …" : ""}`,
      remedy: "issue the certificate with the name, or correct certificateRefs",
    });
  const [purpose, word] = presented.to === "clients" ? [SERVER_AUTH, "serverAuth"] : [CLIENT_AUTH, "clientAuth"];
  if (purposes !== null && purposes.length > 0 && !purposes.includes(purpose))
    remarks.push({
      code: "certificate-usage",
      message: `the certificate of ${source} is not issued for ${word}, so ${presented.to} refuse it`,
      expected: `extKeyUsage with ${word}, or none`,
      found: purposes.slice(0, MAX_NAMES).join(", "),
      remedy: `issue it with ${word}`,
    });
  if (broken !== null)
    remarks.push({
      code: "certificate-chain",
      message: `in tls.crt of ${source} certificate ${broken + 1} did not issue certificate ${broken}`,
      expected: "each certificate followed by the one that issued it",
      found: facts.chain
        .map(({ subject }) => subject)
        .slice(0, MAX_NAMES)
        .join("; "),
      remedy: "put them in order, and leave out what does not belong to the chain",
    });
  return remarks;
}

type Remark = Pick<Problem, "code" | "message" | "remedy"> & { readonly expected: string; readonly found: string };

export const warningOf = (remark: Remark, path: FieldPath, { place }: CertificateFacts): Problem => ({
  severity: "warning",
  path,
  note: place,
  ...remark,
});

const MAX_NAMES = 8;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/**
 * Whether a certificate serves a host of the listener. RFC 9525 §6.3: a presented wildcard stands for one label. A listener's
 * own wildcard is served by the same wildcard, and by any name below it.
 */
function covers(names: readonly string[], hostname: string): boolean {
  if (hostname.startsWith("*.")) return names.some((name) => name.endsWith(hostname.slice(1)));
  const parent = hostname.slice(hostname.indexOf("."));
  return names.some((name) => name === hostname || name === `*${parent}`);
}
