/**
 * Hints that a backend expects TLS although no BackendTLSPolicy covers its port, so that plaintext is likely a mistake.
 */
import type { BackendTarget } from "../backends/backends.ts";
import { PLAINTEXT_PROTOCOL } from "../backends/problems.ts";
import { namespacedName, type Note, type Problem, show, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { EndpointSlice } from "../kubernetes/core-objects.ts";
import type { PolicyState } from "../policies/state.ts";
import { field } from "../kubernetes/kinds.ts";

/** Something that suggests TLS. */
interface TlsHint {
  /** Part of a list in a message: `its number (443)`. */
  readonly text: string;
  /** The field that suggests TLS; null: it is in the Service itself. */
  readonly note: Note | null;
}

/**
 * Hints that a backend expects TLS. `endpointPorts` are the ports of its endpoints, and `mistargeted` the policies with
 * a missing target that may mean its Service.
 */
export function tlsHints(
  target: BackendTarget,
  endpointPorts: readonly number[],
  slices: readonly SourceObject<EndpointSlice>[],
  mistargeted: readonly PolicyState[],
): TlsHint[] {
  const { port } = target;
  const hints: TlsHint[] = [];
  const own = (text: string): void => void hints.push({ text, note: null });
  // An appProtocol for plaintext outweighs numbers and names, but not an explicit mention of TLS elsewhere.
  if (port.appProtocol === undefined) {
    if (isTlsPort(port.port)) own(`its number (${port.port})`);
    if (isTlsName(port.name)) own(`its name (${show(port.name)})`);
    const targetPort = field(port, "targetPort");
    if (targetPort !== port.port && (isTlsPort(targetPort) || isTlsName(targetPort)))
      own(`its targetPort (${show(targetPort)})`);
    for (const number of endpointPorts)
      if (isTlsPort(number) && number !== port.port && number !== targetPort) own(`its endpoints' port (${number})`);
  }
  for (const slice of slices) {
    const index = slice.value.ports.findIndex(({ name }) => name === port.name);
    const { appProtocol } = slice.value.ports[index] ?? {};
    if (!isTlsProtocol(appProtocol)) continue;
    const text = `appProtocol ${show(appProtocol)} of EndpointSlice ${namespacedName(slice.ref)}`;
    const message = "the slice's appProtocol";
    hints.push({ text, note: { message, object: slice, path: ["ports", index, "appProtocol"] } });
  }
  for (const policy of mistargeted.filter((each) => mayMean(each, target))) {
    const { name, object } = policy;
    const note = { message: `BackendTLSPolicy ${name}`, object, path: ["spec", "targetRefs"] };
    hints.push({ text: `BackendTLSPolicy ${name}, which attaches to no Service and may mean this one`, note });
  }
  return hints;
}

/** Whether a missing target of the policy may mean the backend's port, rather than another port of its Service. */
function mayMean({ targets }: PolicyState, { service, port }: BackendTarget): boolean {
  const { ports } = service.value.spec;
  return targets.some(
    ({ sectionName, verdict }) =>
      verdict.kind === "not-found" &&
      verdict.likely.includes(namespacedName(service.ref)) &&
      (sectionName === null || sectionName === port.name || !ports.some(({ name }) => name === sectionName)),
  );
}

/** Whether a port is 443, 8443, 9443, 10443 or the like, on which TLS servers listen by convention. */
const isTlsPort = (port: unknown): boolean =>
  (typeof port === "number" || typeof port === "string") && /^\d{0,2}443$/.test(String(port));

const TLS_WORDS = new Set(["https", "tls", "mtls", "ssl", "grpcs", "wss", "secure", "websecure"]);

/** Whether a word of a name says TLS: `https`, `web-tls`, `https2`. */
const isTlsName = (name: unknown): boolean =>
  typeof name === "string" &&
  name.split(/[^A-Za-z0-9]+/).some((word) => TLS_WORDS.has(word.toLowerCase().replace(/(?<=[a-z])\d+$/, "")));

/** Whether an appProtocol means TLS, here or in other gateways. RFC 6335 §5.1: names of IANA ignore case. */
const isTlsProtocol = (appProtocol: unknown): boolean =>
  typeof appProtocol === "string" && /^(https|tls|ssl|grpcs|wss|kubernetes\.io\/wss)$/i.test(appProtocol);

/** The warning about a port that gets plaintext although TLS is suggested. */
export function suspiciousPlaintext({ service, port }: BackendTarget, hints: readonly TlsHint[]): Problem {
  const name = namespacedName(service.ref);
  const index = service.value.spec.ports.indexOf(port);
  const note = hints.find((hint) => hint.note !== null)?.note ?? null;
  const texts = hints.slice(0, MAX_TEXTS).map(({ text }) => text);
  if (hints.length > MAX_TEXTS) texts.push(`${hints.length - MAX_TEXTS} more`);
  return {
    severity: "warning",
    code: "backend-plaintext",
    path: index < 0 ? ["spec"] : ["spec", "ports", index, "port"],
    message: `requests to port ${port.port} of Service ${name} go out in plaintext, although TLS is suggested by ${listed(texts)}`,
    expected: `a BackendTLSPolicy for the port${port.appProtocol === undefined ? `, or an appProtocol of ${PLAINTEXT_PROTOCOL}` : ""}`,
    found: port.appProtocol === undefined ? "no policy and no appProtocol" : `appProtocol ${show(port.appProtocol)}`,
    remedy: `${plaintextRemedy(service, hints)}${
      port.appProtocol === undefined
        ? `; where plaintext is meant, set appProtocol: ${PLAINTEXT_PROTOCOL} on the port`
        : ""
    }`,
    ...(note === null ? {} : { note }),
  };
}

/** Hints that a message lists. */
const MAX_TEXTS = 5;

function plaintextRemedy({ ref }: SourceObject, hints: readonly TlsHint[]): string {
  const policy = hints.find(({ note }) => note?.object.ref.kind === "BackendTLSPolicy")?.note?.object.ref;
  return policy === undefined
    ? `add a BackendTLSPolicy that targets Service ${ref.name} in namespace ${ref.namespace}`
    : `let BackendTLSPolicy ${namespacedName(policy)} target Service ${ref.name} from namespace ${ref.namespace}`;
}

/** `a`, `a and b`, `a, b and c`. */
const listed = (texts: readonly string[]): string =>
  texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)}`;
