/** Responses of exchanges, and the informational responses before them, on an HTTP/1.1 connection of node:http. */
import type { ServerResponse } from "node:http";
import type { ExchangeRequest, ExchangeResponse } from "../../backend/index.ts";
import { isDeno } from "./deno.ts";
import type { Pace } from "./pace.ts";
import { writeBody } from "./streams.ts";

/** Writes the response; resolves when the response is written, or cut because its body broke off, and never rejects. */
export async function writeResponse(
  response: ServerResponse,
  exchange: ExchangeResponse,
  isHead: boolean,
  pace: Pace | null = null,
): Promise<void> {
  const { status, headers, body, trailers } = exchange;
  const fields: string[] = [];
  let length: number | null = null;
  for (const [name, value] of headers) {
    fields.push(name, value);
    if (name === "content-length") length = Number(value);
  }
  try {
    if (body === null) {
      // RFC 9110 §8.6: no Content-Length with 204 and 304, nor with a response to HEAD whose length is not known.
      if (length === null && !isHead && status !== 204 && status !== 304) fields.push("content-length", "0");
      response.writeHead(status, fields).end();
      return;
    }
    response.writeHead(status, fields);
    if (body instanceof Uint8Array) {
      if (length !== null) return endWhole(response, body);
      response.write(body);
    } else {
      // Node holds a head back until the first bytes of the body, which may be long in coming. On Deno (2.9.6) a flushed
      // head keeps a TLS connection from ending, so there the head waits.
      const flushing = isDeno ? undefined : setImmediate(() => response.flushHeaders());
      await writeBody(body, response, pace).finally(() => clearImmediate(flushing));
    }
    const more = length !== null ? [] : ((await trailers) ?? []);
    if (more.length > 0) response.addTrailers(more.map(([name, value]): [string, string] => [name, value]));
    response.end();
  } catch {
    // The status is sent, so only a cut connection can tell the client that the body is not whole (RFC 9112 §8).
    response.destroy();
  }
}

/** The largest body that is cheaper to copy next to its head than to write apart from the head. */
const SMALL_BODY_BYTES = 4 * 1024;

/** Ends with a whole body. As a string a small body is written in one buffer with its head; bytes would take three. */
function endWhole(response: ServerResponse, { buffer, byteOffset, length }: Uint8Array<ArrayBuffer>): void {
  const bytes = Buffer.from(buffer, byteOffset, length);
  if (length > SMALL_BODY_BYTES) response.end(bytes);
  else response.end(bytes.toString("latin1"), "latin1");
}

/** The time that a client which expects 100 waits: a backend over HTTP/2 passes no 100 on. */
export const CONTINUE_MS = 1_000;

/** The one 100 that a client waits for (RFC 9110 §10.1.1): the backend's, or ours after `CONTINUE_MS`. */
export class Continue {
  readonly #response: ServerResponse;
  readonly #timer: ReturnType<typeof setTimeout>;
  #state: "waiting" | "sent" | "withheld" = "waiting";

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#timer = setTimeout(() => this.send(), CONTINUE_MS);
  }

  send(): void {
    if (this.#state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#state = "sent";
    if (!this.#response.destroyed) this.#response.writeContinue();
  }

  /** Ends the wait, because the final response is there; returns whether the client had its 100. */
  settle(): "sent" | "withheld" {
    clearTimeout(this.#timer);
    if (this.#state === "waiting") this.#state = "withheld";
    return this.#state === "sent" ? "sent" : "withheld";
  }
}

/**
 * The function that passes a backend's informational responses on. Node can write 100, 102, and a 103 with Link fields;
 * RFC 9110 §15.2 lets a proxy withhold others.
 */
export function informationalWriter(
  response: ServerResponse,
  awaited: Continue | null,
): NonNullable<ExchangeRequest["informational"]> {
  return (status, headers) => {
    if (response.headersSent || response.destroyed) return;
    if (status === 100) awaited?.send();
    if (status === 102) response.writeProcessing();
    if (status !== 103) return;
    const hints: Record<string, string[]> = {};
    for (const [name, value] of headers) (hints[name] ??= []).push(value);
    try {
      response.writeEarlyHints(hints);
    } catch {
      // Node takes the Link for malformed. The hint is lost, and the final response follows all the same.
    }
  };
}
