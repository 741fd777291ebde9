/** The backends of one Gateway that get plaintext: why, by which fields, and what suggests that they expect TLS. */
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
import type { Group } from "../memory/groups.ts";
import type { Policies } from "../policies/policies.ts";
import { suspiciousPlaintext, tlsHints } from "./tls-hints.ts";

/** A Service port that gets plaintext. */
export interface PlaintextBackend {
  readonly backend: BackendId;
  readonly service: NamespacedName;
  readonly port: number;
  /** Name of the port; null: it has none. */
  readonly portName: string | null;
  /**
   * The reason for plaintext. `declared`: the appProtocol says that plaintext is meant. `no-policy`: no policy covers
   * the port, and no appProtocol says that plaintext is meant.
   */
  readonly why: "declared" | "no-policy";
  readonly appProtocol: string | null;
  /** Texts about fields that suggest that the backend expects TLS; a warning lists them too. */
  readonly suspicions: readonly string[];
  /** The fields by which requests are sent to the backend, sorted by object, then in the order of the object. */
  readonly users: readonly PlaintextUser[];
}

/** A field by which requests are sent to a backend. */
export interface PlaintextUser {
  readonly kind: "backendRef" | "mirror" | "external-auth";
  /** The object with the field: `HTTPRoute shop/storefront`, a Gateway or a ListenerSet. */
  readonly object: string;
  /** Path of the field: `spec.rules[0].backendRefs[0]`. */
  readonly path: string;
}

/** Facts about the backends of the Gateway. */
interface PlaintextContext {
  readonly slices: Slices;
  readonly policies: Policies;
  /** The senders to each backend, by its id. */
  readonly senders: ReadonlyMap<BackendId, Group<Sender>>;
}

/** Describes a backend that gets plaintext, and warns when something suggests that it expects TLS. */
export function plaintextOf(
  { id, backend: { endpoints } }: { readonly id: BackendId; readonly backend: BundleBackend },
  { slices, policies, senders }: PlaintextContext,
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
    policies.mistargeted.get(name)?.items ?? [],
  );
  if (hints.length > 0) diagnostics.report(service, suspiciousPlaintext(target, hints));
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
    uses.flatMap(({ object, backendRefs }) => {
      const name = `${object.ref.kind} ${namespacedName(object.ref)}`;
      return backendRefs
        .filter(({ state }) => state.kind === "backend" && state.target.id === id)
        .map(({ path }): PlaintextUser => ({
          kind: userKind(path),
          object: name,
          path: formatPath(object.spell(path)),
        }));
    }),
  );
  return users.sort((a, b) => compareStrings(a.object, b.object));
}

function userKind(path: FieldPath): PlaintextUser["kind"] {
  if (path.includes("requestMirror")) return "mirror";
  return path.includes("externalAuth") ? "external-auth" : "backendRef";
}
