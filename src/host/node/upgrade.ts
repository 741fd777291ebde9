/** Upgrade (RFC 9110 §7.8): a client's connection becomes a byte stream to its backend, when the backend agrees. */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type ByteStream, type ExchangeResponse, RequestAbort, type RequestSignal } from "../../backend/index.ts";
import { writeBody } from "./streams.ts";

/** The time that one side has after the other has ended, because a ByteStream cannot end a single direction. */
const OTHER_SIDE_MS = 5_000;

/**
 * Sends the request by `ask` and does what the response says; resolves when the connection has closed, and never rejects.
 * `head` are bytes that were read behind the request's head.
 */
export async function upgrade(
  socket: Duplex,
  head: Uint8Array,
  ask: (signal: RequestSignal) => Promise<ExchangeResponse>,
): Promise<void> {
  const aborted = new RequestAbort();
  const abort = (): void => aborted.abort();
  socket.on("error", abort);
  socket.once("close", abort);
  if (head.length > 0) socket.unshift(head);
  const exchange = await ask(aborted);
  try {
    if (exchange.upgrade === null) await respondAndClose(socket, exchange);
    else await switchProtocols(socket, exchange, exchange.upgrade);
  } catch {
    // One side has broken off. The other side sees that its connection is closed, below.
  } finally {
    exchange.upgrade?.close();
    socket.destroy();
  }
}

async function switchProtocols(socket: Duplex, { headers }: ExchangeResponse, backend: ByteStream): Promise<void> {
  await write(socket, headText(101, headers, "upgrade"));
  const up = upwards(socket, backend);
  const down = downwards(backend, socket);
  await Promise.race([up, down]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const linger = new Promise<void>((resolve) => (timer = setTimeout(resolve, OTHER_SIDE_MS)));
  await Promise.race([Promise.all([up, down]), linger]).finally(() => clearTimeout(timer));
  // The other direction rejects when the streams are closed; that rejection is expected.
  for (const rest of [up, down]) rest.catch(() => undefined);
}

/**
 * Passes bytes on between a client and its backend until both have ended, or one some time after the other. Resolves then,
 * and never rejects; the caller closes both.
 */
export async function relayStreams(client: ByteStream, backend: ByteStream): Promise<void> {
  const up = passOn(client, backend).catch(() => undefined); // The other side sees that its connection is closed.
  const down = passOn(backend, client)
    .then(() => client.close())
    .catch(() => undefined);
  await Promise.race([up, down]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const linger = new Promise<void>((resolve) => (timer = setTimeout(resolve, OTHER_SIDE_MS)));
  await Promise.race([Promise.all([up, down]), linger]).finally(() => clearTimeout(timer));
}

async function passOn(from: ByteStream, to: ByteStream): Promise<void> {
  for (let bytes = await from.read(); bytes !== null; bytes = await from.read()) await to.write(bytes);
}

async function upwards(socket: Duplex, backend: ByteStream): Promise<void> {
  const chunks: AsyncIterable<Uint8Array> = socket.iterator({ destroyOnReturn: false });
  for await (const chunk of chunks) await backend.write(chunk);
}

async function downwards(backend: ByteStream, socket: Duplex): Promise<void> {
  for (let bytes = await backend.read(); bytes !== null; bytes = await backend.read()) await write(socket, bytes);
  await new Promise<void>((resolve) => socket.end(resolve));
}

/** Writes `bytes`; resolves when the socket no longer refers to them. */
function write(socket: Duplex, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Writes an ordinary response and closes the connection, whose end is the end of the body. */
async function respondAndClose(socket: Duplex, { status, headers, body }: ExchangeResponse): Promise<void> {
  await write(socket, headText(status, headers, "close"));
  if (body instanceof Uint8Array) await write(socket, body);
  else if (body !== null) await writeBody(body, socket);
  await new Promise<void>((resolve) => socket.end(resolve));
}

/** The head of a response: status line and fields, with `Connection`. */
export const headText = (status: number, headers: ExchangeResponse["headers"], connection: string): Buffer =>
  Buffer.from(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n` +
      `${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}connection: ${connection}\r\n\r\n`,
    "latin1",
  );
