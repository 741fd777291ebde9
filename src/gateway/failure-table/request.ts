/** Failures that are found before a request goes to a backend, or between client and gateway. */
import type { FailureRow } from "./row.ts";

/** One row for each code. */
export const REQUEST_FAILURES = {
  "no-listener": {
    status: 404,
    proxyError: "destination_not_found",
    meaning: "no listener for this port and host",
    cause: "The Host is no listener's `hostname`, or the deployment names another port.",
    fix: "Compare Host with the listeners; in workerd set `LASTHOP_LISTENER_PORT` when the port is not 80 or 443.",
  },
  "no-route": {
    status: 404,
    proxyError: "destination_not_found",
    meaning: "no rule matches",
    cause: "No HTTPRoute of the listener has this hostname, path, method, header or query parameter.",
    fix: "Add a rule, or see in the route's status why a rule is not served.",
  },
  "bad-host": {
    status: 400,
    proxyError: "http_request_error",
    meaning: "Host is missing or malformed",
    cause: "A client of HTTP/1.0, or a Host that is no host and port.",
    fix: "Correct the client.",
  },
  "bad-target": {
    status: 400,
    proxyError: "http_request_error",
    meaning: "the request target is no path, or has one that can be read in two ways",
    cause: "A backslash, a control character or a broken percent escape in the path.",
    fix: "Encode the path in the client (RFC 3986 §2.1).",
  },
  "method-not-allowed": {
    status: 405,
    proxyError: "http_request_error",
    meaning: "CONNECT: this is no proxy",
    cause: "A client that takes the gateway for its forward proxy.",
    fix: "Take the gateway out of the client's proxy settings.",
  },
  "client-timeout": {
    status: 408,
    proxyError: "http_request_error",
    meaning: "the request did not come whole in time; what never began is not logged",
    cause: "A slow client, or one that waits for something.",
    fix: "See [time limits](operations.md#time-limits).",
  },
  "unsupported-coding": {
    status: 501,
    proxyError: "http_request_error",
    meaning: "a transfer coding besides chunked",
    cause: "A client that sends `Transfer-Encoding: gzip`, for example.",
    fix: "Send the body with a content coding instead.",
  },
  "bundle-refused": {
    status: 500,
    proxyError: "proxy_configuration_error",
    meaning: "the bundle is cut, altered, of another format, or needs what this host cannot do",
    cause: "A bundle of another version of lasthop, or one that was written in part.",
    fix: "Build and deploy the bundle again, with the version that serves it.",
  },
  "misdirected-request": {
    status: 421,
    proxyError: "http_request_error",
    meaning: "the client's TLS connection is for another listener than its Host",
    cause: "A client that sends requests for several hosts on one connection, because one certificate names them all.",
    fix: "None is needed: clients repeat the request on another connection (RFC 9110 §15.5.20).",
  },
  "listener-capability": {
    status: 500,
    proxyError: "proxy_configuration_error",
    meaning: "this host cannot do what the listener asks for: its certificates, or validation of clients",
    cause: "An HTTPS listener with certificates in workerd, whose platform holds the certificates.",
    fix: "Serve the listener on Node, Deno or Bun, or leave TLS to the platform.",
  },
  "request-timeout": {
    status: 504,
    proxyError: "http_response_timeout",
    meaning: "the route's `timeouts.request` has passed",
    cause: "A slow backend, or a limit below what it needs.",
    fix: "Raise `timeouts.request`, or find out what the backend waits for.",
  },
  "auth-denied": {
    status: 403,
    proxyError: "http_request_denied",
    meaning:
      "the external auth server did not let the request pass: the client gets that server's answer, with its status",
    cause: "Credentials that are missing or not enough.",
    fix: "See the auth server's log; `detail` has its status.",
  },
  "auth-body-too-large": {
    status: 413,
    proxyError: "http_request_error",
    meaning: "the body is longer than `forwardBody.maxSize`",
    cause: "An upload on a route whose auth server is sent the body.",
    fix: "Raise `forwardBody.maxSize`, or leave `forwardBody` out.",
  },
} as const satisfies Readonly<Record<string, FailureRow>>;
