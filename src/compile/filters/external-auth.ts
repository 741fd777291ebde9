/** ExternalAuth filters of routes and of listeners (`HTTPExternalAuthFilter`, GEP-1494) in the form of the bundle. */
import type { BundleExternalAuth } from "../../bundle/types.ts";
import { type ResolvedBackendRef, targetOf } from "../backends/backends.ts";
import type { FieldPath, Problem } from "../diagnostics/diagnostics.ts";
import type { HTTPExternalAuthFilter } from "../kubernetes/objects.ts";
import { pathFault } from "../schema/route-rules.ts";
import { resolveFieldNames } from "./header-edits.ts";
import { unsupportedFilterValue } from "./problems.ts";

/** An ExternalAuth filter of a route or listener in the form of the bundle. What is wrong with it is added to `problems`. */
export function resolveExternalAuth(
  { protocol, http, forwardBody }: HTTPExternalAuthFilter,
  backendRef: ResolvedBackendRef,
  at: FieldPath,
  problems: Problem[],
): BundleExternalAuth {
  if (protocol === "GRPC")
    problems.push(
      unsupportedFilterValue([...at, "protocol"], "lasthop does not speak ext_authz over gRPC", "HTTP", protocol),
    );
  const path = http?.path ?? "";
  const fault = path === "" ? null : pathFault(path);
  if (fault !== null)
    problems.push(unsupportedFilterValue([...at, "http", "path"], fault, "an absolute path of plain segments", path));
  const copied = resolveFieldNames(
    http?.allowedResponseHeaders ?? [],
    [...at, "http", "allowedResponseHeaders"],
    problems,
  );
  return {
    kind: "external-auth",
    target: targetOf(backendRef),
    // The path of the request, which starts with a slash, is appended.
    pathPrefix: path.replace(/\/$/, ""),
    requestHeaders: resolveFieldNames(
      http?.allowedHeaders ?? [],
      [...at, "http", "allowedHeaders"],
      problems,
      ALWAYS_SENT,
    ),
    // "If this list is empty, then all headers from the authorization server except Authority or Host must be copied."
    responseHeaders: copied.length === 0 ? null : copied,
    maxBodyBytes: forwardBody?.maxSize ?? 0,
  };
}

/** Headers that `allowedHeaders` need not name: they "must always be sent to the authorization server, regardless of this setting". */
const ALWAYS_SENT = ["authorization", "content-length", "host"];
