/** The client certificates that the HTTPS listeners of a port ask for (`Gateway.spec.tls.frontend`). */
import type { BundleClientValidation, Sha256Hex } from "../../bundle/types.ts";
import { reportAnchors } from "../references/anchor-faults.ts";
import type { AnchorSource } from "../references/anchor-source.ts";
import { anchorKind, readAnchors } from "../references/anchors.ts";
import { noAnchorKind, noAnchors } from "../references/problems.ts";
import type { Unresolved, UnresolvedReason } from "../diagnostics/conditions.ts";
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

/** The validation that the clients of a port get. */
export type ClientValidation =
  | { readonly kind: "none" }
  | {
      readonly kind: "valid";
      readonly mode: BundleClientValidation["mode"];
      readonly anchors: readonly Sha256Hex[];
      readonly sources: readonly AnchorSource[];
      /** References to CAs that could not be resolved. One CA of several suffices. */
      readonly unresolved: readonly Unresolved[];
    }
  /** Clients must present a certificate, and there is no CA to verify one with, so every client would be refused. */
  | { readonly kind: "refused"; readonly unresolved: readonly Unresolved[] };

/** The context in which client validation is resolved. */
export interface ValidationContext {
  readonly cluster: Cluster;
  readonly grants: Grants;
}

/**
 * The validation of the clients of a port. It is resolved, and its problems are reported, when the first HTTPS listener
 * of the port asks.
 */
export type ValidationByPort = (port: number) => ClientValidation;

/** Resolves the client validation of a Gateway. */
export function resolveClientValidation(
  object: SourceObject<Gateway>,
  context: ValidationContext,
  diagnostics: Diagnostics,
): ValidationByPort {
  const at = ["spec", "tls", "frontend"];
  const { frontend } = object.value.spec.tls ?? {};
  const resolve = (path: FieldPath, { validation }: FrontendTLS): ClientValidation =>
    validation === undefined
      ? { kind: "none" }
      : resolveValidation({ object, path: [...path, "validation"] }, validation, context, diagnostics);
  const once = (path: FieldPath, tls: FrontendTLS): (() => ClientValidation) => {
    let known: ClientValidation | null = null;
    return () => (known ??= resolve(path, tls));
  };
  const standard = once([...at, "default"], frontend?.default ?? {});
  // "Once set this configuration overrides the default configuration for all Listeners … that match this port."
  const perPort = new Map(
    frontend?.perPort?.map(({ port, tls }, index) => [port, once([...at, "perPort", index, "tls"], tls)]),
  );
  return (port) => (perPort.get(port) ?? standard)();
}

/**
 * The ports on which clients are served without a valid certificate (`InsecureFrontendValidationMode`): `default`,
 * `port 443`.
 */
export function insecureModes({ spec }: Gateway): string[] {
  const { frontend } = spec.tls ?? {};
  const all = [
    { name: "default", tls: frontend?.default },
    ...(frontend?.perPort ?? []).map(({ port, tls }) => ({ name: `port ${port}`, tls })),
  ];
  return all.filter(({ tls }) => tls?.validation?.mode === "AllowInsecureFallback").map(({ name }) => name);
}

function resolveValidation(
  { object, path }: { readonly object: SourceObject<Gateway>; readonly path: FieldPath },
  validation: NonNullable<FrontendTLS["validation"]>,
  context: ValidationContext,
  diagnostics: Diagnostics,
): ClientValidation {
  const anchors = new Set<Sha256Hex>();
  const sources = new Set<AnchorSource>();
  const unresolved: Unresolved[] = [];
  for (const [index, ref] of validation.caCertificateRefs.entries()) {
    const at = [...path, "caCertificateRefs", index];
    const result = resolveCaRef(ref, object.ref.namespace ?? "default", at, context);
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

type CaRefResult =
  | { readonly kind: "read"; readonly source: AnchorSource }
  | { readonly kind: "unresolved"; readonly reason: UnresolvedReason; readonly problem: Problem };

/** What a reference to CA certificates leads to; `own` is the namespace of the Gateway. */
function resolveCaRef(
  ref: ObjectReference,
  own: string,
  path: FieldPath,
  { cluster, grants }: ValidationContext,
): CaRefResult {
  const place = { path, code: "listener-client-validation" } as const;
  const kind = anchorKind(ref);
  if (kind === null)
    return { kind: "unresolved", reason: "InvalidCACertificateKind", problem: noAnchorKind(ref, place) };
  const { group, name, namespace = own } = ref;
  const forbidden = notPermitted({ kind: "Gateway", namespace: own }, { group, kind, namespace, name }, place, grants);
  if (forbidden !== null) return { kind: "unresolved", reason: "RefNotPermitted", problem: forbidden };
  const result = readAnchors(cluster, { kind, namespace, name }, "clients");
  return result.kind === "read"
    ? result
    : { kind: "unresolved", reason: "InvalidCACertificateRef", problem: noAnchors(ref, result, place) };
}
