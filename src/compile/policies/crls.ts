/** The CRLs of one BackendTLSPolicy: used all, or the policy is refused. One list left out would let an older one decide. */
import { formatTime } from "../clock.ts";
import { type CrlFault, type CrlList, type CrlSource, faultsOf, readCrls } from "../references/crls.ts";
import {
  compareStrings,
  type Diagnostics,
  explain,
  type Problem,
  show,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import type { Cluster } from "../load/load.ts";

export interface JudgedCrls {
  /** Base64 DER, sorted, each once. */
  readonly crls: readonly string[];
  readonly sources: readonly CrlSource[];
  /** Why the policy is refused; null: every list is used. */
  readonly fault: string | null;
}

/** `names` are ConfigMaps of the policy's namespace, `anchors` the DER of its CAs. */
export function judgeCrls(
  object: SourceObject,
  names: readonly string[],
  anchors: readonly Uint8Array[],
  cluster: Cluster,
  diagnostics: Diagnostics,
): JudgedCrls {
  const sources: CrlSource[] = [];
  const problems: Problem[] = [];
  for (const name of names) {
    const result = readCrls(cluster, `${object.ref.namespace ?? "default"}/${name}`);
    if (result.kind === "read") {
      sources.push(result.source);
      continue;
    }
    problems.push({
      code: "policy-option",
      path: PATH,
      message: result.why,
      expected: "a ConfigMap with PEM X509 CRLs under crl.pem",
      found: show(name),
      remedy: "correct the reference, or the PEM under crl.pem",
      ...(result.note === undefined ? {} : { note: result.note }),
    });
  }
  const all = sources.flatMap(({ lists }) => lists);
  const faults = faultsOf(all, anchors);
  for (const source of sources) for (const fault of inOrder(source, faults)) problems.push(problemOf(source, fault));
  for (const problem of problems) diagnostics.report(object, problem);
  const messages = problems.map((problem) => explain(object, problem));
  return {
    crls: [...new Set(all.map(({ base64 }) => base64))].sort(compareStrings),
    sources,
    fault: messages.length === 0 ? null : messages.join("; "),
  };
}

/** For a condition: `checking 2 CRLs of ConfigMap team/crl, the first due 2026-01-01T00:00:00Z`; empty: none. */
export function describeCrls(sources: readonly CrlSource[]): string {
  const lists = sources.flatMap((source) => source.lists);
  if (lists.length === 0) return "";
  const due = Math.min(...lists.map(({ crl }) => crl.nextUpdateMs));
  const names = sources.map(({ name }) => name).join(", ");
  return `checking ${lists.length} ${lists.length === 1 ? "CRL" : "CRLs"} of ${names}, due ${formatTime(due)}`;
}

const PATH = ["spec", "options", "lasthop.dev/crl-refs"];

function inOrder({ lists, faults }: CrlSource, found: ReadonlyMap<CrlList, CrlFault>): CrlFault[] {
  const own = lists.map((list) => found.get(list)).filter((fault) => fault !== undefined);
  return [...faults, ...own].sort((a, b) => a.line - b.line);
}

function problemOf({ name, place }: CrlSource, fault: CrlFault): Problem {
  const of = fault.issuer === null ? "" : `, of ${fault.issuer},`;
  return {
    code: "policy-option",
    path: PATH,
    message: `${fault.where} in crl.pem of ${name}${of} cannot be used, so the policy is refused`,
    expected: "CRLs of version 2 with cRLNumber and nextUpdate, signed by their issuer",
    found: fault.why,
    remedy: remedyFor(fault.why),
    note: { ...place, line: fault.line },
  };
}

function remedyFor(why: string): string {
  if (/version 2|cRLNumber/.test(why)) {
    return "have the CA issue lists with cRLNumber (OpenSSL: crl_extensions with crlNumber=… or crlnumber in openssl.cnf)";
  }
  if (/signed it|cRLSign/.test(why)) {
    return "put in the CA's own list, or the certificate of the CA's key that signed it into caCertificateRefs";
  }
  return /delta/.test(why)
    ? "put in the complete list beside the delta"
    : "put in a list that can be used, or remove it";
}
