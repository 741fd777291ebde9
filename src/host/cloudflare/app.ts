/** The Hono app around a gateway: web Requests as exchanges, and back. */
import { Hono } from "hono";
import type { ExchangeRequest, ExchangeResponse } from "../../backend/index.ts";
import { type Background, failureResponse, type Front, type Gateway, internalFailure } from "../../gateway/index.ts";

/** Values that the host hands to the app with each request, as Hono's `env`. */
interface AppBindings {
  /** The client's side of this request. The app cannot see the port that the client connected to, so the host names it. */
  readonly front: Front;
  readonly background: Background;
  /** Turns a field's value into latin-1 (one character a byte), as an exchange has it; null when bytes of it are lost. */
  readonly latin1: (value: string) => string | null;
  /** Turns the exchange's response into this runtime's web Response. */
  readonly respond: (response: ExchangeResponse, request: Request) => Response;
}

/** An app that answers every request from `gateway`. A bug of ours outside of the gateway is answered with a 500. */
export function createApp(gateway: Gateway): Hono<{ Bindings: AppBindings }> {
  const app = new Hono<{ Bindings: AppBindings }>();
  app.all("*", async (context) => {
    const { front, latin1, respond, background } = context.env;
    const request = context.req.raw;
    return respond(await gateway.handle(exchangeOf(request, front, latin1), front, background), request);
  });
  // The error was thrown outside of the gateway, so there is no access record of this request.
  app.onError((error, context) => {
    console.error(error);
    return context.env.respond(failureResponse(internalFailure(error)), context.req.raw);
  });
  return app;
}

/** The exchange of a web Request. The runtime has already resolved dot segments in its URL: that URL is forwarded. */
function exchangeOf(request: Request, front: Front, latin1: AppBindings["latin1"]): ExchangeRequest {
  // The URL is null when Host is malformed (two Host fields, for example); the gateway refuses such a request.
  const url = URL.parse(request.url);
  const headers: (readonly [string, string])[] = [];
  let authority = url?.host ?? "";
  request.headers.forEach((value, name) => {
    const bytes = latin1(value);
    if (name === "host") authority = value;
    else if (bytes !== null) headers.push([name, bytes]);
  });
  // The runtime presents `OPTIONS *` as the URL http://authority*, whose host would be `authority*`.
  const isServerWide = request.method === "OPTIONS" && request.url === `${url?.protocol}//${authority}*`;
  return {
    method: request.method,
    scheme: front.scheme,
    authority,
    target: isServerWide ? "*" : `${url?.pathname ?? "/"}${url?.search ?? ""}`,
    headers,
    body: request.body,
    trailers: null,
    upgrade: request.headers.get("upgrade")?.toLowerCase() ?? null,
    informational: null,
    signal: request.signal,
  };
}
