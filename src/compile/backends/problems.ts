/** Problems of backendRefs and of the endpoints of their Services, one constructor for each. */
import type { ConfigCode } from "../../bundle/types.ts";
import type { UnresolvedReason } from "../diagnostics/conditions.ts";
import { causeOf, type FieldPath, type Problem, show } from "../diagnostics/diagnostics.ts";
import type { BackendObjectReference } from "../kubernetes/objects.ts";
import type { ServicePort } from "../kubernetes/core-objects.ts";
import type { Absence } from "../references/absent.ts";

/** A problem of a backendRef, with the reason that `ResolvedRefs` gives for it. */
export interface BackendRefProblem extends Problem<ConfigCode> {
  readonly reason: UnresolvedReason;
}

/** A backendRef to another kind than Service. `at` is the path of the backendRef, here and below. */
export const wrongBackendKind = (at: FieldPath, { group, kind }: BackendObjectReference): BackendRefProblem => ({
  code: "backend-ref-kind",
  reason: "InvalidKind",
  path: [...at, "kind"],
  message: "lasthop forwards to Services alone",
  expected: 'group "" and kind Service',
  found: `${show(group)} ${kind}`,
  remedy: "name a Service",
});

/** A backendRef to the Service `namespace/name`, which does not exist, or is refused itself where `absence` is null. */
export const missingBackend = (at: FieldPath, service: string, absence: Absence | null): BackendRefProblem => ({
  code: "backend-ref-not-found",
  reason: "BackendNotFound",
  path: [...at, "name"],
  message: absence?.message ?? `Service ${service} is refused itself`,
  expected: "a Service",
  found: show(service.slice(service.indexOf("/") + 1)),
  remedy: absence?.remedy ?? "correct the Service",
  cause: causeOf("Service", service),
});

/** A Service of type ExternalName, without --allow-external-name. */
export const externalName = (at: FieldPath, service: string, name: string | undefined): BackendRefProblem => ({
  code: "backend-external-name",
  reason: "UnsupportedValue",
  path: [...at, "name"],
  message: `Service ${service} is of type ExternalName, which its author can point anywhere (CVE-2021-25740)`,
  expected: "a Service with EndpointSlices",
  found: show(name),
  remedy: "use a Service with EndpointSlices, or build with --allow-external-name",
});

/** A port that is no TCP port of the Service; `known` are the ports that it has. */
export const missingPort = (
  at: FieldPath,
  service: string,
  port: number | undefined,
  known: readonly ServicePort[],
): BackendRefProblem => ({
  code: "backend-ref-port",
  reason: "BackendNotFound",
  path: [...at, "port"],
  message: `Service ${service} has no such TCP port`,
  expected: known.length === 0 ? "a Service with ports" : `one of ${known.map((own) => own.port).join(", ")}`,
  found: show(port),
  remedy: "use one of the Service's ports",
});

/** An appProtocol that is not one of `known`. */
export const unknownAppProtocol = (
  at: FieldPath,
  service: string,
  { port, appProtocol }: ServicePort,
  known: readonly string[],
): BackendRefProblem => ({
  code: "backend-app-protocol",
  reason: "UnsupportedProtocol",
  path: [...at, "port"],
  message: `port ${port} of Service ${service} has an appProtocol that lasthop does not speak`,
  expected: `one of ${known.join(", ")}`,
  found: show(appProtocol),
  remedy: `write appProtocol: ${likelyProtocol(appProtocol ?? "")}`,
});

/** The appProtocol that is meant by a spelling of other gateways. To leave appProtocol out would mean plaintext. */
function likelyProtocol(appProtocol: string): string {
  const word = appProtocol.trim().toLowerCase().split("/").at(-1) ?? "";
  if (word === "wss") return "kubernetes.io/wss, and add a BackendTLSPolicy";
  if (/^(https|tls|ssl|grpcs)$/.test(word)) return "https, and add a BackendTLSPolicy";
  if (/^(h2c|http2|grpc)$/.test(word))
    return "kubernetes.io/h2c for plaintext, or https with a BackendTLSPolicy for TLS";
  return word === "ws" ? "kubernetes.io/ws" : "http for plaintext, or https with a BackendTLSPolicy for TLS";
}

/** An appProtocol that means TLS, on a port without a policy. */
export const missingPolicy = (at: FieldPath, service: string, appProtocol: string): BackendRefProblem => ({
  code: "backend-requires-policy",
  reason: "UnsupportedProtocol",
  path: [...at, "port"],
  message: `appProtocol ${appProtocol} of Service ${service} promises TLS, and no BackendTLSPolicy says whom to trust`,
  expected: "an accepted BackendTLSPolicy for the port",
  found: "none",
  remedy: "add a BackendTLSPolicy for the Service",
});

