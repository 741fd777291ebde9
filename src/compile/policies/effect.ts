/** What one BackendTLSPolicy means for TLS connections, or why it is refused (`BackendTLSPolicyValidation`). */
import type { BundlePolicy, ConfigCode, ReferenceIdentifier, Sha256Hex } from "../../bundle/types.ts";
import type { PolicyReason, Unresolved, UnresolvedReason } from "../diagnostics/conditions.ts";
import {
  compareStrings,
  type Diagnostics,
  explain,
  type Problem,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import { digestJson } from "../digest.ts";
import { isIpAddress } from "../kubernetes/hostnames.ts";
import type { BackendTLSPolicy } from "../kubernetes/objects.ts";
import type { Cluster } from "../load/load.ts";
import { reportAnchors } from "../references/anchor-faults.ts";
import type { AnchorSource } from "../references/anchor-source.ts";
import { anchorKind, readAnchors, wellKnownAnchors } from "../references/anchors.ts";
import type { CrlSource } from "../references/crls.ts";
import { noAnchorKind, noAnchors } from "../references/problems.ts";
import { judgeCrls } from "./crls.ts";
import { parseOptions } from "./options.ts";
import { longLabel, policyHostnameIsIp, shallowWildcard, unknownCaSet } from "./problems.ts";

/** What the ports that a policy covers get: TLS as the policy says, or, from a refused policy, no connection at all. */
export type PolicyEffect =
  | {
      readonly kind: "enforced";
      readonly digest: Sha256Hex;
      readonly policy: BundlePolicy;
      /** SHA-256 of each trust anchor, sorted. */
      readonly anchors: readonly Sha256Hex[];
      readonly sources: readonly AnchorSource[];
      /** Objects that hold the policy's CRLs; empty: it has none. */
      readonly crls: readonly CrlSource[];
    }
  | RefusedEffect;

interface RefusedEffect {
  readonly kind: "refused";
  readonly code: ConfigCode;
  readonly reason: PolicyReason;
  readonly message: string;
}

/** The result of {@link judgePolicy}. */
interface PolicyJudgement {
  readonly effect: PolicyEffect;
  /** Why `ResolvedRefs` is False; null: it is True. A policy with one good CA of two is enforced all the same. */
  readonly unresolved: Unresolved | null;
}

/** Decides about a policy that its schema accepts, whatever its targets are. */
export function judgePolicy(
  object: SourceObject<BackendTLSPolicy>,
  cluster: Cluster,
  diagnostics: Diagnostics,
): PolicyJudgement {
  const { validation, options: given = {} } = object.value.spec;
  const { options, problems: badOptions } = parseOptions(given);
  const problems = [...judgeNames(validation), ...badOptions];
  for (const problem of problems) diagnostics.report(object, problem);
  const certificates = judgeCertificates(object, cluster, diagnostics);
  const { sources } = certificates;
  const crls =
    options.crlRefs === null ? null : judgeCrls(object, { names: options.crlRefs, sources }, cluster, diagnostics);
  const crlFault = crls?.fault ?? null;
  const unresolved =
    certificates.unresolved ?? (crlFault === null ? null : ({ reason: "InvalidCRLRef", message: crlFault } as const));
  const refuse = (code: ConfigCode, message: string): PolicyJudgement => ({
    effect: { kind: "refused", code, reason: "Invalid", message },
    unresolved,
  });

  const [problem] = problems;
  if (problem !== undefined) return refuse(policyCode(problem), explain(object, problem));
  // "If ALL CACertificateRefs are invalid, … Accepted … False, with a Reason NoValidCACertificate."
  if (certificates.refused !== null) return { effect: certificates.refused, unresolved };
  if (crlFault !== null) return refuse("policy-option", crlFault);
  const ids = [...new Set(sources.flatMap((source) => source.anchors))].sort(compareStrings);
  const policy: BundlePolicy = {
    sni: validation.hostname.toLowerCase(),
    identifiers: identifiers(validation),
    anchorSet: digestJson(ids),
    minTlsVersion: options.minTlsVersion,
    maxTlsVersion: options.maxTlsVersion,
    alpn: options.alpn,
    ciphers: options.ciphers,
    profile: options.profile,
    spkiPins: options.spkiPins,
    crls: crls?.crls ?? null,
    maxChainDepth: options.maxChainDepth,
  };
  const digest = digestJson(policy);
  return {
    effect: { kind: "enforced", digest, policy, anchors: ids, sources, crls: crls?.sources ?? [] },
    unresolved,
  };
}

type Validation = BackendTLSPolicy["spec"]["validation"];

/** Problems of hostnames that the schema does not see. */
function judgeNames({ hostname, subjectAltNames = [] }: Validation): Problem[] {
  const names = [
    { path: ["spec", "validation", "hostname"], name: hostname, isSan: false },
    ...subjectAltNames.flatMap(({ hostname: name }, index) =>
      name === undefined
        ? []
        : [{ path: ["spec", "validation", "subjectAltNames", index, "hostname"], name, isSan: true }],
    ),
  ];
  return names.flatMap(({ path, name, isSan }) => [
    ...(isIpAddress(name) ? [policyHostnameIsIp(path, name)] : []),
    ...(name.split(".").some((label) => label.length > 63) ? [longLabel(path, name)] : []),
    ...(isSan && /^\*\.[^.]+$/.test(name) ? [shallowWildcard(path, name)] : []),
  ]);
}

const policyCode = ({ code }: Problem): ConfigCode => (code === "policy-hostname" ? code : "policy-option");

/**
 * The reference identifiers: the subjectAltNames, or `hostname` where there are none. Beside subjectAltNames,
 * `hostname` is the SNI alone (`BackendTLSPolicyValidation.hostname`).
 */
function identifiers({ hostname, subjectAltNames = [] }: Validation): ReferenceIdentifier[] {
  if (subjectAltNames.length === 0) return [{ type: "dns", value: hostname.toLowerCase() }];
  const names = subjectAltNames.map(({ type, hostname: name = "", uri = "" }): ReferenceIdentifier =>
    type === "Hostname" ? { type: "dns", value: name.toLowerCase() } : { type: "uri", value: uri },
  );
  const unique = new Map(names.map((name) => [`${name.type}\0${name.value}`, name]));
  return [...unique].sort(([a], [b]) => compareStrings(a, b)).map(([, name]) => name);
}

interface JudgedCertificates {
  readonly sources: readonly AnchorSource[];
  readonly unresolved: Unresolved | null;
  readonly refused: RefusedEffect | null;
}

function judgeCertificates(
  object: SourceObject<BackendTLSPolicy>,
  cluster: Cluster,
  diagnostics: Diagnostics,
): JudgedCertificates {
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
      result === null
        ? noAnchorKind(ref, { path, code: "policy-ca-kind" })
        : noAnchors(ref, result, { path, code: "policy-ca-ref" });
    diagnostics.report(object, problem);
    const reason = result === null ? "InvalidKind" : "InvalidCACertificateRef";
    faults.push({ reason, code: problem.code, message: explain(object, problem) });
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

function judgeWellKnown(
  object: SourceObject<BackendTLSPolicy>,
  value: string,
  diagnostics: Diagnostics,
): JudgedCertificates {
  if (value === "System") return { sources: [wellKnownAnchors()], unresolved: null, refused: null };
  // "the supplied value is not recognized … Accepted … False, with a Reason Invalid."
  const problem = unknownCaSet(value);
  diagnostics.report(object, problem);
  return {
    sources: [],
    unresolved: null,
    refused: { kind: "refused", code: problem.code, reason: "Invalid", message: explain(object, problem) },
  };
}
