/** From the model to the bundle of one Gateway. */
import { encodeBundle } from "../bundle/codec.ts";
import { encodeSecrets } from "../bundle/secrets.ts";
import {
  type Bundle,
  BUNDLE_FORMAT,
  type BundleAnchorSet,
  type BundleBackend,
  type BundleCertificate,
  type BundleHost,
  type BundleListener,
  type BundleListenerTls,
  type BundlePolicy,
  type BundleTransport,
  type Capability,
  type Sha256Hex,
} from "../bundle/types.ts";
import type { Anchors } from "./anchors.ts";
import type { BackendTarget } from "./backends.ts";
import type { Certificate } from "./certificates.ts";
import { compareStrings, type Diagnostics } from "./diagnostics.ts";
import { digestJson, sha256 } from "./digest.ts";
import { emitRules } from "./emit-rules.ts";
import { type EndpointOptions, indexSlices, resolveEndpoints } from "./endpoints.ts";
import type { GatewayState } from "./gateways.ts";
import { listenerName, type ListenerState, type ListenerTls } from "./listeners.ts";
import type { Model } from "./model.ts";
import { policyTransport } from "./policies.ts";
import { fullPolicy } from "./statuses.ts";

export interface Emitted {
  readonly bundle: Bundle;
  /** The bundle's canonical text. */
  readonly text: string;
  /** The secrets file's text; null: the bundle needs no keys. */
  readonly secrets: string | null;
}

export function emitBundle(
  model: Model,
  gateway: GatewayState,
  options: EndpointOptions,
  diagnostics: Diagnostics,
): Emitted {
  // A refused Gateway still gets a bundle: one that serves nothing.
  const listeners =
    gateway.kind === "valid" && gateway.refusal === null
      ? gateway.listeners.filter(({ verdict }) => verdict.kind === "accepted")
      : [];
  const targets = new Map<string, BackendTarget>();
  const { rules, hostsOf } = emitRules(model.routes, gateway.name, new Set(listeners), targets);
  const slices = indexSlices(model.cluster);
  const backends = [...targets.values()]
    .sort((a, b) => compareStrings(a.id, b.id))
    .map((target): [string, BundleBackend] => {
      const transport = transportOf(target, gateway, model);
      // A closed port is never dialled.
      const endpoints =
        transport.kind === "refused" ? [] : resolveEndpoints(target.service, target.port, slices, options, diagnostics);
      const service = `${target.service.ref.namespace}/${target.service.ref.name}`;
      return [target.id, { service, port: target.port.port, protocol: target.protocol, transport, endpoints }];
    });
  const identity =
    gateway.kind === "valid" && gateway.clientIdentity.kind === "certificate"
      ? gateway.clientIdentity.certificate
      : null;
  const certificates = listeners.flatMap(({ verdict }) =>
    verdict.kind === "accepted" && verdict.tls !== null ? verdict.tls.certificates : [],
  );
  if (identity !== null) certificates.push(identity);
  const emittedListeners = listeners
    .map((listener) => emitListener(listener, hostsOf(listener)))
    .sort((a, b) => a.port - b.port || compareStrings(a.name, b.name));
  const bundle: Omit<Bundle, "digest"> = {
    format: BUNDLE_FORMAT,
    gateway: gateway.name,
    requires: [],
    listeners: emittedListeners,
    rules,
    backends: Object.fromEntries(backends),
    clientCertificate: identity?.digest ?? null,
    certificates: sorted(emitCertificates(certificates)),
    ...emitPolicies(
      model,
      backends.map(([, { transport }]) => transport),
      listeners,
    ),
  };
  const keys = new Map(certificates.map(({ entry, key }) => [entry.keyDigest, key()]));
  return {
    ...encodeBundle({ ...bundle, requires: requirements(bundle) }, sha256),
    secrets: keys.size === 0 ? null : encodeSecrets(keys),
  };
}

/** In the order of the alphabet. */
function requirements({ listeners, backends, clientCertificate }: Omit<Bundle, "digest">): Capability[] {
  const needs: readonly [Capability, boolean][] = [
    ["client-certificates", clientCertificate !== null],
    ["client-validation", listeners.some(({ tls }) => tls !== null && tls.clientValidation !== null)],
    ["listener-certificates", listeners.some(({ tls }) => tls !== null)],
    ["websocket", Object.values(backends).some(({ protocol }) => protocol === "websocket")],
  ];
  return needs.filter(([, needed]) => needed).map(([capability]) => capability);
}

