/** The Hono app around a gateway: what hosts with a fetch handler serve. */
import { Hono } from "hono";
import type { ExchangeRequest, ExchangeResponse } from "../backend/exchange.ts";
import { failureResponse, internalFailure } from "./failures.ts";
import type { Background, Front } from "./front.ts";
import type { Gateway } from "./gateway.ts";

export interface AppBindings {
  /** The listener's side of this request, told by the host: a worker cannot see the port it was reached on. */
  readonly front: Front;
  readonly background: Background;
  /** A field's value as an exchange has it (latin-1, one character a byte), or null when this runtime has lost it. */
  readonly latin1: (value: string) => string | null;
  /** How this runtime carries an exchange in a web Response. */
  readonly respond: (response: ExchangeResponse, request: Request) => Response;
}

export function createApp(gateway: Gateway): Hono<{ Bindings: AppBindings }> {
  const app = new Hono<{ Bindings: AppBindings }>();
  app.all("*", async (context) => {
    const { front, latin1, respond, background } = context.env;
    const request = context.req.raw;
    return respond(await gateway.handle(exchangeOf(request, front, latin1), front, background), request);
  });
  // A bug of ours outside of the gateway, so there is no access record.
  app.onError((error, context) => {
    console.error(error);
    return context.env.respond(failureResponse(internalFailure(error)), context.req.raw);
  });
  return app;
}

/** A web Request as an exchange. Its URL is normalized by the runtime (dot segments), and forwarded as it then stands. */
function exchangeOf(request: Request, front: Front, latin1: AppBindings["latin1"]): ExchangeRequest {
  // Null for a Host that is none (two of them, say), which the gateway refuses.
  const url = URL.parse(request.url);
  const headers: (readonly [string, string])[] = [];
  let authority = url?.host ?? "";
  request.headers.forEach((value, name) => {
    const bytes = latin1(value);
    if (name === "host") authority = value;
    else if (bytes !== null) headers.push([name, bytes]);
  });
  // `OPTIONS *` comes as http://authority*, whose host would then be `authority*`.
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
