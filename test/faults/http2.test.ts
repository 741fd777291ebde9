/** Malformed HTTP/2: a fault of a stream ends its request, a fault of the connection ends the connection. */
import {
  block,
  data,
  fields,
  first,
  framesTable,
  http2Suites,
  type Pair,
  repeated,
  second,
  setting,
  SETTING,
} from "./http2.ts";
import type { Faults } from "./http1.ts";
import { FRAME, frame, u32 } from "./records.ts";
import { ACK, END_HEADERS, END_STREAM, field, head, OK, okFrames, saying, STATUS_200 } from "./speak.ts";

const MALFORMED = "502 http-protocol-error";
const PADDED = 8;
/** An informational response, 103. */
const interim = (stream: number): Buffer => block(stream, field(":status", "103"));
/** A fault that sends frames before an answer that would be good without them. */
const then = (...bytes: readonly Buffer[]): ((stream: number) => Buffer) => {
  return (stream) => Buffer.concat([...bytes, okFrames(stream)]);
};

const FRAMES: Faults = {
  ...framesTable(
    {
      "a frame of 16 MB": (stream) => frame(FRAME.headers, END_HEADERS, stream, "", 0xffffff),
      "DATA of stream 0": then(data(0, "x")),
      "DATA of a stream that nobody opened": then(data(99, "x")),
      "HEADERS of stream 0": then(head(0)),
      "HEADERS of a stream that nobody opened": then(head(99)),
      "HEADERS of an even stream": then(head(2)),
      "a reset of stream 0": then(frame(FRAME.reset, 0, 0, u32(8))),
      "a reset of a stream that nobody opened": then(frame(FRAME.reset, 0, 99, u32(8))),
      "a reset of three bytes": then(frame(FRAME.reset, 0, 1, "xxx")),
      "a priority of four bytes": then(frame(FRAME.priority, 0, 1, "xxxx")),
      "PING of seven bytes": then(frame(FRAME.ping, 0, 0, "xxxxxxx")),
      "PING of a stream": then(frame(FRAME.ping, 0, 1, "xxxxxxxx")),
      "GOAWAY of a stream": then(frame(FRAME.goaway, 0, 1, u32(0, 0))),
      "GOAWAY of four bytes": then(frame(FRAME.goaway, 0, 0, u32(0))),
      "SETTINGS of a stream": then(frame(FRAME.settings, 0, 1)),
      "SETTINGS of five bytes": then(frame(FRAME.settings, 0, 0, "xxxxx")),
      "an acknowledgement with a setting": then(frame(FRAME.settings, ACK, 0, setting(SETTING.frame, 16_384))),
      "an initial window beyond 2^31": then(frame(FRAME.settings, 0, 0, setting(SETTING.window, 0x80000000))),
      "frames of one byte at most": then(frame(FRAME.settings, 0, 0, setting(SETTING.frame, 1))),
      "a push of 2": then(frame(FRAME.settings, 0, 0, setting(SETTING.push, 2))),
      "a window's update by 0": then(frame(FRAME.window, 0, 0, u32(0))),
      "a window's update beyond 2^31": then(frame(FRAME.window, 0, 0, u32(0x7fffffff))),
      "a window's update of three bytes": then(frame(FRAME.window, 0, 0, "xxx")),
      "CONTINUATION without HEADERS": then(frame(FRAME.continuation, END_HEADERS, 1, STATUS_200)),
      "HEADERS that another frame interrupts": (stream) =>
        Buffer.concat([block(stream, STATUS_200, 0), frame(FRAME.ping, 0, 0, "xxxxxxxx"), data(stream, "ok")]),
      "HEADERS that another stream continues": (stream) =>
        Buffer.concat([block(stream, STATUS_200, 0), frame(FRAME.continuation, END_HEADERS, stream + 2, "")]),
      "more padding than frame": (stream) =>
        Buffer.concat([frame(FRAME.headers, END_HEADERS | PADDED, stream, Buffer.from([9, 0x88]))]),
      "a promise": (stream) =>
        Buffer.concat([frame(FRAME.push, END_HEADERS, stream, Buffer.concat([u32(2), STATUS_200])), okFrames(stream)]),
    },
    MALFORMED,
  ),
  ...framesTable(
    {
      "an unknown frame": then(frame(99, 255, 1, "xxxx")),
      "an unknown setting": then(frame(FRAME.settings, 0, 0, setting(99, 99))),
      "a priority": then(frame(FRAME.priority, 0, 1, "xxxxx")),
      padding: (stream) =>
        Buffer.concat([
          frame(FRAME.headers, END_HEADERS | PADDED, stream, Buffer.from([2, 0x88, 0, 0])),
          frame(FRAME.data, END_STREAM | PADDED, stream, Buffer.from("\x03ok\0\0\0")),
        ]),
    },
    "200 ok",
  ),
  "a frame beyond the limit": () => ({
    speak: first((stream) => Buffer.concat([head(stream), data(stream, Buffer.alloc(16_385))])),
    expect: "200, then http-protocol-error",
  }),
  "HTTP/1.1": () => ({ speak: saying(OK), expect: MALFORMED }),
  "bytes of nothing": () => ({
    speak: (socket) => void socket.once("data", () => socket.write(Buffer.alloc(1_000, 0xff))),
    expect: MALFORMED,
  }),
  // h2 waits for SETTINGS and minds no frame before them.
  "a preface that is no SETTINGS": () => ({
    speak: (socket) => {
      socket.write(frame(FRAME.ping, 0, 0, "xxxxxxxx"));
      first(okFrames)(socket);
    },
    expect: "200 ok",
  }),
};