/** Secrets with one chain share an entry, under the name that comes first. */
function emitCertificates(certificates: readonly Certificate[]): Map<Sha256Hex, BundleCertificate> {
  const byName = [...certificates].sort((a, b) => compareStrings(b.entry.source, a.entry.source));
  return new Map(byName.map(({ digest, entry }) => [digest, entry]));
}

function emitListener(listener: ListenerState, hosts: readonly BundleHost[]): BundleListener {
  const { spec, hostname, verdict, filters } = listener;
  const tls = verdict.kind === "accepted" ? verdict.tls : null;
  return {
    name: listenerName(listener),
    port: spec.port,
    protocol: tls === null ? "HTTP" : "HTTPS",
    hostname,
    tls: tls === null ? null : emitTls(tls),
    filters,
    hosts,
  };
}

function emitTls({ certificates, clientValidation }: ListenerTls): BundleListenerTls {
  return {
    certificates: certificates.map(({ digest }) => digest),
    clientValidation:
      clientValidation.kind === "none"
        ? null
        : { anchorSet: digestJson(clientValidation.anchors), mode: clientValidation.mode },
  };
}

function transportOf(
  { service, port, policy }: BackendTarget,
  gateway: GatewayState,
  { policies, ancestors }: Model,
): BundleTransport {
  const full = fullPolicy(policy, gateway.name, ancestors);
  if (full !== null && full.effect.kind === "enforced")
    return { kind: "refused", code: "policy-ancestors-full", policies: [full.name] };
  const covered = policyTransport(policies.coverage.get(`${service.ref.namespace}/${service.ref.name}`), port);
  if (covered === null) return { kind: "plaintext" };
  // The Gateway's identity is part of every TLS connection to a backend: without it there is none.
  const closed = gateway.kind === "valid" && gateway.clientIdentity.kind === "refused";
  return closed && covered.transport.kind === "tls"
    ? { kind: "refused", code: "gateway-client-certificate", policies: [] }
    : covered.transport;
}

/** Policies that some backend uses, and the anchors of these and of listeners; equal ones share an entry. */
function emitPolicies(
  { policies, anchors }: Model,
  transports: readonly BundleTransport[],
  listeners: readonly ListenerState[],
): Pick<Bundle, "anchors" | "anchorSets" | "policies"> {
  const used = new Set(transports.flatMap((transport) => (transport.kind === "tls" ? [transport.policy] : [])));
  const found = new Map<Sha256Hex, BundlePolicy>();
  const sets: AnchorSource[] = [];
  for (const { effect } of policies.all.values()) {
    if (effect.kind !== "enforced" || !used.has(effect.digest)) continue;
    found.set(effect.digest, effect.policy);
    sets.push(effect);
  }
  for (const { verdict } of listeners) {
    const validation = verdict.kind === "accepted" ? verdict.tls?.clientValidation : undefined;
    if (validation?.kind === "valid") sets.push(validation);
  }
  return { policies: sorted(found), ...emitAnchors(sets, anchors) };
}

interface AnchorSource {
  readonly anchors: readonly Sha256Hex[];
  readonly sources: readonly string[];
}

function emitAnchors(sets: readonly AnchorSource[], { certificates }: Anchors): Pick<Bundle, "anchors" | "anchorSets"> {
  const anchorSets = new Map<Sha256Hex, BundleAnchorSet>();
  const used = new Map<Sha256Hex, string>();
  for (const { anchors, sources } of sets) {
    const digest = digestJson(anchors);
    const source = new Set([...(anchorSets.get(digest)?.source ?? []), ...sources]);
    anchorSets.set(digest, { source: [...source].sort(compareStrings), anchors });
    for (const anchor of anchors) {
      const certificate = certificates.get(anchor);
      if (certificate !== undefined) used.set(anchor, certificate);
    }
  }
  return { anchorSets: sorted(anchorSets), anchors: sorted(used) };
}

function sorted<T>(map: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries([...map].sort(([a], [b]) => compareStrings(a, b)));
}
