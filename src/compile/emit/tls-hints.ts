/** What suggests that a backend speaks TLS, although no BackendTLSPolicy covers its port: then plaintext is likely a mistake. */
import { type BackendTarget, PLAINTEXT_PROTOCOL } from "../backends/backends.ts";
import { namespacedName, type Note, type Problem, show, type SourceObject } from "../diagnostics/diagnostics.ts";
import type { EndpointSlice } from "../kubernetes/objects.ts";
import type { PolicyState } from "../policies/policies.ts";
import { field } from "../kubernetes/kinds.ts";

export interface TlsHint {
  /** `its number (443)`. */
  readonly text: string;
  /** Where it stands, unless it is the Service itself. */
  readonly note: Note | null;
}

/** `endpointPorts`: those behind the Service's port. `astray`: policies whose target may have meant the Service. */
export function tlsHints(
  target: BackendTarget,
  endpointPorts: readonly number[],
  slices: readonly SourceObject<EndpointSlice>[],
  astray: readonly PolicyState[],
): TlsHint[] {
  const { port } = target;
  const hints: TlsHint[] = [];
  const own = (text: string): void => void hints.push({ text, note: null });
  // An appProtocol that says plaintext outweighs what numbers and names say, but not who says TLS in as many words.
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
  for (const policy of astray.filter((each) => mayMean(each, target))) {
    const { name, object } = policy;
    const note = { message: `BackendTLSPolicy ${name}`, object, path: ["spec", "targetRefs"] };
    hints.push({ text: `BackendTLSPolicy ${name}, which attaches to no Service and may mean this one`, note });
  }
  return hints;
}

/** Not where the policy names another port of the Service. */
function mayMean({ targets }: PolicyState, { service, port }: BackendTarget): boolean {
  const { ports } = service.value.spec;
  return targets.some(
    ({ sectionName, verdict }) =>
      verdict.kind === "not-found" &&
      verdict.meant.includes(namespacedName(service.ref)) &&
      (sectionName === null || sectionName === port.name || !ports.some(({ name }) => name === sectionName)),
  );
}

/** 443, 8443, 9443, 10443, …: what servers of TLS take by custom. */
const isTlsPort = (port: unknown): boolean =>
  (typeof port === "number" || typeof port === "string") && /^\d{0,2}443$/.test(String(port));

const TLS_WORDS = new Set(["https", "tls", "mtls", "ssl", "grpcs", "wss", "secure", "websecure"]);

/** `https`, `web-tls`, `https2`: a word of the name says TLS. */
const isTlsName = (name: unknown): boolean =>
  typeof name === "string" &&
  name.split(/[^A-Za-z0-9]+/).some((word) => TLS_WORDS.has(word.toLowerCase().replace(/(?<=[a-z])\d+$/, "")));

/** RFC 6335 §5.1: IANA's names ignore case. `tls` and `grpcs` are what other gateways take. */
const isTlsProtocol = (appProtocol: unknown): boolean =>
  typeof appProtocol === "string" && /^(https|tls|ssl|grpcs|wss|kubernetes\.io\/wss)$/i.test(appProtocol);

/** One warning a port, at the Service. */
export function warnOf({ service, port }: BackendTarget, hints: readonly TlsHint[]): Problem {
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
    remedy: `${remedyFor(service, hints)}${
      port.appProtocol === undefined
        ? `; where plaintext is meant, set appProtocol: ${PLAINTEXT_PROTOCOL} on the port`
        : ""
    }`,
    ...(note === null ? {} : { note }),
  };
}

const MAX_TEXTS = 5;

function remedyFor({ ref }: SourceObject, hints: readonly TlsHint[]): string {
  const astray = hints.find(({ note }) => note?.object.ref.kind === "BackendTLSPolicy")?.note?.object.ref;
  return astray === undefined
    ? `add a BackendTLSPolicy that targets Service ${ref.name} in namespace ${ref.namespace}`
    : `let BackendTLSPolicy ${namespacedName(astray)} target Service ${ref.name} from namespace ${ref.namespace}`;
}

const listed = (texts: readonly string[]): string =>
  texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)}`;