const coded = (bytes: readonly number[]): ((stream: number) => Buffer) => {
  return (stream) => block(stream, Buffer.from(bytes), END_HEADERS | END_STREAM);
};
/** An answer that would be good without these fields. */
const besides = (...pairs: readonly Pair[]): ((stream: number) => Buffer) => {
  return (stream) => Buffer.concat([head(stream, fields(...pairs)), data(stream, "ok")]);
};
const instead = (...pairs: readonly Pair[]): ((stream: number) => Buffer) => {
  return (stream) => Buffer.concat([block(stream, fields(...pairs)), data(stream, "ok")]);
};

const FIELDS: Faults = {
  ...framesTable(
    {
      "no status": instead(["x", "y"]),
      "two statuses": besides([":status", "200"]),
      "a status after a field": instead(["x", "y"], [":status", "200"]),
      "a status above 599": instead([":status", "600"]),
      connection: besides(["connection", "close"]),
      "keep-alive": besides(["keep-alive", "timeout=5"]),
      "proxy-connection": besides(["proxy-connection", "close"]),
      "transfer-encoding": besides(["transfer-encoding", "chunked"]),
      upgrade: besides(["upgrade", "h2c"]),
      "a length that is no number": besides(["content-length", "x"]),
      "two lengths": besides(["content-length", "2"], ["content-length", "3"]),
    },
    MALFORMED,
    { keeps: true },
  ),
  ...framesTable(
    {
      "a status that is no number": instead([":status", "abc"]),
      "a status of two digits": instead([":status", "20"]),
      "101": instead([":status", "101"]),
      "an unknown pseudo-field": instead([":status", "200"], [":x", "y"]),
      "a name in upper case": besides(["X", "y"]),
      "a name without letters": besides(["", "y"]),
      "a name with a space": besides(["x y", "z"]),
      "a name with a line break": besides(["x\r\ny", "z"]),
      "a value with a line break": besides(["x", "a\r\nset-cookie: evil"]),
      "a value with NUL": besides(["x", "a\0"]),
      "field 0": coded([0x80]),
      "a field that there is not": coded([0x88, 0xff, 0x00]),
      "a number without end": coded([0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
      "a block that breaks off": coded([0x88, 0x00, 0x05, 0x61]),
      "a table larger than allowed": coded([0x3f, 0xe2, 0xff, 0x03, 0x88]),
      "Huffman code without end": coded([0x88, 0x00, 0x81, 0xff, 0x01, 0x61]),
    },
    MALFORMED,
  ),
  // h2 drops pseudo-fields that a response cannot have.
  "a request's field": () => ({ speak: first(instead([":status", "200"], [":path", "/"])), expect: "200 ok" }),
  "a bomb": () => ({
    // The head adds a field of 4 kB to the table, and then has its index 4,000 times.
    speak: first((stream) => {
      const value = "a".repeat(4_000);
      const entry = Buffer.concat([Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.from(value)]);
      return block(stream, Buffer.concat([STATUS_200, entry, Buffer.alloc(4_000, 0xbe)]), END_HEADERS | END_STREAM);
    }),
    expect: MALFORMED,
  }),
  // h2 drops interim answers; beyond a few they count as a fault.
  "a few interim answers": () => ({
    speak: first((stream) => Buffer.concat([repeated(interim(stream), 16), okFrames(stream)])),
    expect: "200 ok",
  }),
  "a head without end": () => ({
    speak: first((stream) =>
      Buffer.concat([
        block(stream, STATUS_200, 0),
        ...Array.from({ length: 100 }, () => frame(FRAME.continuation, 0, stream, repeated(field("x", "y"), 2_000))),
      ]),
    ),
    expect: MALFORMED,
  }),
  "CONTINUATION without end": () => ({
    speak: first((stream) =>
      Buffer.concat([block(stream, STATUS_200, 0), repeated(frame(FRAME.continuation, 0, stream), 10_000)]),
    ),
    expect: MALFORMED,
  }),
  "too many fields": () => ({
    speak: first((stream) =>
      Buffer.concat([
        head(stream, ...Array.from({ length: 200 }, (_, at) => field(`x${at}`, "y"))),
        data(stream, "ok"),
      ]),
    ),
    expect: MALFORMED,
  }),
};

const STREAMS: Faults = {
  ...framesTable(
    {
      "a body shorter than its length": (stream) =>
        Buffer.concat([head(stream, field("content-length", "3")), data(stream, "ok")]),
      "a body longer than its length": (stream) =>
        Buffer.concat([head(stream, field("content-length", "1")), data(stream, "ok")]),
      "trailers that go on": (stream) =>
        Buffer.concat([head(stream), data(stream, "ok", 0), block(stream, field("x", "y"))]),
    },
    "200, then http-protocol-error",
    { keeps: true },
  ),
  ...framesTable(
    {
      "a reset in the body": (stream) =>
        Buffer.concat([head(stream), data(stream, "o", 0), frame(FRAME.reset, 0, stream, u32(2))]),
      "a reset without error in the body": (stream) =>
        Buffer.concat([
          head(stream, field("content-length", "2")),
          data(stream, "o", 0),
          frame(FRAME.reset, 0, stream, u32(0)),
        ]),
    },
    "200, then response-incomplete",
    { keeps: true },
  ),
  ...framesTable(
    {
      "no body where a length is": (stream) =>
        block(stream, Buffer.concat([STATUS_200, field("content-length", "3")]), 5),
    },
    MALFORMED,
    { keeps: true },
  ),
  ...framesTable(
    {
      "a window's update by 0, of the stream": (stream) =>
        Buffer.concat([head(stream), frame(FRAME.window, 0, stream, u32(0)), data(stream, "ok")]),
    },
    "200, then http-protocol-error",
  ),
  // The request is sent already, so its window has no effect; h2 drops pseudo-fields that trailers cannot have.
  ...framesTable(
    {
      "a window's overflow": (stream) =>
        Buffer.concat([head(stream), frame(FRAME.window, 0, stream, u32(0x7fffffff)), data(stream, "ok")]),
      "trailers with a status": (stream) =>
        Buffer.concat([head(stream), data(stream, "ok", 0), block(stream, STATUS_200, END_HEADERS | END_STREAM)]),
    },
    "200 ok",
  ),
  ...framesTable(
    {
      "DATA after the end": (stream) => Buffer.concat([okFrames(stream), data(stream, "evil")]),
      "HEADERS after the end": (stream) => Buffer.concat([okFrames(stream), head(stream)]),
    },
    "200 ok",
  ),
  ...framesTable(
    {
      "a reset": (stream) => frame(FRAME.reset, 0, stream, u32(2)),
      "a reset without error": (stream) => frame(FRAME.reset, 0, stream, u32(0)),
    },
    "502 connection-terminated",
    { keeps: true },
  ),
  ...framesTable({ "a stream refused": (stream) => frame(FRAME.reset, 0, stream, u32(7)) }, "200 ok", {
    request: { method: "POST" },
  }),
  "a stream refused on a reused connection": () => ({
    after: 1,
    speak: second((stream) => frame(FRAME.reset, 0, stream, u32(7))),
    request: { method: "POST" },
    expect: "200 ok",
  }),
  "DATA before HEADERS": () => ({ speak: first((stream) => data(stream, "ok")), expect: MALFORMED }),
  "an answer to HEAD with a body": () => ({
    speak: first(okFrames),
    request: { method: "HEAD" },
    expect: "200, then http-protocol-error",
    keeps: true,
  }),
};

http2Suites({ frames: FRAMES, fields: FIELDS, streams: STREAMS });
