/** `compile`: manifests in, bundle, statuses and diagnostics out. Pure: the texts have been read, nothing is written. */
import type { Bundle } from "../bundle/types.ts";
import type { Target } from "./backends/addresses.ts";
import { type Diagnostic, Diagnostics } from "./diagnostics/diagnostics.ts";
import { type RawObject } from "./kubernetes/raw-object.ts";
import { readObjects } from "./document/objects.ts";
import type { InputDocument } from "./document/parse.ts";
import { emitBundle } from "./emit/emit.ts";
import type { GatewayState } from "./gateways/gateways.ts";
import { load, type Skipped } from "./load/load.ts";
import { Memory } from "./memory.ts";
import { type Model, resolveModel } from "./model.ts";
import type { PlaintextBackend } from "./emit/plaintext.ts";
import { selectGateway } from "./emit/select.ts";
import { computeStatuses, type ObjectStatus } from "./status/statuses.ts";
import { reportValidity } from "./status/validity.ts";

export interface CompileOptions {
  /** Of the objects that name none; `default` without it. */
  readonly namespace?: string | undefined;
  /** `namespace/name`: wanted when the inputs have several Gateways of ours. */
  readonly gateway?: string | undefined;
  /** Checks what that host can do; none: any host. */
  readonly target?: Target | undefined;
  readonly allowLoopback?: boolean | undefined;
  readonly allowAddressAnnotation?: boolean | undefined;
  readonly allowExternalName?: boolean | undefined;
  /** Refuses backends that get plaintext without anybody saying so. */
  readonly requireBackendTls?: boolean | undefined;
  /** The time, for warnings and conditions about dates; the bundle never depends on it. None: nothing is said of dates. */
  readonly nowMs?: number | undefined;
}

export interface CompileResult {
  /** Null exactly when `fatal`. */
  readonly bundle: Bundle | null;
  /** The bundle's canonical text: what is written. */
  readonly text: string | null;
  /** The secrets file's text, private keys in it; null: the bundle needs no keys. */
  readonly secrets: string | null;
  readonly statuses: readonly ObjectStatus[];
  readonly diagnostics: readonly Diagnostic[];
  readonly skipped: readonly Skipped[];
  /** The backends of the bundle that get plaintext, by their id. */
  readonly plaintext: readonly PlaintextBackend[];
  /** Nothing may be written: an input cannot be read, or no Gateway can be chosen. */
  readonly fatal: boolean;
}

/** Reads, checks and resolves every object, then emits the bundle of one Gateway. Never throws on input. */
export function compile(inputs: readonly InputDocument[], options: CompileOptions = {}): CompileResult {
  const diagnostics = new Diagnostics();
  const { objects, fatal } = readObjects(inputs, diagnostics, options.namespace ?? null);
  return compileObjects(objects, options, diagnostics, fatal);
}

/** The same from objects that have been read. */
export function compileObjects(
  objects: readonly RawObject[],
  options: CompileOptions,
  diagnostics: Diagnostics,
  unreadable = false,
): CompileResult {
  const memory = new Memory();
  const { cluster, skipped, fatal } = load(objects, "inputs", memory, diagnostics);
  if (unreadable || fatal) return failed(diagnostics, skipped);
  const { allowExternalName = false, requireBackendTls = false } = options;
  const model = resolveModel(cluster, { allowExternalName, requireBackendTls }, memory, diagnostics);
  const gateway = selectGateway(model, options.gateway, diagnostics);
  if (gateway === null) return failed(diagnostics, skipped, model, options.nowMs);
  if (options.target === "cloudflare") checkListeners(gateway, diagnostics);
  const { bundle, text, secrets, plaintext } = emitBundle(
    model,
    gateway,
    {
      allowLoopback: options.allowLoopback ?? false,
      allowAddressAnnotation: options.allowAddressAnnotation ?? false,
      allowExternalName,
      publicOnly: options.target === "cloudflare",
    },
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
  const statuses = model === null ? [] : computeStatuses(model, new Memory(), nowMs ?? null);
  const nothing = { bundle: null, text: null, secrets: null, plaintext: [] };
  return { ...nothing, statuses, diagnostics: diagnostics.sorted(), skipped, fatal: true };
}

/** A deployed worker is reached on 80 and 443 alone, and the platform terminates its clients' TLS. */
function checkListeners(gateway: GatewayState, diagnostics: Diagnostics): void {
  if (gateway.kind !== "valid") return;
  for (const { owner, spec, index, verdict } of gateway.listeners) {
    if (verdict.kind !== "accepted") continue;
    const at = ["spec", "listeners", index];
    if (spec.port !== 80 && spec.port !== 443)
      diagnostics.report(owner.object, {
        code: "target-port",
        path: [...at, "port"],
        message: "no request reaches a deployed worker on this port",
        expected: "80 or 443",
        found: String(spec.port),
        remedy: "use port 80 or 443, or another target",
      });
    if (verdict.tls !== null)
      diagnostics.report(owner.object, {
        severity: "warning",
        code: "target-front-tls",
        path: [...at, "tls"],
        message:
          "the platform terminates TLS with certificates of its own in front of a deployed worker, which refuses the listener until it is told so",
        expected: 'LASTHOP_FRONT_TLS = "platform"',
        remedy:
          'give the platform a certificate for the hostname, and the worker the variable LASTHOP_FRONT_TLS = "platform"',
      });
  }
}
