/** The backends of one Gateway to which requests go in plaintext: who sends to each, why, and what suggests that it speaks TLS. */
import type { BackendId, BundleBackend, NamespacedName } from "../../bundle/types.ts";
import {
  compareStrings,
  type Diagnostics,
  type FieldPath,
  formatPath,
  namespacedName,
} from "../diagnostics/diagnostics.ts";
import type { Sender } from "./rules.ts";
import type { Slices } from "../backends/endpoints.ts";
import type { Group } from "../memory.ts";
import type { Policies } from "../policies/policies.ts";
import { tlsHints, warnOf } from "./tls-hints.ts";

export interface PlaintextBackend {
  readonly backend: BackendId;
  readonly service: NamespacedName;
  readonly port: number;
  /** Null: the Service's port has no name. */
  readonly portName: string | null;
  /** `declared`: an appProtocol says that plaintext is meant. `no-policy`: nobody says anything. */
  readonly why: "declared" | "no-policy";
  readonly appProtocol: string | null;
  /** What suggests that the backend speaks TLS; each is in a warning too. */
  readonly suspicions: readonly string[];
  /** Sorted by object, then in the object's order. */
  readonly users: readonly PlaintextUser[];
}

/** A field by which requests get there. */
export interface PlaintextUser {
  readonly kind: "backendRef" | "mirror" | "external-auth";
  /** `HTTPRoute shop/storefront`, a Gateway or a ListenerSet. */
  readonly object: string;
  /** `spec.rules[0].backendRefs[0]`. */
  readonly path: string;
}

export interface PlaintextContext {
  readonly slices: Slices;
  readonly policies: Policies;
}

export function plaintextOf(
  id: BackendId,
  { endpoints }: BundleBackend,
  senders: ReadonlyMap<BackendId, Group<Sender>>,
  { slices, policies }: PlaintextContext,
  diagnostics: Diagnostics,
): PlaintextBackend {
  const items = senders.get(id)?.items ?? [];
  const target = items[0]?.targets.get(id);
  if (target === undefined) throw new RangeError(`nobody sends to ${id}`);
  const { service, port } = target;
  const name = namespacedName(service.ref);
  const ports = [...new Set(endpoints.map((endpoint) => endpoint.port))];
  const hints = tlsHints(
    target,
    ports,
    slices.byService.get(name)?.items ?? [],
    policies.meaning.get(name)?.items ?? [],
  );
  if (hints.length > 0) diagnostics.report(service, warnOf(target, hints));
  return {
    backend: id,
    service: name,
    port: port.port,
    portName: port.name === "" ? null : port.name,
    why: port.appProtocol === undefined ? "no-policy" : "declared",
    appProtocol: port.appProtocol ?? null,
    suspicions: hints.map(({ text }) => text),
    users: usersOf(id, items),
  };
}

function usersOf(id: BackendId, senders: readonly Sender[]): PlaintextUser[] {
  const users = senders.flatMap(({ uses }) =>
    uses.flatMap(({ object, references }) => {
      const name = `${object.ref.kind} ${namespacedName(object.ref)}`;
      return references
        .filter(({ state }) => state.kind === "backend" && state.target.id === id)
        .map(({ path }): PlaintextUser => ({ kind: kindOf(path), object: name, path: formatPath(object.spell(path)) }));
    }),
  );
  return users.sort((a, b) => compareStrings(a.object, b.object));
}

function kindOf(path: FieldPath): PlaintextUser["kind"] {
  if (path.includes("requestMirror")) return "mirror";
  return path.includes("externalAuth") ? "external-auth" : "backendRef";
}
