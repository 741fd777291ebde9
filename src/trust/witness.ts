/**
 * Asks the witness: an independent verifier (rustls-webpki) that must accept the very path that trust/ has accepted.
 * Which features of a path webpki cannot judge is a closed list, and is checked before it is asked; webpki then
 * verifies the signatures alone. Every answer of webpki but "accepted" refuses the path.
 */
import { sameBytes } from "../bundle/bytes.ts";
import { exponentCost } from "./signatures/rsa.ts";
import type { NameAbstention, PathAbstention, Problem, Testimony } from "./verdict.ts";
import type { Certificate } from "./x509/certificate.ts";
import { EXTENSION } from "./x509/extension-fields.ts";
import { type Match, parseIp } from "./x509/identity.ts";
import type { PublicKey } from "./x509/public-keys.ts";
import { PURPOSE } from "./x509/purposes.ts";

/** A reference identifier that webpki can match: a DNS name without a wildcard, or an address of 4 or 16 octets. */
type WitnessName =
  | { readonly type: "dns"; readonly value: string }
  | { readonly type: "ip"; readonly octets: Uint8Array };

/**
 * The question to the witness. `path` is DER, end entity first, anchor last: the witness may use these certificates and
 * no others.
 */
export type WitnessQuestion =
  | {
      readonly kind: "judge";
      readonly path: readonly Uint8Array[];
      readonly nowMs: number;
      /** The name to judge; null: only the path is judged. */
      readonly name: WitnessName | null;
    }
  | {
      readonly kind: "verify-signatures";
      readonly path: readonly Uint8Array[];
      /** For each certificate but the anchor: whether its signature must verify with the key of the next one. */
      readonly asked: readonly boolean[];
    };

/** The answer of the witness; `why` is for people. */
export type WitnessAnswer = { readonly kind: "accepted" } | { readonly kind: "refused"; readonly why: string };

/**
 * The witness, as `VerifierOptions.witness` takes it. A witness is synchronous, since its module is in memory, and
 * answers for every path; an exception from a witness refuses the path.
 */
export type Witness = (question: WitnessQuestion) => WitnessAnswer;

/**
 * Asks the witness about an accepted path, end entity first, anchor last. `match` is null where no name was asked
 * for.
 */
export function askWitness(
  witness: Witness,
  path: readonly Certificate[],
  match: Match | null,
  nowMs: number,
):
  | { readonly kind: "accepted"; readonly testimony: Testimony }
  | { readonly kind: "refused"; readonly problem: Problem } {
  // A caller without types may have given no witness: then no second verifier has accepted the path.
  if (typeof witness !== "function") return refuse("no witness");
  const features = pathAbstentions(path);
  const der = path.map((certificate) => certificate.der);
  if (features.length > 0) {
    const asked = path.slice(0, -1).map((certificate, index) => signedForWebpki(certificate, path[index + 1]));
    // A path of one certificate has no signature to verify: the certificate is the anchor, byte for byte.
    const answer = path.length === 1 ? ACCEPTED : witness({ kind: "verify-signatures", path: der, asked });
    return answer.kind === "accepted"
      ? { kind: "accepted", testimony: { kind: "path-abstained", features } }
      : refuse(answer.why);
  }
  const name = nameOf(match);
  const answer = witness({ kind: "judge", path: der, nowMs, name: typeof name === "string" ? null : name });
  if (answer.kind !== "accepted") return refuse(answer.why);
  const testimony: Testimony =
    typeof name === "string" ? { kind: "name-abstained", features: [name] } : { kind: "judged" };
  return { kind: "accepted", testimony };
}

const ACCEPTED: WitnessAnswer = { kind: "accepted" };

/** The problem of a path that the witness did not accept. A witness made without types may give anything as `why`. */
function refuse(why: unknown): { kind: "refused"; problem: Problem } {
  const expected = "a path that rustls-webpki accepts too";
  return { kind: "refused", problem: { code: "second-opinion", expected, presented: String(why) } };
}

/** The name that webpki is asked about, or why it is asked about none. */
function nameOf(match: Match | null): WitnessName | NameAbstention {
  if (match === null) return "no-name";
  const { reference } = match;
  switch (reference.type) {
    case "dns":
      return reference.value.startsWith("*") ? "wildcard-name" : { type: "dns", value: reference.value };
    case "ip": {
      const octets = parseIp(reference.value);
      if (octets === null) throw new Error("a reference identifier that matched can be read");
      return { type: "ip", octets };
    }
    case "uri":
      return "uri-name";
    case "rfc822":
      return "mailbox-name";
  }
}

