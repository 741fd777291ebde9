/** What the controller says of plaintext: which backends get it, which lost the policy that kept them from it, and which policies attach to nothing. */
import type { CompiledCluster, CompiledGateway, Diagnostic } from "../compile/index.ts";

export type Log = (entry: Readonly<Record<string, unknown>>) => void;

/** For metrics. */
export interface PlaintextCount {
  /** Backends that get plaintext, by Gateway. */
  readonly backends: ReadonlyMap<string, number>;
  /** Targets of policies that attach to nothing, and so protect nothing. */
  readonly unattached: number;
}

/** Logs what has changed since the cluster was looked at last, and counts. */
export type PlaintextWatch = (cluster: CompiledCluster) => PlaintextCount;

/** Entries of one pass: a cluster may have thousands of Services without a policy. */
const MAX_ENTRIES = 100;
/** Backends that one entry names. */
const MAX_NAMED = 20;

/** Backends that a policy means to give TLS, and that get plaintext. */
const TARGETS: ReadonlySet<string> = new Set(["policy-target-not-found", "policy-target-kind"]);
const SAID: ReadonlySet<string> = new Set([...TARGETS, "backend-plaintext", "policy-section-not-found"]);

export function watchPlaintext(log: Log): PlaintextWatch {
  let gateways = new Map<string, CompiledGateway>();
  let said: ReadonlySet<string> = new Set();
  return ({ gateways: compiled, diagnostics }) => {
    const entries = compiled.flatMap((gateway) => changesOf(gateway, gateways.get(gateway.name) ?? null));
    gateways = new Map(compiled.map((gateway) => [gateway.name, gateway]));
    const own = new Map(diagnostics.filter(({ code }) => SAID.has(code)).map((each) => [keyOf(each), each]));
    for (const [key, diagnostic] of own) if (!said.has(key)) entries.push(entryOf(diagnostic));
    said = new Set(own.keys());
    for (const entry of entries.slice(0, MAX_ENTRIES)) log(entry);
    if (entries.length > MAX_ENTRIES)
      log({
        level: "warning",
        message: `${entries.length - MAX_ENTRIES} more about plaintext; lasthop build lists them all`,
      });
    return {
      backends: new Map(compiled.map(({ name, plaintext }) => [name, plaintext.length])),
      unattached: diagnostics.filter(({ code }) => TARGETS.has(code)).length,
    };
  };
}

function changesOf(now: CompiledGateway, before: CompiledGateway | null): Record<string, unknown>[] {
  if (now.plaintext === before?.plaintext) return [];
  const known = new Set(before?.plaintext.map(({ backend }) => backend));
  const added = now.plaintext.map(({ backend }) => backend).filter((backend) => !known.has(backend));
  const lost = added.filter((backend) => before?.covered.has(backend) === true);
  const entries: Record<string, unknown>[] = lost.map((backend) => {
    const policy = before?.covered.get(backend) ?? "";
    const message = `backend ${backend} gets plaintext from now on: BackendTLSPolicy ${policy}, which decided about it, covers it no more`;
    return { level: "warning", message, gateway: now.name, backend, policy };
  });
  const others = added.filter((backend) => !lost.includes(backend));
  if (others.length > 0)
    entries.push({
      level: "info",
      message: `${others.length} ${others.length === 1 ? "backend gets" : "backends get"} plaintext: no BackendTLSPolicy covers them`,
      gateway: now.name,
      backends: others.slice(0, MAX_NAMED),
    });
  return entries;
}

const nameOf = ({ object }: Diagnostic): string =>
  object === null ? "" : `${object.kind} ${object.namespace === null ? "" : `${object.namespace}/`}${object.name}`;

const keyOf = (diagnostic: Diagnostic): string =>
  [diagnostic.code, nameOf(diagnostic), diagnostic.path ?? "", diagnostic.message].join("\0");

const entryOf = (diagnostic: Diagnostic): Record<string, unknown> => {
  const { severity, code, message, path, remedy } = diagnostic;
  return { level: severity, code, message, object: nameOf(diagnostic), path, remedy };
};
