/**
 * Plaintext in a cluster: which backends get it, which of them had a BackendTLSPolicy before, and which policies attach
 * to nothing.
 */
import type { CompiledCluster, CompiledGateway, Diagnostic } from "../compile/index.ts";
import type { Log } from "./log.ts";

/** The counts of one pass, for metrics. */
export interface PlaintextCount {
  /** The number of backends that get plaintext, by Gateway. */
  readonly backends: ReadonlyMap<string, number>;
  /** The number of policies' targets that do not exist, or that no policy can attach to. */
  readonly unattached: number;
}

/** A function that logs what has changed since the previous call, and counts. */
type PlaintextWatch = (cluster: CompiledCluster) => PlaintextCount;

/** The number of entries that one pass logs: a cluster may have thousands of Services without a policy. */
const MAX_ENTRIES = 100;
/** The number of backends that one entry names. */
const MAX_NAMED = 20;

/** Codes of diagnostics about a policy's target that the policy cannot attach to. */
const UNATTACHED_CODES: ReadonlySet<string> = new Set(["policy-target-not-found", "policy-target-kind"]);
/** Codes of diagnostics that the controller logs. */
const LOGGED_CODES: ReadonlySet<string> = new Set([
  ...UNATTACHED_CODES,
  "backend-plaintext",
  "policy-section-not-found",
]);

/** A watch that logs to `log`. Its first call logs everything. */
export function watchPlaintext(log: Log): PlaintextWatch {
  let gateways = new Map<string, CompiledGateway>();
  let logged: ReadonlySet<string> = new Set();
  return ({ gateways: compiled, diagnostics }) => {
    const entries = compiled.flatMap((gateway) => changesOf(gateway, gateways.get(gateway.name) ?? null));
    gateways = new Map(compiled.map((gateway) => [gateway.name, gateway]));
    const current = new Map(
      diagnostics.filter(({ code }) => LOGGED_CODES.has(code)).map((each) => [diagnosticKey(each), each]),
    );
    for (const [key, diagnostic] of current) if (!logged.has(key)) entries.push(entryOf(diagnostic));
    logged = new Set(current.keys());
    for (const entry of entries.slice(0, MAX_ENTRIES)) log(entry);
    if (entries.length > MAX_ENTRIES)
      log({
        level: "warning",
        message: `${entries.length - MAX_ENTRIES} more about plaintext; lasthop build lists them all`,
      });
    return {
      backends: new Map(compiled.map(({ name, plaintext }) => [name, plaintext.length])),
      unattached: diagnostics.filter(({ code }) => UNATTACHED_CODES.has(code)).length,
    };
  };
}

/** The log entries about backends that get plaintext in `gateway` and did not in `previous`. */
function changesOf(gateway: CompiledGateway, previous: CompiledGateway | null): Record<string, unknown>[] {
  if (gateway.plaintext === previous?.plaintext) return [];
  const known = new Set(previous?.plaintext.map(({ backend }) => backend));
  const added = gateway.plaintext.map(({ backend }) => backend).filter((backend) => !known.has(backend));
  const uncovered = added.filter((backend) => previous?.covered.has(backend) === true);
  const entries: Record<string, unknown>[] = uncovered.map((backend) => {
    const policy = previous?.covered.get(backend) ?? "";
    const message = `backend ${backend} gets plaintext from now on: BackendTLSPolicy ${policy}, which decided about it, covers it no more`;
    return { level: "warning", message, gateway: gateway.name, backend, policy };
  });
  const others = added.filter((backend) => !uncovered.includes(backend));
  if (others.length > 0)
    entries.push({
      level: "info",
      message: `${others.length} ${others.length === 1 ? "backend gets" : "backends get"} plaintext: no BackendTLSPolicy covers them`,
      gateway: gateway.name,
      backends: others.slice(0, MAX_NAMED),
    });
  return entries;
}

const nameOf = ({ object }: Diagnostic): string =>
  object === null ? "" : `${object.kind} ${object.namespace === null ? "" : `${object.namespace}/`}${object.name}`;

const diagnosticKey = (diagnostic: Diagnostic): string =>
  [diagnostic.code, nameOf(diagnostic), diagnostic.path ?? "", diagnostic.message].join("\0");

const entryOf = (diagnostic: Diagnostic): Record<string, unknown> => {
  const { severity, code, message, path, remedy } = diagnostic;
  return { level: severity, code, message, object: nameOf(diagnostic), path, remedy };
};
