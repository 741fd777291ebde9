/** The first stage of a request: checks its form, and selects the listener that serves it. */
import type { ExchangeRequest } from "../backend/index.ts";
import type { BundleListener, Capability } from "../bundle/types.ts";
import { type Failure, requestFailure } from "./failures.ts";
import type { Front } from "./front.ts";
import { type EncodedSlashes, normalizeTarget } from "./match/request.ts";
import type { Router, SelectedListener } from "./match/router.ts";

/** The outcome of the first stage. `listener` is the name of the selected listener, null when none was selected. */
type Acceptance =
  | {
      readonly kind: "accepted";
      readonly listener: string;
      readonly selected: SelectedListener;
      readonly hostname: string;
      /** The request with its target normalized. */
      readonly request: ExchangeRequest;
    }
  | { readonly kind: "refused"; readonly listener: string | null; readonly failure: Failure };

interface AcceptContext {
  readonly router: Router;
  readonly encodedSlashes?: EncodedSlashes | undefined;
  readonly capabilities: readonly Capability[];
}

/** Accepts a request whose form this gateway can serve, under the listener that its port, Host and SNI select. */
export function accept(
  request: ExchangeRequest,
  front: Front,
  { router, encodedSlashes, capabilities }: AcceptContext,
): Acceptance {
  const hostname = hostnameOf(request.authority);
  if (hostname === null) return refused(null, requestFailure("bad-host", "Host is missing or malformed"));
  // RFC 9110 §9.3.6: CONNECT asks for a tunnel to another server.
  if (request.method === "CONNECT")
    return refused(null, requestFailure("method-not-allowed", "CONNECT is for proxies"));
  const target = normalizeTarget(request.method, request.target, encodedSlashes);
  if (target === null) return refused(null, requestFailure("bad-target", BAD_TARGET));
  const selected = router.select(front.port, hostname, front.sni);
  if (selected.kind === "no-listener")
    return refused(null, requestFailure("no-listener", `no listener on port ${front.port} for ${hostname}`));
  const { name } = selected.listener;
  if (selected.kind === "misdirected-request") {
    const detail = `the connection is for ${front.sni}, the request for ${hostname}`;
    return refused(name, requestFailure("misdirected-request", detail));
  }
  const lacking = lackingFor(selected.listener, capabilities);
  if (lacking !== null)
    return refused(name, requestFailure("listener-capability", `listener ${name}: this host cannot do ${lacking}`));
  return { kind: "accepted", listener: name, selected, hostname, request: { ...request, target } };
}

const refused = (listener: string | null, failure: Failure): Acceptance => ({ kind: "refused", listener, failure });

const BAD_TARGET = "the target is not in origin form, or has a path that can be read in two ways";

/** The first capability that `listener` needs and the host lacks, or null. */
function lackingFor({ tls }: BundleListener, capabilities: readonly Capability[]): Capability | null {
  if (tls === null) return null;
  if (!capabilities.includes("listener-certificates")) return "listener-certificates";
  return tls.clientValidation !== null && !capabilities.includes("client-validation") ? "client-validation" : null;
}

/**
 * The hostname of an authority: lower case, without port and root dot (`a.example.com.` is the same host, and must match
 * the same routes). Null for what is neither an IPv6 address nor labels of letters, digits, `-` and `_`: RFC 9112 §3.2
 * asks for a 400.
 */
export function hostnameOf(authority: string): string | null {
  const parsed = /^(?<host>\[[0-9A-Fa-f:.]+\]|[\w-]+(?:\.[\w-]+)*)\.?(?::[0-9]{0,5})?$/.exec(authority);
  return parsed?.groups?.["host"]?.toLowerCase() ?? null;
}
