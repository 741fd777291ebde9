/**
 * ExternalAuth with protocol HTTP (`HTTPExternalAuthFilter`): another server says whether a request may pass. "If there
 * is any problem communicating with the external service, this filter MUST fail closed."
 */
import type { Backends } from "../../backend/backends.ts";
import { dropBody, type ExchangeRequest, type HeaderList } from "../../backend/exchange.ts";
import { transportFailure } from "../../backend/failure.ts";
import { joined } from "../../bundle/bytes.ts";
import type { BundleExternalAuth } from "../../bundle/types.ts";
import { type Answer, failed } from "../answer.ts";
import { configurationFailure, type Failure, failureOf, proxyStatus, requestFailure } from "../failures.ts";
import { endToEnd } from "../headers.ts";

/** The request may pass, with the server's fields and with its body, read or not; or the client's answer. */
export type Authorized = { readonly kind: "passed"; readonly request: ExchangeRequest } | Unauthorized;

export type Unauthorized = Exclude<Answer, { kind: "response" }>;

/** About the server's own message, and never the request's. */
const OF_THE_MESSAGE = new Set([
  "content-length",
  "content-type",
  "content-encoding",
  "content-language",
  "date",
  "server",
  "via",
  "set-cookie",
]);

export async function authorize(
  { target, pathPrefix, requestHeaders, responseHeaders, maxBodyBytes }: BundleExternalAuth,
  request: ExchangeRequest,
  backends: Backends,
): Promise<Authorized> {
  if ("refused" in target) {
    return failed(configurationFailure(target.refused, "the external auth backendRef is refused"));
  }
  const read = maxBodyBytes === 0 || request.body === null ? null : await readBody(request.body, maxBodyBytes);
  if (read !== null && "code" in read) return failed(read);
  const forwarded: ExchangeRequest = read === null ? request : { ...request, body: bodyOf(read) };
  const allowed = new Set(["authorization", ...requestHeaders]);
  const sent = await backends.send(target.backend, {
    method: request.method,
    scheme: request.scheme,
    authority: request.authority,
    target: `${pathPrefix}${request.target === "*" ? "/" : request.target}`,
    // "Content-Length … must reflect the actual number of bytes sent"
    headers: [
      ...endToEnd(request.headers).filter(([name]) => allowed.has(name) && name !== "content-length"),
      ["content-length", String(read?.length ?? 0)],
    ],
    body: read === null || read.length === 0 ? null : bodyOf(read),
    trailers: null,
    upgrade: null,
    informational: null,
    signal: request.signal,
  });
  if (sent.kind === "failed") return failed(failureOf(sent.failure));
  const { response } = sent;
  const fields = endToEnd(response.headers);
  if (response.status !== 200) {
    const failure = requestFailure("auth-denied", `the external auth server answered ${response.status}`);
    return { kind: "denied", failure, response: { ...response, headers: [...fields, proxyStatus(failure)] } };
  }
  await dropBody(response.body);
  const copied = fields.filter(([name]) =>
    responseHeaders === null ? !OF_THE_MESSAGE.has(name) : responseHeaders.includes(name),
  );
  return { kind: "passed", request: { ...forwarded, headers: replaced(forwarded.headers, copied) } };
}

/** The server's word counts, not the client's under the same name. */
function replaced(headers: HeaderList, own: HeaderList): HeaderList {
  const names = new Set(own.map(([name]) => name));
  return [...headers.filter(([name]) => !names.has(name)), ...own];
}

/** The client's whole body, or why there is none. */
async function readBody(body: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array | Failure> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > most) {
        await reader.cancel();
        return requestFailure("auth-body-too-large", `the body has more than ${most} bytes`);
      }
      chunks.push(value.slice());
    }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return failureOf(transportFailure("request-body-failed", detail, "nothing"));
  }
  return joined(chunks);
}

const bodyOf = (bytes: Uint8Array): ReadableStream<Uint8Array> => new Blob([new Uint8Array(bytes)]).stream();
