/**
 * WebSockets in workerd. The client's side is a WebSocketPair, which gives messages and no bytes; the backend's side is the
 * byte stream behind a 101. So the worker makes a handshake of its own with the backend, and frames messages anew (RFC 6455).
 */
import { createHash, randomBytes } from "node:crypto";
import {
  type Backends,
  type ByteStream,
  type ExchangeRequest,
  type ExchangeResponse,
  type HeaderList,
  transportFailure,
} from "../../backend/index.ts";
import { relay } from "./relay.ts";
import { toWorkerd } from "./fields.ts";

/** The text that is hashed behind the client's key (RFC 6455 §1.3). */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** The fields of one handshake. `sec-websocket-protocol` belongs to the application, and is forwarded. */
const HANDSHAKE_FIELDS = new Set([
  "sec-websocket-key",
  "sec-websocket-version",
  "sec-websocket-extensions",
  "sec-websocket-accept",
]);

/** A `send` that opens WebSockets by a handshake of its own, and fails when the backend's answer to the handshake is wrong. */
export function openingWebSockets(send: Backends["send"]): Backends["send"] {
  return async (id, request, options) => {
    if (request.upgrade !== "websocket") return send(id, request, options);
    const key = randomBytes(16).toString("base64");
    const sent = await send(
      id,
      { ...request, headers: [...withoutHandshake(request.headers), ...handshakeFields(key)] },
      options,
    );
    if (sent.kind === "failed" || sent.response.status !== 101) return sent;
    const fault = openingFault(request, sent.response, key);
    if (fault === null) {
      return { ...sent, response: { ...sent.response, headers: withoutHandshake(sent.response.headers) } };
    }
    sent.response.upgrade?.close();
    const detail = `expected a WebSocket handshake, got ${fault}`;
    return {
      kind: "failed",
      failure: transportFailure("http-protocol-error", detail, "maybe"),
      endpoint: sent.endpoint,
    };
  };
}

/** The 101 for the client. `background` keeps passing messages on after the response. */
export function respondWebSocket(
  headers: HeaderList,
  backend: ByteStream,
  background: (work: Promise<void>) => void,
): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  background(relay(server, backend));
  // workerd writes these two fields itself.
  const kept = headers.filter(([name]) => name !== "upgrade" && name !== "connection");
  return new Response(null, { status: 101, webSocket: client, headers: toWorkerd(kept) });
}

const handshakeFields = (key: string): HeaderList => [
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", key],
];

const withoutHandshake = (headers: HeaderList): HeaderList => headers.filter(([name]) => !HANDSHAKE_FIELDS.has(name));

/** The reason for which a client MUST fail the connection (RFC 6455 §4.1), or null. */
function openingFault({ headers }: ExchangeRequest, response: ExchangeResponse, key: string): string | null {
  const accept = createHash("sha1")
    .update(key + ACCEPT_SUFFIX)
    .digest("base64");
  if (response.upgrade === null || valueOf(response.headers, "upgrade")?.toLowerCase() !== "websocket")
    return "another protocol";
  if (valueOf(response.headers, "sec-websocket-accept") !== accept) return "a wrong Sec-WebSocket-Accept";
  // The worker offers no extension: the client negotiates its own with workerd.
  if (valueOf(response.headers, "sec-websocket-extensions") !== null) return "an extension nobody asked for";
  const protocol = valueOf(response.headers, "sec-websocket-protocol");
  const offered = (valueOf(headers, "sec-websocket-protocol") ?? "").split(",").map((each) => each.trim());
  return protocol === null || offered.includes(protocol) ? null : "a subprotocol nobody asked for";
}

function valueOf(headers: HeaderList, wanted: string): string | null {
  const values = headers.filter(([name]) => name === wanted).map(([, value]) => value.trim());
  return values.length === 0 ? null : values.join(", ");
}
