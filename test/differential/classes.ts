/**
 * Why lasthop and Go's crypto/x509 may disagree about a path: a closed list. Each class is decided by the certificates
 * of the path, as Go's parser reads them, and by nothing that lasthop says.
 */
import type { GraphCase, GraphCertificate, GraphPath } from "./case.ts";

/** Rules that lasthop has and Go has not. A path that Go accepts may be refused for each of these. */
export const STRICTER = {
  "end-entity-is-ca": "a CA's certificate serves nobody, unless it is itself the anchor",
  "end-entity-signs-certificates": "keyCertSign without cA (RFC 5280 §4.2.1.9)",
  "end-entity-constrains": "nameConstraints in an end entity (RFC 5280 §4.2.1.10)",
  "end-entity-cannot-sign":
    "keyUsage without digitalSignature, which TLS 1.3 and (EC)DHE use; Go ignores keyUsage there",
  "end-entity-any-purpose": "anyExtendedKeyUsage in an end entity, alone or beside serverAuth",
  "end-entity-p521": "P-521 is for CAs: the TLS stack verifies no such handshake",
  "version-1-anchor": "an issuer has basicConstraints; Go takes a root of version 1 without",
  "dns-constraint-with-leading-dot": "a dNSName constraint begins with a label (RFC 5280 §4.2.1.10); Go takes a dot",
  "host-constraint-below": "a URI or mailbox host constraint means that host alone; Go permits what is below it",
  "directory-constraint": "Go ignores directoryName constraints that are not critical",
  "constrained-name-syntax":
    "a name outside the preferred syntax is within no permitted subtree and outside no excluded one",
  "question-syntax":
    "a reference identifier is in the preferred syntax: labels of letters, digits and hyphens (RFC 1123 §2.1)",
  "wildcard-above-one-label": "`*.internal` matches nothing",
} as const;

/** Rules that Go has and lasthop has not. A path that Go refuses may be accepted for each of these. */
export const LOOSER = {
  "self-issued-in-path-length":
    "self-issued CAs do not count against pathLenConstraint (RFC 5280 §6.1.4 (l)); Go counts them",
  "self-issued-under-constraints":
    "self-issued CAs are exempt from name constraints (RFC 5280 §6.1.3 (b)); Go checks them",
  "folded-name": "names are the same in another case (RFC 5280 §7.1); Go compares bytes",
  "excluded-host-below": "a URI or mailbox host constraint means that host alone; Go excludes what is below it",
  "odd-name-under-others":
    "Go reads every name below any constraint; lasthop those that a constraint of their type is above",
  "critical-directory-constraint": "lasthop evaluates directoryName constraints; Go refuses critical ones",
} as const;

/** The name of a rule that only lasthop has. */
export type Stricter = keyof typeof STRICTER;
/** The name of a rule that only Go has. */
export type Looser = keyof typeof LOOSER;

/** The rules by which lasthop alone refuses a path that Go accepts. Empty: it has to accept the path too. */
export function stricter({ question }: GraphCase, path: GraphPath): Stricter[] {
  const [endEntity] = path;
  const anchor = path.at(-1);
  if (endEntity === undefined || anchor === undefined) return [];
  const direct = path.length === 1;
  const found: Record<Stricter, boolean> = {
    "end-entity-is-ca": !direct && endEntity.ca,
    "end-entity-signs-certificates": !direct && !endEntity.ca && signsCertificates(endEntity),
    "end-entity-constrains": !direct && endEntity.constraining,
    "end-entity-cannot-sign": endEntity.keyUsage !== null && (endEntity.keyUsage & 1) === 0,
    "end-entity-any-purpose": endEntity.purposes?.includes("any") ?? false,
    "end-entity-p521": endEntity.curve === "P-521",
    "version-1-anchor": !direct && anchor.version === 1,
    "dns-constraint-with-leading-dot": path
      .slice(1)
      .some(({ permitted, excluded }) =>
        [...(permitted.dns ?? []), ...(excluded.dns ?? [])].some((host) => host.startsWith(".")),
      ),
    "host-constraint-below": pairs(path).some(([above, below]) => permitsOnlyBelow(above, below)),
    "directory-constraint": pairs(path).some(([above, below]) => breaksDirectory(above, below)),
    "constrained-name-syntax": pairs(path).some(([above, below]) => hasOddName(above, below)),
    "question-syntax": question.type === "dns" && !isPreferred(question.value),
    "wildcard-above-one-label": question.type === "dns" && matchesOnlyByShortWildcard(question.value, endEntity),
  };
  return STRICTER_NAMES.filter((name) => found[name]);
}

/** The rules by which Go alone refuses a path that lasthop accepts. `refused` is what Go says to exactly this path. */
export function looser(path: GraphPath, refused: string): Looser[] {
  const cas = path.slice(1, -1);
  const found: Record<Looser, boolean> = {
    "self-issued-in-path-length": refused.includes("too many intermediates") && withinLengths(path),
    "self-issued-under-constraints":
      refused.includes("not authorized to sign for this name") && cas.some((ca) => isSelfIssued(ca) && hasNames(ca)),
    "folded-name":
      refused.includes("signed by unknown authority") &&
      path.some((below, at) => {
        const above = path[at + 1];
        return (
          above !== undefined && below.issuerDer !== above.subjectDer && folded(below.issuer) === folded(above.subject)
        );
      }),
    "excluded-host-below":
      refused.includes("not authorized to sign for this name") &&
      pairs(path).some(([above, below]) => excludesOnlyBelow(above, below)),
    "odd-name-under-others":
      /cannot parse dnsName|cannot be matched against constraints/u.test(refused) &&
      !pairs(path).some(([above, below]) => hasOddName(above, below)) &&
      path.some(({ names: { dns } }) => (dns ?? []).some((host) => !isPreferred(host.replace(/^\*\./u, "")))),
    "critical-directory-constraint":
      refused.includes("unhandled critical extension") &&
      path.some(({ permitted, excluded }) => permitted.directory?.length || excluded.directory?.length) &&
      !pairs(path).some(([above, below]) => breaksDirectory(above, below)),
  };
  return LOOSER_NAMES.filter((name) => found[name]);
}

