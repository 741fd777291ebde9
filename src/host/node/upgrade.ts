/** A client's connection that becomes a byte stream to its backend (RFC 9110 §7.8), or is refused that. */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { ByteStream, ExchangeResponse } from "../../backend/index.ts";
import { writeBody } from "./streams.ts";

/** How long one side may go on after the other has ended: a ByteStream ends both ways at once. */
const LINGER_MS = 5_000;

/** Asks, and does what the answer says; resolves when the connection is over, never rejects. `head`: bytes read ahead. */
export async function upgrade(
  socket: Duplex,
  head: Uint8Array,
  ask: (signal: AbortSignal) => Promise<ExchangeResponse>,
): Promise<void> {
  const left = new AbortController();
  const gone = (): void => left.abort();
  socket.on("error", gone);
  socket.once("close", gone);
  if (head.length > 0) socket.unshift(head);
  const exchange = await ask(left.signal);
  try {
    if (exchange.upgrade === null) await refuse(socket, exchange);
    else await change(socket, exchange, exchange.upgrade);
  } catch {
    // One side broke: the other learns it from the cut.
  } finally {
    exchange.upgrade?.close();
    socket.destroy();
  }
}

async function change(socket: Duplex, { headers }: ExchangeResponse, backend: ByteStream): Promise<void> {
  await write(socket, headText(101, headers, "upgrade"));
  const up = upwards(socket, backend);
  const down = downwards(backend, socket);
  await Promise.race([up, down]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const linger = new Promise<void>((resolve) => (timer = setTimeout(resolve, LINGER_MS)));
  await Promise.race([Promise.all([up, down]), linger]).finally(() => clearTimeout(timer));
  // Whichever is left ends with the streams; nobody waits for it any more.
  for (const rest of [up, down]) rest.catch(() => undefined);
}

async function upwards(socket: Duplex, backend: ByteStream): Promise<void> {
  const chunks: AsyncIterable<Uint8Array> = socket.iterator({ destroyOnReturn: false });
  for await (const chunk of chunks) await backend.write(chunk);
}

async function downwards(backend: ByteStream, socket: Duplex): Promise<void> {
  for (let bytes = await backend.read(); bytes !== null; bytes = await backend.read()) await write(socket, bytes);
  await new Promise<void>((resolve) => socket.end(resolve));
}

/** Resolves when nothing refers to `bytes` any more. */
function write(socket: Duplex, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** An ordinary response, which is the connection's last: its end is the body's. */
async function refuse(socket: Duplex, { status, headers, body }: ExchangeResponse): Promise<void> {
  await write(socket, headText(status, headers, "close"));
  if (body instanceof Uint8Array) await write(socket, body);
  else if (body !== null) await writeBody(body, socket);
  await new Promise<void>((resolve) => socket.end(resolve));
}

/** Status line and fields of a message. */
export const headText = (status: number, headers: ExchangeResponse["headers"], connection: string): Buffer =>
  Buffer.from(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n` +
      `${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}connection: ${connection}\r\n\r\n`,
    "latin1",
  );
