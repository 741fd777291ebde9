/** The bundle of one Gateway, from the model. */
import { encodeBundle } from "../../bundle/codec.ts";
import { encodeSecrets } from "../../bundle/secrets.ts";
import {
  type BackendId,
  type Bundle,
  BUNDLE_FORMAT,
  type BundleBackend,
  type BundleCertificate,
  type BundleTransport,
  type Capability,
  type NamespacedName,
  type Sha256Hex,
} from "../../bundle/types.ts";
import type { BackendTarget } from "../backends/backends.ts";
import type { Certificate } from "../references/certificates.ts";
import { compareStrings, type Diagnostics, namespacedName } from "../diagnostics/diagnostics.ts";
import { sha256 } from "../digest.ts";
import { emitRules } from "./rules.ts";
import type { EndpointOptions } from "../backends/found-endpoints.ts";
import { resolveEndpoints } from "../backends/endpoints.ts";
import type { GatewayState } from "../gateways/gateways.ts";
import type { ListenerState } from "../gateways/listener-state.ts";
import type { Memory } from "../memory/memory.ts";
import type { Model } from "../model.ts";
import { type PlaintextBackend, plaintextOf } from "./plaintext.ts";
import { policyTransport } from "../policies/coverage.ts";
import { fullPolicy } from "../ancestors/ancestors.ts";
import { emitPolicies, sorted } from "./policies.ts";
import { emitListeners } from "./listeners.ts";

/** The result of {@link emitBundle}. */
interface Emitted {
  readonly bundle: Bundle;
  /** The bundle's canonical text. */
  readonly text: string;
  /** The text of the secrets file, with private keys; null: the bundle needs no keys. */
  readonly secrets: string | null;
  /** The backends that get plaintext, by their id. */
  readonly plaintext: readonly PlaintextBackend[];
  /** The policy that decides about a backend, which gets TLS or no connection, by the backend's id. */
  readonly covered: ReadonlyMap<BackendId, NamespacedName>;
}

/** What a bundle is made from. */
interface EmitContext {
  readonly model: Model;
  readonly gateway: GatewayState;
  readonly options: EndpointOptions;
}

/** Makes the bundle of one Gateway, and reports backends without endpoints or with suspicious plaintext. */
export function emitBundle(context: EmitContext, memory: Memory, diagnostics: Diagnostics): Emitted {
  const { model, gateway, options } = context;
  const pass = (name: string): string => `${gateway.name}: ${name}`;
  // A Gateway that is refused gets a bundle, too: one that serves nothing.
  const listeners =
    gateway.kind === "valid" && gateway.refusal === null
      ? gateway.listeners.filter(({ verdict }) => verdict.kind === "accepted")
      : [];
  const { rules, hosts, targets } = emitRules({ routes: model.routes, gateway, listeners }, memory, diagnostics);
  const backends = memory.each(
    pass("backends"),
    { items: [...targets.values()], given: [gateway, ...Object.values(options)] },
    diagnostics,
    ({ key: id, items: [sender] }, own): EmittedBackend => {
      const target = sender?.targets.get(id);
      if (target === undefined) throw new RangeError(`nobody sends to ${id}`);
      return { id, backend: emitBackend(target, context, own), policy: target.policy?.name ?? null };
    },
  );
  const senders = memory.source(pass("senders"), targets);
  const plaintext = memory.each(
    pass("plaintext"),
    { items: backends.filter(({ backend }) => backend.transport.kind === "plaintext") },
    diagnostics,
    (backend, own) => plaintextOf(backend, { ...model, senders }, own),
  );
  const used = new Set(
    backends.flatMap(({ backend: { transport } }) => (transport.kind === "tls" ? [transport.policy] : [])),
  );
  const policies = memory.once(pass("policies"), [gateway, ...used], diagnostics, () =>
    emitPolicies(model, used, listeners),
  );
  const emitted = memory.once(pass("listeners"), [gateway, hosts], diagnostics, () => emitListeners(listeners, hosts));
  const byId = memory.once(pass("backends by id"), [backends], diagnostics, () =>
    Object.fromEntries(backends.map(({ id, backend }) => [id, backend])),
  );
  const covered = memory.once(
    pass("covered backends"),
    [backends],
    diagnostics,
    () => new Map(backends.flatMap(({ id, policy }) => (policy === null ? [] : [[id, policy]]))),
  );
  const bundle = memory.once(pass("bundle"), [gateway, rules, emitted, byId, policies], diagnostics, () =>
    assemble(gateway, listeners, { listeners: emitted, rules, backends: byId, ...policies }, memory),
  );
  return { ...bundle, plaintext, covered };
}

