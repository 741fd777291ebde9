/**
 * The CRLs of one BackendTLSPolicy. The policy is refused unless every list can be used: without one list, an older
 * list of the same issuer would decide which certificates are revoked.
 */
import { fromBase64 } from "../../bundle/bytes.ts";
import { formatTime } from "../clock.ts";
import {
  compareStrings,
  type Diagnostics,
  explain,
  type Problem,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import type { Cluster } from "../load/load.ts";
import type { AnchorSource } from "../references/anchor-source.ts";
import { type CrlFault, crlFaults, type CrlList, type CrlSource, readCrls } from "../references/crls.ts";
import { noCrls, unusableCrl } from "./problems.ts";

/** The CRLs of a policy. */
interface PolicyCrls {
  /** Base64 DER, sorted, each once. */
  readonly crls: readonly string[];
  readonly sources: readonly CrlSource[];
  /** Why the policy is refused; null: every list can be used. */
  readonly fault: string | null;
}

/** Reads the CRLs that a policy names: `names` are ConfigMaps of its namespace, `sources` hold its CA certificates. */
export function judgeCrls(
  object: SourceObject,
  { names, sources: cas }: { readonly names: readonly string[]; readonly sources: readonly AnchorSource[] },
  cluster: Cluster,
  diagnostics: Diagnostics,
): PolicyCrls {
  const sources: CrlSource[] = [];
  const problems: Problem[] = [];
  for (const name of names) {
    const result = readCrls(cluster, `${object.ref.namespace ?? "default"}/${name}`);
    if (result.kind === "read") sources.push(result.source);
    else problems.push(noCrls(name, result));
  }
  const all = sources.flatMap(({ lists }) => lists);
  const anchors = cas.flatMap(({ certificates }) => [...certificates.values()].map(fromBase64));
  const faults = crlFaults(all, anchors);
  for (const source of sources) for (const fault of inOrder(source, faults)) problems.push(unusableCrl(source, fault));
  for (const problem of problems) diagnostics.report(object, problem);
  const messages = problems.map((problem) => explain(object, problem));
  return {
    crls: [...new Set(all.map(({ base64 }) => base64))].sort(compareStrings),
    sources,
    fault: messages.length === 0 ? null : messages.join("; "),
  };
}

/** The faults of a source in the order of its lines: of unreadable lists, and of readable ones, which `found` has. */
function inOrder({ lists, faults }: CrlSource, found: ReadonlyMap<CrlList, CrlFault>): CrlFault[] {
  const own = lists.map((list) => found.get(list)).filter((fault) => fault !== undefined);
  return [...faults, ...own].sort((a, b) => a.line - b.line);
}

/** Text for a condition: `checking 2 CRLs of ConfigMap team/crl, due 2026-01-01T00:00:00Z`. Empty: there is no CRL. */
export function describeCrls(sources: readonly CrlSource[]): string {
  const lists = sources.flatMap((source) => source.lists);
  if (lists.length === 0) return "";
  const due = Math.min(...lists.map(({ crl }) => crl.nextUpdateMs));
  const names = sources.map(({ name }) => name).join(", ");
  return `checking ${lists.length} ${lists.length === 1 ? "CRL" : "CRLs"} of ${names}, due ${formatTime(due)}`;
}
