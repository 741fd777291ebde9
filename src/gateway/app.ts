/** The Hono app around a gateway: what hosts with a fetch handler serve. */
import { Hono } from "hono";
import type { ExchangeRequest, ExchangeResponse, HeaderList } from "../backend/exchange.ts";
import type { Gateway } from "./gateway.ts";
import type { Front } from "./headers.ts";

export interface AppBindings {
  /** The listener's side of this request, told by the host: a worker cannot see the port it was reached on. */
  readonly front: Front;
  /** How this runtime carries an exchange in a web Response. */
  readonly respond: (response: ExchangeResponse, request: Request) => Response;
}

export function createApp(gateway: Gateway): Hono<{ Bindings: AppBindings }> {
  const app = new Hono<{ Bindings: AppBindings }>();
  app.all("*", async (context) => {
    const { front, respond } = context.env;
    const request = context.req.raw;
    return respond(await gateway.handle(exchangeOf(request, front), front), request);
  });
  return app;
}

/** A web Request as an exchange. Its URL is normalized by the runtime (dot segments), and forwarded as it then stands. */
function exchangeOf(request: Request, front: Front): ExchangeRequest {
  const url = new URL(request.url);
  const headers: (readonly [string, string])[] = [];
  let authority = url.host;
  request.headers.forEach((value, name) => {
    if (name === "host") authority = value;
    else headers.push([name, value]);
  });
  return {
    method: request.method,
    scheme: front.scheme,
    authority,
    target: `${url.pathname}${url.search}`,
    headers,
    body: request.body,
    signal: request.signal,
  };
}

/** Fields of an exchange as web Headers; `set-cookie` and others may repeat. */
export function webHeaders(headers: HeaderList): Headers {
  const fields = new Headers();
  for (const [name, value] of headers) fields.append(name, value);
  return fields;
}