interface EmittedBackend {
  readonly id: BackendId;
  readonly backend: BundleBackend;
  /** The policy that decides about the backend. */
  readonly policy: NamespacedName | null;
}

function emitBackend(target: BackendTarget, context: EmitContext, diagnostics: Diagnostics): BundleBackend {
  const { service, port, protocol } = target;
  const transport = transportOf(target, context);
  // The gateway never connects to a closed port, so it needs no endpoints.
  const endpoints =
    transport.kind === "refused" ? [] : resolveEndpoints(target, context.model.slices, context.options, diagnostics);
  return { service: namespacedName(service.ref), port: port.port, protocol, transport, endpoints };
}

type Assembled = Pick<Emitted, "bundle" | "text" | "secrets">;
type Parts = Pick<Bundle, "listeners" | "rules" | "backends" | "policies" | "anchorSets" | "anchors">;

/** Puts the bundle together, with the keys that it needs. */
function assemble(gateway: GatewayState, listeners: readonly ListenerState[], parts: Parts, memory: Memory): Assembled {
  const { listeners: emitted, rules, backends, ...policies } = parts;
  const identity =
    gateway.kind === "valid" && gateway.clientIdentity.kind === "certificate"
      ? gateway.clientIdentity.certificate
      : null;
  const certificates = listeners.flatMap(({ verdict }) =>
    verdict.kind === "accepted" && verdict.tls !== null ? verdict.tls.certificates : [],
  );
  if (identity !== null) certificates.push(identity);
  const bundle: Omit<Bundle, "digest"> = {
    format: BUNDLE_FORMAT,
    gateway: gateway.name,
    requires: [],
    listeners: emitted,
    rules,
    backends,
    clientCertificate: identity?.digest ?? null,
    certificates: sorted(emitCertificates(certificates)),
    ...policies,
  };
  const keys = new Map(certificates.map(({ entry, key }) => [entry.keyDigest, key()]));
  return {
    ...encodeBundle({ ...bundle, requires: requirements(bundle) }, sha256, memory.texts),
    secrets: keys.size === 0 ? null : encodeSecrets(keys),
  };
}

/** What a host must be able to do to serve the bundle, in alphabetical order. */
function requirements({ listeners, backends, clientCertificate }: Omit<Bundle, "digest">): Capability[] {
  const needs: readonly [Capability, boolean][] = [
    ["client-certificates", clientCertificate !== null],
    ["client-validation", listeners.some(({ tls }) => tls !== null && tls.clientValidation !== null)],
    ["listener-certificates", listeners.some(({ tls }) => tls !== null)],
    ["websocket", Object.values(backends).some(({ protocol }) => protocol === "websocket")],
  ];
  return needs.filter(([, needed]) => needed).map(([capability]) => capability);
}

/** Certificates by digest. Secrets with the same chain share an entry, which has the name of the first one. */
function emitCertificates(certificates: readonly Certificate[]): Map<Sha256Hex, BundleCertificate> {
  const byName = [...certificates].sort((a, b) => compareStrings(b.entry.source, a.entry.source));
  return new Map(byName.map(({ digest, entry }) => [digest, entry]));
}

/** How the gateway connects to a backend, or why it does not. */
function transportOf(
  { service, port, policy }: BackendTarget,
  { gateway, model: { policies, ancestors } }: EmitContext,
): BundleTransport {
  const full = fullPolicy(policy, gateway.name, ancestors);
  if (full !== null && full.effect.kind === "enforced")
    return { kind: "refused", code: "policy-ancestors-full", policies: [full.name] };
  const covered = policyTransport(policies.coverage.get(namespacedName(service.ref)), port);
  if (covered === null) return { kind: "plaintext" };
  // The Gateway's client certificate is part of every TLS connection to a backend: without it, no connection is made.
  const closed = gateway.kind === "valid" && gateway.clientIdentity.kind === "refused";
  return closed && covered.transport.kind === "tls"
    ? { kind: "refused", code: "gateway-client-certificate", policies: [] }
    : covered.transport;
}
