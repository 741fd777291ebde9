/** TLS records and HTTP/2 frames, cut from a byte stream. */

const RECORD_HEADER_BYTES = 5;
const FRAME_HEADER_BYTES = 9;

/** Calls `each` with every whole TLS record, header included (RFC 8446 §5.1). */
export const records = (each: (record: Buffer) => void): ((bytes: Buffer) => void) =>
  cut(RECORD_HEADER_BYTES, (header) => header.readUInt16BE(3), each);

/** Calls `each` with every whole HTTP/2 frame of a client, header included, after its preface (RFC 9113 §3.4, §4.1). */
export const frames = (each: (frame: Buffer) => void): ((bytes: Buffer) => void) =>
  cut(FRAME_HEADER_BYTES, (header) => header.readUIntBE(0, 3), each, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".length);

function cut(headerBytes: number, lengthOf: (header: Buffer) => number, each: (piece: Buffer) => void, skip = 0) {
  let rest = Buffer.alloc(0);
  let skipped = 0;
  return (bytes: Buffer): void => {
    const start = Math.min(skip - skipped, bytes.length);
    skipped += start;
    rest = Buffer.concat([rest, bytes.subarray(start)]);
    while (rest.length >= headerBytes) {
      const end = headerBytes + lengthOf(rest);
      if (rest.length < end) return;
      const piece = rest.subarray(0, end);
      rest = rest.subarray(end);
      each(piece);
    }
  };
}

/** A TLS record. Its version is 1.2, as that of all records on the wire. */
export function record(type: number, body: Buffer, length = body.length): Buffer {
  const header = Buffer.from([type, 3, 3, 0, 0]);
  header.writeUInt16BE(length, 3);
  return Buffer.concat([header, body]);
}

/** Types of TLS records (RFC 8446 §5.1). */
export const TYPE = { alert: 21, handshake: 22, data: 23 } as const;

/** An HTTP/2 frame; `length` stands in its head in place of the length of its payload. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer | string = "",
  length?: number,
): Buffer {
  const body = Buffer.from(payload);
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(length ?? body.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, body]);
}

/** Types of HTTP/2 frames (RFC 9113 §6). */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;

/** Numbers of four octets. */
export function u32(...values: readonly number[]): Buffer {
  const out = Buffer.alloc(4 * values.length);
  values.forEach((value, at) => out.writeUInt32BE(value, 4 * at));
  return out;
}
