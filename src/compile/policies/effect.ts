/** What one BackendTLSPolicy means on the wire, or why it is refused (`BackendTLSPolicyValidation`). */
import { fromBase64 } from "../../bundle/bytes.ts";
import type { BundlePolicy, ConfigCode, ReferenceIdentifier, Sha256Hex } from "../../bundle/types.ts";
import { type AnchorSource, reportAnchors } from "../references/anchor-faults.ts";
import { anchorKind, noAnchorKind, noAnchors, readAnchors, wellKnownAnchors } from "../references/anchors.ts";
import type { PolicyReason, UnresolvedReason } from "../diagnostics/conditions.ts";
import type { CrlSource } from "../references/crls.ts";
import {
  compareStrings,
  type Diagnostics,
  explain,
  type Problem,
  show,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import { digestJson } from "../digest.ts";
import { isIpAddress } from "../kubernetes/hostnames.ts";
import type { Cluster } from "../load/load.ts";
import type { BackendTLSPolicy } from "../kubernetes/objects.ts";
import { judgeCrls } from "./crls.ts";
import { parseOptions } from "./options.ts";

export type PolicyEffect =
  | {
      readonly kind: "enforced";
      readonly digest: Sha256Hex;
      readonly policy: BundlePolicy;
      readonly anchors: readonly Sha256Hex[];
      readonly sources: readonly AnchorSource[];
      /** Of its CRLs; empty: it has none. */
      readonly crls: readonly CrlSource[];
    }
  | { readonly kind: "refused"; readonly code: ConfigCode; readonly reason: PolicyReason; readonly message: string };

export interface Unresolved {
  readonly reason: UnresolvedReason;
  readonly message: string;
}

export interface Judged {
  readonly effect: PolicyEffect;
  /** References that are not resolved; null: all are. A policy with one good CA of two is enforced all the same. */
  readonly unresolved: Unresolved | null;
}

export function judgePolicy(
  object: SourceObject<BackendTLSPolicy>,
  cluster: Cluster,
  diagnostics: Diagnostics,
): Judged {
  const { validation, options: given = {} } = object.value.spec;
  const { options, problems } = parseOptions(given);
  problems.unshift(...judgeNames(validation));
  for (const problem of problems) diagnostics.report(object, problem);
  const unresolved: Unresolved[] = [];
  const cas = judgeCertificates(object, cluster, diagnostics);
  if (cas.unresolved !== null) unresolved.push(cas.unresolved);
  const anchors = cas.sources.flatMap((source) => [...source.certificates.values()].map(fromBase64));
  const crls = options.crlRefs === null ? null : judgeCrls(object, options.crlRefs, anchors, cluster, diagnostics);
  const crlFault = crls?.fault ?? null;
  if (crlFault !== null) unresolved.push({ reason: "InvalidCRLRef", message: crlFault });
  const [first = null] = unresolved;

  const [problem] = problems;
  if (problem !== undefined) {
    return {
      effect: { kind: "refused", code: codeOf(problem), reason: "Invalid", message: explain(object, problem) },
      unresolved: first,
    };
  }
  // "If ALL CACertificateRefs are invalid, … Accepted … False, with a Reason NoValidCACertificate."
  if (cas.refused !== null) return { effect: cas.refused, unresolved: first };
  if (crlFault !== null) {
    return {
      effect: { kind: "refused", code: "policy-option", reason: "Invalid", message: crlFault },
      unresolved: first,
    };
  }
  const ids = [...new Set(cas.sources.flatMap((source) => source.anchors))].sort(compareStrings);
  const policy: BundlePolicy = {
    sni: validation.hostname.toLowerCase(),
    identifiers: identifiers(validation),
    anchorSet: digestJson(ids),
    minTlsVersion: options.minTlsVersion,
    maxTlsVersion: options.maxTlsVersion,
    alpn: options.alpn,
    profile: options.profile,
    spkiPins: options.spkiPins,
    crls: crls?.crls ?? null,
    maxChainDepth: options.maxChainDepth,
  };
  const enforced = {
    digest: digestJson(policy),
    policy,
    anchors: ids,
    sources: cas.sources,
    crls: crls?.sources ?? [],
  };
  return { effect: { kind: "enforced", ...enforced }, unresolved: first };
}

type Validation = BackendTLSPolicy["spec"]["validation"];

/** What the schema lets through: PreciseHostname "must not be an IP address". */
function judgeNames({ hostname, subjectAltNames = [] }: Validation): Problem[] {
  const problems: Problem[] = [];
  if (isIpAddress(hostname)) problems.push(ipAddress(["spec", "validation", "hostname"], hostname));
  if (hasLongLabel(hostname)) problems.push(longLabel(["spec", "validation", "hostname"], hostname));
  for (const [index, san] of subjectAltNames.entries()) {
    const at = ["spec", "validation", "subjectAltNames", index];
    if (san.hostname !== undefined && isIpAddress(san.hostname))
      problems.push(ipAddress([...at, "hostname"], san.hostname));
    if (san.hostname !== undefined && hasLongLabel(san.hostname))
      problems.push(longLabel([...at, "hostname"], san.hostname));
    // RFC 9525 §6.3: trust/ would never match a wildcard directly above a single label.
    if (san.hostname !== undefined && /^\*\.[^.]+$/.test(san.hostname)) {
      problems.push({
        code: "policy-hostname",
        path: [...at, "hostname"],
        message: "a wildcard directly above a top-level name matches no certificate",
        expected: "*.NAME.TLD or deeper",
        found: show(san.hostname),
        remedy: "write the names out",
      });
    }
  }
  return problems;
}

function ipAddress(path: (string | number)[], hostname: string): Problem {
  return {
    code: "policy-hostname",
    path,
    message: "a hostname must not be an IP address, and a name whose last label is a number is one",
    expected: "a DNS name",
    found: show(hostname),
    remedy: "use the DNS name in the backend's certificate",
  };
}

/** RFC 1035 §2.3.4: no DNS name has a longer label, so no certificate names it and no SNI carries it. */
const hasLongLabel = (hostname: string): boolean => hostname.split(".").some((label) => label.length > 63);

function longLabel(path: (string | number)[], hostname: string): Problem {
  return {
    code: "policy-hostname",
    path,
    message: "a label of a hostname has at most 63 characters",
    expected: "a DNS name",
    found: show(hostname),
    remedy: "use the DNS name in the backend's certificate",
  };
}

const codeOf = ({ code }: Problem): ConfigCode => (code === "policy-hostname" ? code : "policy-option");

/** Without subjectAltNames `hostname` is the identity; with them it is the SNI alone (`BackendTLSPolicyValidation.hostname`). */
function identifiers({ hostname, subjectAltNames = [] }: Validation): ReferenceIdentifier[] {
  if (subjectAltNames.length === 0) return [{ type: "dns", value: hostname.toLowerCase() }];
  const names = subjectAltNames.map(({ type, hostname: name = "", uri = "" }): ReferenceIdentifier =>
    type === "Hostname" ? { type: "dns", value: name.toLowerCase() } : { type: "uri", value: uri },
  );
  const unique = new Map(names.map((name) => [`${name.type}\0${name.value}`, name]));
  return [...unique].sort(([a], [b]) => compareStrings(a, b)).map(([, name]) => name);
}

interface Certificates {
  readonly sources: readonly AnchorSource[];
  readonly unresolved: Unresolved | null;
  readonly refused: Extract<PolicyEffect, { kind: "refused" }> | null;
}

function judgeCertificates(
  object: SourceObject<BackendTLSPolicy>,
  cluster: Cluster,
  diagnostics: Diagnostics,
): Certificates {
  const { wellKnownCACertificates, caCertificateRefs = [] } = object.value.spec.validation;
  if (wellKnownCACertificates !== undefined) return judgeWellKnown(object, wellKnownCACertificates, diagnostics);
  const sources: AnchorSource[] = [];
  const faults: { reason: UnresolvedReason; code: ConfigCode; message: string }[] = [];
  for (const [index, ref] of caCertificateRefs.entries()) {
    const path = ["spec", "validation", "caCertificateRefs", index];
    const kind = anchorKind(ref);
    const namespace = object.ref.namespace ?? "default";
    const result = kind === null ? null : readAnchors(cluster, { kind, namespace, name: ref.name }, "servers");
    if (result?.kind === "read") {
      reportAnchors(result.source, diagnostics);
      sources.push(result.source);
      continue;
    }
    const problem: Problem<ConfigCode> =
      result === null ? noAnchorKind("policy-ca-kind", ref, path) : noAnchors("policy-ca-ref", ref, path, result);
    diagnostics.report(object, problem);
    faults.push({
      reason: result === null ? "InvalidKind" : "InvalidCACertificateRef",
      code: problem.code,
      message: explain(object, problem),
    });
  }
  const [first] = faults;
  if (first === undefined) return { sources, unresolved: null, refused: null };
  const message = faults.map((fault) => fault.message).join("; ");
  const unresolved = { reason: first.reason, message };
  if (sources.length > 0) return { sources, unresolved, refused: null };
  return {
    sources,
    unresolved,
    refused: { kind: "refused", code: first.code, reason: "NoValidCACertificate", message },
  };
}

function judgeWellKnown(object: SourceObject<BackendTLSPolicy>, value: string, diagnostics: Diagnostics): Certificates {
  if (value === "System") return { sources: [wellKnownAnchors()], unresolved: null, refused: null };
  // "the supplied value is not recognized … Accepted … False, with a Reason Invalid."
  const problem: Problem<ConfigCode> = {
    code: "policy-well-known-ca",
    path: ["spec", "validation", "wellKnownCACertificates"],
    message: "lasthop knows no such set of CA certificates",
    expected: "System",
    found: show(value),
    remedy: "use System, or name a ConfigMap in caCertificateRefs",
  };
  diagnostics.report(object, problem);
  return {
    sources: [],
    unresolved: null,
    refused: { kind: "refused", code: problem.code, reason: "Invalid", message: explain(object, problem) },
  };
}
