/** `Gateway.spec.tls.frontend`: whom the clients of HTTPS listeners must show themselves to be, by port. */
import type { BundleClientValidation, Sha256Hex } from "../../bundle/types.ts";
import { type AnchorSource, reportAnchors } from "../references/anchor-faults.ts";
import { anchorKind, noAnchorKind, noAnchors, readAnchors } from "../references/anchors.ts";
import type { UnresolvedReason } from "../diagnostics/conditions.ts";
import {
  compareStrings,
  type Diagnostics,
  explain,
  type FieldPath,
  type Problem,
  type SourceObject,
} from "../diagnostics/diagnostics.ts";
import { type Grants, notPermitted } from "../references/grants.ts";
import type { Cluster } from "../load/load.ts";
import type { FrontendTLS, Gateway, ObjectReference } from "../kubernetes/objects.ts";
import type { Unresolved } from "../policies/effect.ts";

export type ClientValidation =
  | { readonly kind: "none" }
  | {
      readonly kind: "valid";
      readonly mode: BundleClientValidation["mode"];
      readonly anchors: readonly Sha256Hex[];
      readonly sources: readonly AnchorSource[];
      /** One good CA of two validates all the same. */
      readonly unresolved: readonly Unresolved[];
    }
  /** No CA is left to validate with: nobody could be let in. */
  | { readonly kind: "refused"; readonly unresolved: readonly Unresolved[] };

export interface ValidationContext {
  readonly cluster: Cluster;
  readonly grants: Grants;
}

/** What holds on a port: read, and its faults reported, when the first HTTPS listener there asks. */
export type ValidationByPort = (port: number) => ClientValidation;

export function resolveClientValidation(
  object: SourceObject<Gateway>,
  context: ValidationContext,
  diagnostics: Diagnostics,
): ValidationByPort {
  const at = ["spec", "tls", "frontend"];
  const { frontend } = object.value.spec.tls ?? {};
  const once = (path: FieldPath, tls: FrontendTLS): (() => ClientValidation) => {
    let known: ClientValidation | null = null;
    return () => (known ??= judge(object, path, tls, context, diagnostics));
  };
  const standard = once([...at, "default"], frontend?.default ?? {});
  // "Once set this configuration overrides the default configuration for all Listeners … that match this port."
  const perPort = new Map(
    frontend?.perPort?.map(({ port, tls }, index) => [port, once([...at, "perPort", index, "tls"], tls)]),
  );
  return (port) => (perPort.get(port) ?? standard)();
}

/** Where clients without a valid certificate are served, for `InsecureFrontendValidationMode`. */
export function insecureModes({ spec }: Gateway): string[] {
  const { frontend } = spec.tls ?? {};
  const all = [
    { name: "default", tls: frontend?.default },
    ...(frontend?.perPort ?? []).map(({ port, tls }) => ({ name: `port ${port}`, tls })),
  ];
  return all.filter(({ tls }) => tls?.validation?.mode === "AllowInsecureFallback").map(({ name }) => name);
}

function judge(
  object: SourceObject<Gateway>,
  path: FieldPath,
  { validation }: FrontendTLS,
  context: ValidationContext,
  diagnostics: Diagnostics,
): ClientValidation {
  if (validation === undefined) return { kind: "none" };
  const anchors = new Set<Sha256Hex>();
  const sources = new Set<AnchorSource>();
  const unresolved: Unresolved[] = [];
  for (const [index, ref] of validation.caCertificateRefs.entries()) {
    const at = [...path, "validation", "caCertificateRefs", index];
    const result = readRef(ref, object.ref.namespace ?? "default", at, context);
    if (result.kind === "read") {
      reportAnchors(result.source, diagnostics);
      sources.add(result.source);
      for (const anchor of result.source.anchors) anchors.add(anchor);
      continue;
    }
    diagnostics.report(object, result.problem);
    unresolved.push({ reason: result.reason, message: explain(object, result.problem) });
  }
  // "If ALL CACertificateRefs are invalid, … the `Accepted` condition on the listener is set to `status: False`"
  if (anchors.size === 0) return { kind: "refused", unresolved };
  return {
    kind: "valid",
    mode: validation.mode,
    anchors: [...anchors].sort(compareStrings),
    sources: [...sources],
    unresolved,
  };
}

type RefResult =
  | { readonly kind: "read"; readonly source: AnchorSource }
  | { readonly kind: "unresolved"; readonly reason: UnresolvedReason; readonly problem: Problem };

function readRef(ref: ObjectReference, own: string, at: FieldPath, { cluster, grants }: ValidationContext): RefResult {
  const code = "listener-client-validation";
  const kind = anchorKind(ref);
  if (kind === null)
    return { kind: "unresolved", reason: "InvalidCACertificateKind", problem: noAnchorKind(code, ref, at) };
  const { group, name, namespace = own } = ref;
  const forbidden = notPermitted(
    { kind: "Gateway", namespace: own },
    { group, kind, namespace, name },
    at,
    code,
    grants,
  );
  if (forbidden !== null) return { kind: "unresolved", reason: "RefNotPermitted", problem: forbidden };
  const result = readAnchors(cluster, { kind, namespace, name }, "clients");
  return result.kind === "read"
    ? result
    : { kind: "unresolved", reason: "InvalidCACertificateRef", problem: noAnchors(code, ref, at, result) };
}