const STRICTER_NAMES = Object.keys(STRICTER) as Stricter[];
const LOOSER_NAMES = Object.keys(LOOSER) as Looser[];

const signsCertificates = ({ keyUsage }: GraphCertificate): boolean => keyUsage !== null && (keyUsage & 32) !== 0;
const isSelfIssued = ({ subject, issuer }: GraphCertificate): boolean => folded(subject) === folded(issuer);
const folded = (name: readonly string[]): string => name.join("\n").toLowerCase();
const hasNames = ({ names: { dns, ip, mail, hosts } }: GraphCertificate): boolean =>
  [dns, ip, mail, hosts].some((each) => each !== null && each.length > 0);

/** Every certificate with each below it that is under its constraints: all but self-issued CAs. */
function pairs(path: GraphPath): (readonly [above: GraphCertificate, below: GraphCertificate])[] {
  return path.flatMap((above, at) =>
    path.slice(0, at).flatMap((below, place) => (place > 0 && isSelfIssued(below) ? [] : [[above, below] as const])),
  );
}

/** Whether a URI or mailbox is permitted by Go's reading alone: it lies below a host that is permitted by itself. */
function permitsOnlyBelow({ permitted }: GraphCertificate, { names }: GraphCertificate): boolean {
  return (
    (names.hosts ?? []).some((host) => lacksExact(permitted.uri ?? [], host, host)) ||
    (names.mail ?? []).some((mail) => lacksExact(permitted.mail ?? [], hostOf(mail), mail))
  );
}

function lacksExact(constraints: readonly string[], host: string, whole: string): boolean {
  return constraints.length > 0 && !constraints.some((constraint) => coversAlone(constraint, host, whole));
}

function excludesOnlyBelow({ excluded }: GraphCertificate, { names }: GraphCertificate): boolean {
  const below = (constraint: string, host: string): boolean =>
    !constraint.startsWith(".") && !constraint.includes("@") && host.endsWith(`.${constraint}`);
  return (
    (names.hosts ?? []).some((host) => (excluded.uri ?? []).some((constraint) => below(constraint, host))) ||
    (names.mail ?? []).some((mail) => (excluded.mail ?? []).some((constraint) => below(constraint, hostOf(mail))))
  );
}

/** Whether a constraint covers a name by RFC 5280 §4.2.1.10: a mailbox, a host alone, or, with a leading dot, a domain. */
function coversAlone(constraint: string, host: string, whole: string): boolean {
  if (constraint.includes("@")) return constraint === whole;
  return constraint.startsWith(".") ? host.endsWith(constraint) : host === constraint;
}

const hostOf = (mail: string): string => mail.slice(mail.lastIndexOf("@") + 1).toLowerCase();

function breaksDirectory({ permitted, excluded }: GraphCertificate, { subject }: GraphCertificate): boolean {
  if (subject.length === 0) return false;
  const within = (base: readonly string[]): boolean =>
    base.every((rdn, at) => rdn.toLowerCase() === subject[at]?.toLowerCase());
  const allowed = permitted.directory ?? [];
  return (allowed.length > 0 && !allowed.some(within)) || (excluded.directory ?? []).some(within);
}

/** A host name that is not in the preferred syntax, or a wildcard above one label, where some dNSName is constrained. */
function hasOddName({ permitted, excluded }: GraphCertificate, { names }: GraphCertificate): boolean {
  const constrained = (permitted.dns ?? []).length + (excluded.dns ?? []).length > 0;
  return (
    constrained && (names.dns ?? []).some((host) => !isPreferred(host.replace(/^\*\./u, "")) || isShortWildcard(host))
  );
}

/** Whether nothing but a wildcard above one label can match: `*.internal`. */
function matchesOnlyByShortWildcard(value: string, { names }: GraphCertificate): boolean {
  const name = value.toLowerCase();
  const matching = (names.dns ?? [])
    .map((host) => host.toLowerCase())
    .filter((host) => host === name || (host.startsWith("*.") && host.slice(1) === name.slice(name.indexOf("."))));
  return matching.length > 0 && matching.every(isShortWildcard);
}

/** Whether a host is in the preferred syntax (RFC 1123 §2.1). */
function isPreferred(host: string): boolean {
  return host.split(".").every((label) => /^[a-z\d](?:[a-z\d-]*[a-z\d])?$/iu.test(label));
}

function isShortWildcard(host: string): boolean {
  return host.startsWith("*.") && host.split(".").length === 2;
}

/** Whether every pathLenConstraint of the path is kept when self-issued CAs do not count. */
function withinLengths(path: GraphPath): boolean {
  return path.every(({ pathLength }, at) => {
    if (pathLength === null || at === 0) return true;
    return path.slice(1, at).filter((ca) => !isSelfIssued(ca)).length <= pathLength;
  });
}