/** The values of `appProtocol` that mean plaintext, where no policy says otherwise. */
export const PLAINTEXT_PROTOCOL = "http, kubernetes.io/h2c or kubernetes.io/ws";

/**
 * A port that would get plaintext although no appProtocol says that plaintext is meant, under --require-backend-tls.
 */
export const plaintextRefused = (at: FieldPath, service: string, port: number): BackendRefProblem => ({
  code: "backend-plaintext-refused",
  reason: "UnsupportedProtocol",
  path: [...at, "port"],
  message: `port ${port} of Service ${service} would get plaintext: no BackendTLSPolicy covers it, and no appProtocol says that plaintext is meant, as --require-backend-tls asks`,
  expected: `a BackendTLSPolicy for the port, or an appProtocol of ${PLAINTEXT_PROTOCOL}`,
  found: "neither",
  remedy: `add a BackendTLSPolicy for the Service; where plaintext is meant, set appProtocol: ${PLAINTEXT_PROTOCOL} on its port`,
});

/** An appProtocol that needs an ALPN protocol which the policy's lasthop.dev/alpn leaves out. */
export const missingAlpn = (
  at: FieldPath,
  service: string,
  { appProtocol, needed }: { readonly appProtocol: string; readonly needed: string },
  offered: readonly string[],
): BackendRefProblem => ({
  code: "backend-app-protocol",
  reason: "UnsupportedProtocol",
  path: [...at, "port"],
  message: `appProtocol ${appProtocol} of Service ${service} needs ${needed}, which its BackendTLSPolicy's lasthop.dev/alpn leaves out`,
  expected: needed,
  found: offered.join(", "),
  remedy: "correct lasthop.dev/alpn, or appProtocol",
});

/**
 * A port that a refused policy closes: "a BackendTLSPolicy is present that refers to the Service, and the implementation is
 * unable to meet the requirement".
 */
export function closedPort(
  at: FieldPath,
  service: string,
  port: ServicePort,
  { code, policies }: { readonly code: ConfigCode; readonly policies: readonly string[] },
): BackendRefProblem {
  const [policy] = policies;
  const isMisplaced = code === "policy-misplaced";
  return {
    code,
    reason: "InvalidBackendTLSPolicy",
    path: [...at, "port"],
    message: `port ${port.port} of Service ${service} is closed by BackendTLSPolicy ${policies.join(", ")}, which ${
      isMisplaced ? "is not in the Service's namespace" : "is refused"
    }`,
    expected: "an accepted BackendTLSPolicy",
    remedy: isMisplaced ? "put the policy into the Service's namespace" : "correct the policy",
    ...(policy === undefined ? {} : { cause: causeOf("BackendTLSPolicy", policy) }),
  };
}

/** A port whose addresses are all refused. */
export const noUsableAddress = (path: FieldPath, port: number, refused: number): Problem => ({
  code: "backend-no-usable-address",
  path,
  message: `every address of port ${port} is refused, so requests are answered 503`,
  expected: "an address that the gateway may connect to",
  found: `${refused} refused`,
  remedy: "see the warnings about its addresses",
});

/** A port without a ready endpoint. `slice` describes the EndpointSlice that would be one of its own. */
export const noReadyEndpoint = (path: FieldPath, port: number, slice: string): Problem => ({
  code: "backend-no-endpoints",
  severity: "warning",
  path,
  message: `port ${port} has no ready endpoint, so requests are answered 503`,
  expected: slice,
  remedy: "add the EndpointSlice: kubectl get endpointslices -o yaml",
});

/** An address of an endpoint that is refused. */
export const refusedEndpoint = (
  path: FieldPath,
  { found, remedy }: { readonly found: string; readonly remedy: string },
): Problem => ({
  severity: "warning",
  code: "endpoint-address",
  path,
  message: "this address is refused",
  expected: "an address that the gateway may connect to",
  found,
  remedy,
});

/** A lasthop.dev/addresses annotation that is not honoured, or an entry of it that cannot be used. */
export const badAnnotation = (path: FieldPath, annotation: string, message: string, remedy: string): Problem => ({
  code: "address-annotation",
  path,
  message,
  expected: "HOST:PORT, or NAME=HOST:PORT where the Service has several ports, comma separated",
  found: show(annotation),
  remedy,
});
