/** Refusals of configuration by the compiler. The status condition and the diagnostic have the same code. */
import type { ConfigCode } from "../../bundle/types.ts";
import type { FailureRow } from "./row.ts";

const CLOSED = { status: 500, proxyError: "proxy_configuration_error" } as const;

/** One row for each code. */
export const REFUSED_CONFIGURATION: Readonly<Record<ConfigCode, FailureRow>> = {
  "backend-refs-empty": {
    ...CLOSED,
    meaning: "the rule has no backendRefs, or all weigh 0",
    cause: "A rule that should answer by a filter has none.",
    fix: "Add a backendRef, or a filter that answers.",
  },
  "backend-ref-not-found": {
    ...CLOSED,
    meaning: "the Service is missing",
    cause: "A misspelt name, or a Service of another namespace.",
    fix: "Apply the Service, or correct `name` and `namespace`.",
  },
  "backend-ref-kind": {
    ...CLOSED,
    meaning: "the backendRef is no Service",
    cause: "Another kind in `kind` or `group`.",
    fix: "Name a Service.",
  },
  "backend-ref-port": {
    ...CLOSED,
    meaning: "the Service has no such port",
    cause: "The pod's port instead of the Service's.",
    fix: "Name a port of `spec.ports`.",
  },
  "backend-ref-not-permitted": {
    ...CLOSED,
    meaning: "no ReferenceGrant permits this namespace",
    cause: "The route and the Service are in different namespaces.",
    fix: "Add a ReferenceGrant in the Service's namespace.",
  },
  "backend-app-protocol": {
    ...CLOSED,
    meaning: "an appProtocol lasthop does not speak",
    cause: "A port for another protocol than HTTP.",
    fix: "Name another port, or correct `appProtocol`.",
  },
  "backend-requires-policy": {
    ...CLOSED,
    meaning: "appProtocol https or kubernetes.io/wss without an accepted BackendTLSPolicy",
    cause: "The policy is missing or was not accepted.",
    fix: "Add a BackendTLSPolicy, or see its status.",
  },
  "backend-plaintext-refused": {
    ...CLOSED,
    meaning: "neither a policy nor an appProtocol accounts for plaintext, under `--require-backend-tls`",
    cause: "A backend that nobody has decided about.",
    fix: "Add a BackendTLSPolicy, or set `appProtocol: http`.",
  },
  "backend-external-name": {
    ...CLOSED,
    meaning: "type ExternalName without `--allow-external-name`",
    cause: "A Service that names a host outside of the cluster.",
    fix: "Allow it, when everybody who may write Services may also choose where requests go.",
  },
  "backend-filter-unsupported": {
    ...CLOSED,
    meaning: "a filter of a backendRef that lasthop does not do",
    cause: "An extension filter of another controller.",
    fix: "Take the filter out.",
  },
  "route-feature-unsupported": {
    ...CLOSED,
    meaning: "a filter or field lasthop does not do",
    cause: "An extension filter of another controller, or a field newer than lasthop.",
    fix: "Take it out, or see whether a newer lasthop knows it.",
  },
  "gateway-client-certificate": {
    ...CLOSED,
    meaning: "the Gateway's client certificate (`spec.tls.backend`) cannot be had: every TLS backend is closed",
    cause: "The Secret is missing, not permitted, or its key does not fit.",
    fix: "Correct the Secret, or its ReferenceGrant.",
  },
  "listener-certificates": {
    ...CLOSED,
    meaning: "no certificate of an HTTPS listener can be had",
    cause: "The Secret is missing, not permitted, or its key does not fit.",
    fix: "Correct the Secret, or its ReferenceGrant.",
  },
  "policy-ca-ref": {
    ...CLOSED,
    meaning: "no valid CA certificate",
    cause: "The ConfigMap or Secret is missing, or holds no PEM certificate of a CA under `ca.crt`.",
    fix: "Correct it; the diagnostic says what stands there.",
  },
  "policy-ca-kind": {
    ...CLOSED,
    meaning: "a kind that cannot hold a CA certificate",
    cause: "`kind` is neither ConfigMap nor Secret, or `group` is not the core group.",
    fix: "Put the certificate into a ConfigMap or Secret.",
  },
  "policy-well-known-ca": {
    ...CLOSED,
    meaning: "a well-known set other than System",
    cause: "`wellKnownCACertificates` of another implementation.",
    fix: "Use System, or `caCertificateRefs`.",
  },
  "policy-hostname": {
    ...CLOSED,
    meaning: "`hostname`, or one of `subjectAltNames`, is a name that no certificate can match",
    cause: "An IP address, a label above 63 characters, or a wildcard directly above a top-level name.",
    fix: "Use the DNS name in the backend's certificate.",
  },
  "policy-option": {
    ...CLOSED,
    meaning: "an option that lasthop does not know, or a value it cannot have",
    cause: "A misspelt `lasthop.dev/` key.",
    fix: "See [the options](build.md#backendtlspolicy).",
  },
  "policy-section-not-found": {
    ...CLOSED,
    meaning: "the Service has no port of that name",
    cause: "`sectionName` is a port's number, or the name of another Service's port.",
    fix: "Name a port of the Service.",
  },
  "policy-misplaced": {
    ...CLOSED,
    meaning: "a policy of no namespace, or of another one, names the Service",
    cause: "The policy was applied beside the route instead of the Service.",
    fix: "Move the policy into the Service's namespace.",
  },
  "policy-schema": {
    ...CLOSED,
    meaning: "the object's schema",
    cause: "A field that is missing, misspelt or of another type.",
    fix: "The diagnostic names the field.",
  },
  "policy-ancestors-full": {
    ...CLOSED,
    meaning: "16 ancestors of other controllers leave no place to report",
    cause: "More Gateways use the Service than a status can name.",
    fix: "Split the policy, or the Service.",
  },
};
