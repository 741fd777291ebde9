/**
 * Compilation of manifests into the bundle of one Gateway, statuses and diagnostics. Compilation reads and writes no
 * files.
 */
import type { Bundle } from "../bundle/types.ts";
import type { Target } from "./backends/addresses.ts";
import { type Diagnostic, Diagnostics, type FieldPath, type Problem } from "./diagnostics/diagnostics.ts";
import type { RawObject } from "./kubernetes/raw-object.ts";
import { readObjects } from "./document/objects.ts";
import type { InputDocument } from "./document/parse.ts";
import { emitBundle } from "./emit/emit.ts";
import type { GatewayState } from "./gateways/gateways.ts";
import type { Skipped } from "./diagnostics/skipped.ts";
import { load } from "./load/load.ts";
import { SingleRunMemory } from "./memory/single-run.ts";
import { type Model, resolveModel } from "./model.ts";
import type { PlaintextBackend } from "./emit/plaintext.ts";
import { selectGateway } from "./emit/select.ts";
import type { ObjectStatus } from "./status/object-status.ts";
import { computeStatuses } from "./status/statuses.ts";
import { reportValidity } from "./status/validity.ts";

/** Options of `build`. */
export interface CompileOptions {
  /** Namespace of objects that name none; without it, `default`. */
  readonly namespace?: string | undefined;
  /** `namespace/name` of the Gateway to serve. Needed when the inputs have several. */
  readonly gateway?: string | undefined;
  /**
   * The host for which the bundle is built: features that this host lacks are reported. Without a target, the bundle is
   * for any host.
   */
  readonly target?: Target | undefined;
  readonly allowLoopback?: boolean | undefined;
  readonly allowAddressAnnotation?: boolean | undefined;
  readonly allowExternalName?: boolean | undefined;
  /** Whether backends are refused that would get plaintext although no appProtocol says that plaintext is meant. */
  readonly requireBackendTls?: boolean | undefined;
  /** The time for warnings and conditions about dates, in milliseconds since the epoch. Without it there are none. */
  readonly nowMs?: number | undefined;
}

/** What a compilation gives. */
export interface CompileResult {
  /** The bundle; null exactly when `fatal` is set. */
  readonly bundle: Bundle | null;
  /** The bundle's canonical text, which is written to its file; null exactly when `fatal` is set. */
  readonly text: string | null;
  /** The text of the secrets file, with private keys; null: the bundle needs no keys. */
  readonly secrets: string | null;
  readonly statuses: readonly ObjectStatus[];
  readonly diagnostics: readonly Diagnostic[];
  readonly skipped: readonly Skipped[];
  /** The backends of the bundle that get plaintext, by their id. */
  readonly plaintext: readonly PlaintextBackend[];
  /** The bundle may not be written, because an input cannot be read, or because no Gateway can be chosen. */
  readonly fatal: boolean;
}

/** Compiles texts: parses, validates and resolves every object, and makes the bundle of one Gateway. Never throws on input. */
export function compile(inputs: readonly InputDocument[], options: CompileOptions = {}): CompileResult {
  const diagnostics = new Diagnostics();
  const { objects, fatal } = readObjects(inputs, diagnostics, options.namespace ?? null);
  return compileObjects(objects, options, diagnostics, fatal);
}

/** Compiles objects that have been read, as {@link compile} does texts. `unreadable`: some text could not be read. */
export function compileObjects(
  objects: readonly RawObject[],
  options: CompileOptions,
  diagnostics: Diagnostics,
  unreadable = false,
): CompileResult {
  const memory = new SingleRunMemory();
  const { cluster, skipped, fatal } = load(objects, "inputs", memory, diagnostics);
  if (unreadable || fatal) return failed(diagnostics, skipped);
  const { allowExternalName = false, requireBackendTls = false } = options;
  const model = resolveModel(cluster, { allowExternalName, requireBackendTls }, memory, diagnostics);
  const gateway = selectGateway(model, options.gateway, diagnostics);
  if (gateway === null) return failed(diagnostics, skipped, model, options.nowMs);
  if (options.target === "cloudflare") checkListeners(gateway, diagnostics);
  const endpointOptions = {
    allowLoopback: options.allowLoopback ?? false,
    allowAddressAnnotation: options.allowAddressAnnotation ?? false,
    allowExternalName,
    publicOnly: options.target === "cloudflare",
  };
  const { bundle, text, secrets, plaintext } = emitBundle(
    { model, gateway, options: endpointOptions },
    memory,
    diagnostics,
  );
  const now = options.nowMs ?? null;
  reportValidity(model, now, diagnostics);
  return {
    bundle,
    text,
    secrets,
    plaintext,
    statuses: computeStatuses(model, memory, now),
    diagnostics: diagnostics.sorted(),
    skipped,
    fatal: false,
  };
}

function failed(
  diagnostics: Diagnostics,
  skipped: readonly Skipped[],
  model: Model | null = null,
  nowMs?: number,
): CompileResult {
  const statuses = model === null ? [] : computeStatuses(model, new SingleRunMemory(), nowMs ?? null);
  const nothing = { bundle: null, text: null, secrets: null, plaintext: [] };
  return { ...nothing, statuses, diagnostics: diagnostics.sorted(), skipped, fatal: true };
}

/** Reports listeners that Cloudflare cannot serve: it uses ports 80 and 443 alone, and terminates TLS of clients itself. */
function checkListeners(gateway: GatewayState, diagnostics: Diagnostics): void {
  if (gateway.kind !== "valid") return;
  for (const { owner, spec, index, verdict } of gateway.listeners) {
    if (verdict.kind !== "accepted") continue;
    const at = ["spec", "listeners", index];
    if (spec.port !== 80 && spec.port !== 443) diagnostics.report(owner.object, workerPort(at, spec.port));
    if (verdict.tls !== null) diagnostics.report(owner.object, workerTls(at));
  }
}

const workerPort = (at: FieldPath, port: number): Problem => ({
  code: "target-port",
  path: [...at, "port"],
  message: "no request reaches a deployed worker on this port",
  expected: "80 or 443",
  found: String(port),
  remedy: "use port 80 or 443, or another target",
});

const workerTls = (at: FieldPath): Problem => ({
  severity: "warning",
  code: "target-front-tls",
  path: [...at, "tls"],
  message:
    "the platform terminates TLS with certificates of its own in front of a deployed worker, which refuses the listener until it is told so",
  expected: 'LASTHOP_FRONT_TLS = "platform"',
  remedy:
    'give the platform a certificate for the hostname, and the worker the variable LASTHOP_FRONT_TLS = "platform"',
});
