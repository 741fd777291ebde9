/**
 * The ExternalAuth filter with protocol HTTP (`HTTPExternalAuthFilter`): an auth server decides whether a request may
 * pass. "If there is any problem communicating with the external service, this filter MUST fail closed."
 */
import {
  type RequestSender,
  dropBody,
  type ExchangeRequest,
  type HeaderList,
  transportFailure,
} from "../../backend/index.ts";
import { joined } from "../../bundle/bytes.ts";
import type { BundleExternalAuth } from "../../bundle/types.ts";
import { type Answer, failed } from "../answer.ts";
import { configurationFailure, type Failure, failureOf, proxyStatus, requestFailure } from "../failures.ts";
import { endToEnd } from "../headers.ts";

type Authorized =
  /** The request may pass. `request` has the auth server's fields; its body can still be read. */
  { readonly kind: "passed"; readonly request: ExchangeRequest } | Unauthorized;

/** The answer to a request that may not pass. */
export type Unauthorized = Exclude<Answer, { kind: "response" }>;

/** Fields that describe the auth server's response itself, and so are never copied into the request. */
const ABOUT_THE_RESPONSE = new Set([
  "content-length",
  "content-type",
  "content-encoding",
  "content-language",
  "date",
  "server",
  "via",
  "set-cookie",
]);

/** Asks the auth server about `request`. Status 200 lets it pass; any other status, or no response, does not. */
export async function authorize(
  { target, pathPrefix, requestHeaders, responseHeaders, maxBodyBytes }: BundleExternalAuth,
  request: ExchangeRequest,
  backends: RequestSender,
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
    responseHeaders === null ? !ABOUT_THE_RESPONSE.has(name) : responseHeaders.includes(name),
  );
  return { kind: "passed", request: { ...forwarded, headers: replaced(forwarded.headers, copied) } };
}

/** The request's fields, with the auth server's in place of the client's of the same name. */
function replaced(headers: HeaderList, copied: HeaderList): HeaderList {
  const names = new Set(copied.map(([name]) => name));
  return [...headers.filter(([name]) => !names.has(name)), ...copied];
}

/** The client's whole body; a failure when it is longer than `maxBytes`, or breaks off. */
async function readBody(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array | Failure> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > maxBytes) {
        await reader.cancel();
        return requestFailure("auth-body-too-large", `the body has more than ${maxBytes} bytes`);
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
