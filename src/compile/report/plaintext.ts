/** The list of backends that get plaintext, at the end of what `build` prints. */
import type { PlaintextBackend, PlaintextUser } from "../emit/plaintext.ts";

/** Backends, and fields for each of them, that are listed; `--format json` has all. */
const MAX_BACKENDS = 50;
const MAX_USERS = 3;

/** A heading and one line for each backend, suspicious ones first, then by id. Empty when there is no backend. */
export function plaintextText(backends: readonly PlaintextBackend[]): string[] {
  if (backends.length === 0) return [];
  const ordered = [
    ...backends.filter(({ suspicions }) => suspicions.length > 0),
    ...backends.filter(({ suspicions }) => suspicions.length === 0),
  ];
  const lines = ordered.slice(0, MAX_BACKENDS).map((backend) => `  ${backendLine(backend)}`);
  const more = ordered.length - lines.length;
  if (more > 0) lines.push(`  and ${more} more: --format json lists them all`);
  const count = backends.length === 1 ? "1 backend" : `${backends.length} backends`;
  return [`Plaintext to ${count}, which no BackendTLSPolicy covers:`, ...lines];
}

function backendLine({ backend, portName, appProtocol, suspicions, users }: PlaintextBackend): string {
  const name = portName === null ? "" : ` (${portName})`;
  const why = appProtocol === null ? "nothing says that plaintext is meant" : `appProtocol ${appProtocol}`;
  const doubt = suspicions.length === 0 ? "" : ", and see the warning";
  return `${backend}${name}: ${why}${doubt}; from ${usersText(users)}`;
}

const USES: Readonly<Record<PlaintextUser["kind"], string>> = {
  backendRef: "",
  mirror: "mirror ",
  "external-auth": "external auth ",
};

function usersText(users: readonly PlaintextUser[]): string {
  const shown = users.slice(0, MAX_USERS).map(({ kind, object, path }) => `${USES[kind]}${object} ${path}`);
  const more = users.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