/** The CAs between end entity and anchor that webpki accepts (its MAX_SUB_CA_COUNT). */
const MAX_CAS = 6;
const CRITICAL_POLICIES = [
  EXTENSION.certificatePolicies,
  EXTENSION.policyMappings,
  EXTENSION.policyConstraints,
  EXTENSION.inhibitAnyPolicy,
];
const CRITICAL_KEY_IDENTIFIERS = [EXTENSION.authorityKeyIdentifier, EXTENSION.subjectKeyIdentifier];

/** The features of a path that webpki would refuse or judge wrongly, although RFC 5280 allows them. */
function pathAbstentions(path: readonly Certificate[]): PathAbstention[] {
  if (path.length === 1) return ["single-certificate"];
  const found = new Set<PathAbstention>();
  // webpki uses the name, the key and the name constraints of an anchor, and judges nothing else in it.
  const judged = path.slice(0, -1);
  const intermediates = judged.slice(1);
  if (intermediates.length > MAX_CAS) found.add("many-cas");
  for (const [index, certificate] of intermediates.entries()) {
    // webpki also compares each CA with the end entity when it looks for loops, although an end entity with its CA's
    // subject and key makes none.
    if (judged.slice(0, index + 1).some((below) => hasSameKey(below, certificate))) found.add("repeated-key");
    // webpki counts self-issued CAs towards pathLenConstraint and constrains their names, against RFC 5280 §6.1.4 (l)
    // and §6.1.3 (b).
    if (certificate.selfIssued) found.add("self-issued-ca");
    if (certificate.extendedKeyUsage?.includes(PURPOSE.serverAuth) === false) found.add("any-purpose-ca");
    // webpki reads pathLenConstraint into one octet.
    if ((certificate.basicConstraints?.pathLength ?? 0) > 0xff) found.add("long-path-length");
  }
  for (const [index, certificate] of judged.entries()) {
    const issuer = path[index + 1];
    // webpki compares names octet by octet, against RFC 5280 §7.1.
    if (issuer !== undefined && !sameBytes(certificate.issuer.der, issuer.subject.der)) found.add("name-encoding");
    const unsigned = unverifiable(certificate, issuer);
    if (unsigned !== null) found.add(unsigned);
    if (CRITICAL_POLICIES.some((oid) => certificate.critical.has(oid))) found.add("critical-policy");
    if (CRITICAL_KEY_IDENTIFIERS.some((oid) => certificate.critical.has(oid))) found.add("critical-key-identifier");
    if (certificate.critical.has(EXTENSION.tlsFeature)) found.add("critical-tls-feature");
    // webpki has no time before 1970.
    if (certificate.notBeforeMs < 0) found.add("before-1970");
  }
  for (const { nameConstraints, uniqueIdentifiers } of path) {
    const constraints = [...(nameConstraints?.permitted ?? []), ...(nameConstraints?.excluded ?? [])];
    if (constraints.some(({ type }) => type !== "dns" && type !== "ip")) found.add("constraint-form");
    if (uniqueIdentifiers) found.add("unique-identifier");
  }
  return [...found].toSorted();
}

const hasSameKey = (one: Certificate, other: Certificate): boolean =>
  sameBytes(one.spki, other.spki) && sameBytes(one.subject.der, other.subject.der);

/** Why ring, which webpki verifies with, has no algorithm for a certificate's signature; null: it has one. */
function unverifiable(
  { signatureAlgorithm }: Certificate,
  issuer: Certificate | undefined,
): "p-521" | "ecdsa-sha-512" | "pss-parameters" | null {
  if (issuer?.key.kind === "ec" && issuer.key.curve === "P-521") return "p-521";
  if (signatureAlgorithm.kind === "ecdsa" && signatureAlgorithm.hash === "SHA-512") return "ecdsa-sha-512";
  return signatureAlgorithm.kind === "rsa-pss" && !signatureAlgorithm.usual ? "pss-parameters" : null;
}

/**
 * The cost of webpki's verification of a path's signatures in WebAssembly, measured, in units of one P-256
 * verification.
 */
export const witnessCost = (path: readonly Certificate[]): number =>
  path.slice(1).reduce((sum, issuer, index) => {
    const certificate = path[index];
    return certificate !== undefined && signedForWebpki(certificate, issuer) ? sum + costOf(issuer.key) : sum;
  }, 0);

function costOf(key: PublicKey): number {
  if (key.kind === "ec") return key.curve === "P-256" ? 1 : 7;
  return key.kind === "rsa" ? Math.ceil(7 * (key.bits / 8192) ** 2 * exponentCost(key.exponent)) : 1;
}

const signedForWebpki = (certificate: Certificate, issuer: Certificate | undefined): boolean =>
  unverifiable(certificate, issuer) === null;
