/** Facts about certificates that the gateway presents, and what clients or backends may refuse them for. */
import type { X509Certificate } from "node:crypto";
import { subjectOf } from "./anchor-faults.ts";
import type { FieldPath, Note, Problem } from "../diagnostics/diagnostics.ts";
import { brokenChain, type Remark, wrongHostname, wrongUsage } from "./problems.ts";

/** The facts about one certificate of a chain. */
export interface ChainFact {
  /** `certificate 1 of 2`. */
  readonly where: string;
  readonly subject: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The facts about a chain; none of them is put into the bundle. */
export interface CertificateFacts {
  /** The field that holds the chain. */
  readonly place: Note;
  /** The certificates of the chain in the order of the Secret. */
  readonly chain: readonly ChainFact[];
  /** DNS names of the first certificate, in lower case. */
  readonly names: readonly string[];
  /** OIDs of the first certificate's extKeyUsage; null: any purpose. */
  readonly purposes: readonly string[] | null;
  /** The first certificate, from 1, that is not followed by its issuer; null: each one is. */
  readonly brokenAt: number | null;
}

/** Facts about a chain, the certificate of the key first. */
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
    names: dnsNamesOf(first?.subjectAltName ?? ""),
    purposes: first?.keyUsage ?? null,
    brokenAt: at < 0 ? null : at + 1,
  };
}

/** DNS names in the text in which Node.js lists alternative names; it quotes a name that could be mistaken for two. */
const dnsNamesOf = (text: string): string[] =>
  [...text.matchAll(/(?:^|, )DNS:("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(([, name = ""]) => name.toLowerCase());

/** The peers that a certificate is presented to. */
export type Presented =
  /**
   * Clients; `hostname` is the listener's, in lower case; null: every host, so that every certificate has a right name.
   */
  { readonly to: "clients"; readonly hostname: string | null } | { readonly to: "backends" };

/**
 * Reasons for which the peers that a certificate is presented to may refuse the certificate: for a warning, and for the
 * listener's condition.
 */
export function remarksOf(
  { entry: { source }, facts }: { readonly entry: { readonly source: string }; readonly facts: CertificateFacts },
  presented: Presented,
): Remark[] {
  const { names, purposes, brokenAt, chain } = facts;
  const remarks: Remark[] = [];
  if (presented.to === "clients" && presented.hostname !== null && !areNamesOf(names, presented.hostname))
    remarks.push(wrongHostname(source, presented.hostname, names));
  const [purpose, usage] =
    presented.to === "clients" ? ([SERVER_AUTH, "serverAuth"] as const) : ([CLIENT_AUTH, "clientAuth"] as const);
  if (purposes !== null && purposes.length > 0 && !purposes.includes(purpose))
    remarks.push(wrongUsage(source, { usage, to: presented.to }, purposes));
  if (brokenAt !== null) {
    const subjects = chain.map(({ subject }) => subject);
    remarks.push(brokenChain(source, brokenAt, subjects));
  }
  return remarks;
}

/** A warning from a remark, at the reference to the certificate. */
export const warningOf = (remark: Remark, path: FieldPath, { place }: CertificateFacts): Problem => ({
  severity: "warning",
  path,
  note: place,
  ...remark,
});

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/**
 * Whether a certificate with these names serves a host of the listener. RFC 9525 §6.3: a wildcard stands for one label. The
 * certificate for a listener's own wildcard may have the same wildcard, or any name below it.
 */
function areNamesOf(names: readonly string[], hostname: string): boolean {
  if (hostname.startsWith("*.")) return names.some((name) => name.endsWith(hostname.slice(1)));
  const parent = hostname.slice(hostname.indexOf("."));
  return names.some((name) => name === hostname || name === `*${parent}`);
}
