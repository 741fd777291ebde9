/** HTTP/2 in time: floods, peers that go away, that allow nothing, or that fall silent. */
import type { Socket } from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import { createBackends } from "../../src/backend/backends.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { nodeRuntime } from "../../src/host/node/runtime.ts";
import { SNI } from "../last-hop/suite.ts";
import { type Minted, mintCa, mintLeaf } from "../support/pki.ts";
import { faultyBackend, type Speak } from "./backend.ts";
import { answerOf, bundleTo, type Fault, IMPATIENT, routed } from "./fault.ts";
import type { Faults } from "./http1.ts";
import { block, data, first, http2Suites, repeated, second, setting, SETTING } from "./http2.ts";
import { FRAME, frame, frames, u32 } from "./records.ts";
import { field, head, http2, okFrames } from "./speak.ts";

const MALFORMED = "502 http-protocol-error";
/** A fault that sends a frame 10,000 times, and then a good answer. */
const flood = (each: Buffer, expect: Fault["expect"] = "200 ok"): (() => Fault) => {
  return () => ({ speak: first((stream) => Buffer.concat([repeated(each, 10_000), okFrames(stream)])), expect });
};

const FLOODS: Faults = {
  PING: flood(frame(FRAME.ping, 0, 0, "xxxxxxxx")),
  SETTINGS: flood(frame(FRAME.settings, 0, 0)),
  "a window's updates": flood(frame(FRAME.window, 0, 0, u32(1))),
  priorities: flood(frame(FRAME.priority, 0, 1, "xxxxx")),
  "unknown frames": flood(frame(99, 0, 0)),
  "resets of what is over": () => ({
    after: 1,
    speak: second((stream) => Buffer.concat([repeated(frame(FRAME.reset, 0, 1, u32(8)), 10_000), okFrames(stream)])),
    expect: "200 ok",
  }),
  "empty DATA": () => ({
    speak: first((stream) => Buffer.concat([head(stream), repeated(data(stream, "", 0), 10_000), data(stream, "ok")])),
    expect: "200, then http-protocol-error",
  }),
  "DATA of one byte": () => ({
    speak: first((stream) => Buffer.concat([head(stream), repeated(data(stream, "x", 0), 200), data(stream, "")])),
    expect: `200 "${"x".repeat(200)}"`,
    keeps: true,
  }),
  "interim answers": () => ({
    speak: first((stream) =>
      Buffer.concat([repeated(block(stream, field(":status", "103")), 10_000), okFrames(stream)]),
    ),
    expect: "502 http-protocol-error",
  }),
};

const goaway = (last: number, code = 0): Buffer => frame(FRAME.goaway, 0, 0, u32(last, code));
const GOING: Faults = {
  "GOAWAY before the answer": () => ({
    speak: first((stream) => Buffer.concat([goaway(stream), okFrames(stream)])),
    expect: "200 ok",
    keeps: false,
  }),
  "GOAWAY after the answer": () => ({
    speak: first((stream) => Buffer.concat([okFrames(stream), goaway(stream)])),
    expect: "200 ok",
    keeps: false,
  }),
  "GOAWAY in the answer": () => ({
    speak: first((stream) => Buffer.concat([head(stream), goaway(stream), data(stream, "ok")])),
    expect: "200 ok",
    keeps: false,
  }),
  "a warning of GOAWAY, and GOAWAY": () => ({
    speak: first((stream) => Buffer.concat([goaway(0x7fffffff), goaway(stream), okFrames(stream)])),
    expect: "200 ok",
    keeps: false,
  }),
  "GOAWAY without the request": () => ({
    speak: first(() => goaway(0)),
    request: { method: "POST" },
    expect: "200 ok",
    keeps: false,
  }),
  "GOAWAY without the request, on a reused connection": () => ({
    after: 1,
    speak: second(() => goaway(1)),
    request: { method: "POST" },
    expect: "200 ok",
    keeps: false,
  }),
  "GOAWAY for an error": () => ({ speak: first(() => goaway(0, 2)), expect: "502 connection-terminated" }),
  "GOAWAY for an error, of what may not be repeated": () => ({
    after: 1,
    speak: second(() => goaway(3, 2)),
    timeouts: IMPATIENT,
    request: { method: "POST" },
    // The backend may still answer the request.
    expect: "504 response-timeout",
  }),
  "GOAWAY that takes back the request": () => ({
    speak: first((stream) => Buffer.concat([goaway(stream), goaway(0)])),
    request: { method: "POST" },
    expect: "200 ok",
    keeps: false,
  }),
  "GOAWAY with a growing last stream": () => ({
    speak: first((stream) => Buffer.concat([goaway(stream), goaway(stream + 2), okFrames(stream)])),
    expect: MALFORMED,
  }),
  "an end after GOAWAY": () => ({
    speak: http2((socket, stream) => void socket.end(goaway(stream))),
    expect: "502 connection-terminated",
  }),
  "an end in a head": () => ({
    speak: http2((socket, stream) => void socket.end(head(stream).subarray(0, 5))),
    expect: "502 connection-terminated",
  }),
  "an end in a body": () => ({
    speak: http2((socket, stream) => void socket.end(head(stream))),
    patient: true,
    expect: "200, then response-incomplete",
  }),
};

/** An upload that is larger than a window. */
const upload = (): Partial<Fault> => ({
  request: { method: "POST", body: new Blob([new Uint8Array(200_000)]).stream() },
});
const STALLED: Faults = {
  silence: () => ({ speak: () => undefined, timeouts: IMPATIENT, expect: "504 response-timeout" }),
  "silence after SETTINGS": () => ({
    speak: http2(() => undefined),
    timeouts: IMPATIENT,
    expect: "504 response-timeout",
  }),
  "silence in a head": () => ({
    speak: http2((socket, stream) => void socket.write(block(stream, Buffer.from([0x88]), 0))),
    timeouts: IMPATIENT,
    expect: "504 response-timeout",
  }),
  "silence in a body": () => ({
    speak: first((stream) => head(stream)),
    timeouts: IMPATIENT,
    expect: "200, then response-incomplete",
    keeps: true,
  }),
  "a body that drips": () => ({
    speak: http2((socket, stream) => {
      if (stream > 1) return void socket.write(okFrames(stream));
      socket.write(head(stream));
      const drip = setInterval(() => socket.write(data(stream, "x", 0)), 10);
      socket.on("close", () => clearInterval(drip));
    }),
    rule: { timeouts: { requestMs: null, backendRequestMs: 600 } },
    expect: "200, then response-timeout",
    keeps: true,
  }),
  "no SETTINGS, but answers": () => ({
    speak: (socket) => {
      const answer = (given: Buffer): void =>
        void (given[3] === FRAME.headers && socket.write(okFrames(given.readUInt32BE(5))));
      socket.on("data", frames(answer));
    },
    expect: "200 ok",
  }),
  "no streams, and then some": () => ({
    speak: first(
      (stream) => Buffer.concat([frame(FRAME.settings, 0, 0, setting(SETTING.streams, 100)), okFrames(stream)]),
      setting(SETTING.streams, 0),
    ),
    expect: "200 ok",
  }),
  "no window for an upload": () => ({
    ...upload(),
    speak: http2(() => undefined, setting(SETTING.window, 0)),
    timeouts: IMPATIENT,
    expect: "504 response-timeout",
  }),
  "a window that is closed again": () => ({
    ...upload(),
    speak: (socket) => {
      http2(() => void socket.write(frame(FRAME.settings, 0, 0, setting(SETTING.window, 0))))(socket);
    },
    timeouts: IMPATIENT,
    expect: "504 response-timeout",
  }),
  "a window that overflows": () => ({
    ...upload(),
    speak: first((stream) => repeated(frame(FRAME.window, 0, stream, u32(0x7fffffff)), 3)),
    expect: MALFORMED,
    keeps: true,
  }),
  "an answer that ends the upload": () => ({
    ...upload(),
    speak: first((stream) => Buffer.concat([okFrames(stream), frame(FRAME.reset, 0, stream, u32(0))])),
    expect: "200 ok",
  }),
};

http2Suites({ floods: FLOODS, "peers that go": GOING, "peers that stall": STALLED });

describe("several requests on one connection", () => {
  let root: Minted;
  let leaf: Minted;
  beforeAll(async () => {
    root = await mintCa({ name: "fault root" });
    leaf = await mintLeaf({ issuer: root, dns: [SNI] });
  });

  async function together(speak: Speak, requests: readonly { readonly method: string }[]): Promise<unknown> {
    const backend = await faultyBackend(leaf, { speak, good: first(okFrames), tls: { ALPNProtocols: ["h2"] } });
    const bundle = routed(bundleTo(backend.port, root, { alpn: ["h2"] }));
    const backends = createBackends({ bundle, runtime: nodeRuntime(), timeouts: IMPATIENT });
    const options = { log: () => undefined, capabilities: [], monotonicMs: () => 0, random: () => 0 };
    const gateway = createGateway({ bundle, backends, ...options });
    try {
      const answers = await Promise.all(requests.map((request) => answerOf(gateway, request)));
      expect(await answerOf(gateway)).toBe("200 ok");
      const { accepted } = backend;
      backends.close();
      await expect.poll(() => backend.open).toBe(0);
      expect(backends.stats()).toMatchObject({ open: 0, inFlight: 0 });
      return { answers, accepted };
    } finally {
      backends.close();
      await backend.close();
    }
  }
  /** Calls `answer` once `count` streams are open. */
  const atOnce = (count: number, answer: (socket: Socket, streams: readonly number[]) => void): Speak => {
    const streams: number[] = [];
    return http2((socket, stream) => void (streams.push(stream) === count && answer(socket, streams)));
  };
  const get = { method: "GET" };
  const post = { method: "POST" };

  it("above GOAWAY's last stream are sent again, whatever their method; those below are answered", async () => {
    const speak = atOnce(4, (socket, [one = 0, two = 0]) =>
      socket.write(Buffer.concat([goaway(two), okFrames(one), okFrames(two)])),
    );
    expect(await together(speak, [post, post, post, get])).toEqual({
      answers: ["200 ok", "200 ok", "200 ok", "200 ok"],
      accepted: 2,
    });
  });

  it("of a connection that breaks fail, but for those that may be repeated", async () => {
    const speak = atOnce(4, (socket) => socket.destroy());
    expect(await together(speak, [get, post, get, get])).toEqual({
      answers: ["502 connection-terminated", "502 connection-terminated", "200 ok", "200 ok"],
      accepted: 2,
    });
  });

  it("go to another connection when the first takes none", async () => {
    const speak = http2((socket, stream) => void socket.write(okFrames(stream)), setting(SETTING.streams, 0));
    expect(await together(speak, [get])).toEqual({ answers: ["200 ok"], accepted: 2 });
  });

  it("fail alone when their own stream is malformed", async () => {
    const speak: Speak = http2((socket, stream) => {
      const answers: Readonly<Record<number, Buffer>> = {
        1: Buffer.concat([head(stream, field("content-length", "1")), data(stream, "ok")]),
        3: Buffer.concat([head(stream, field("connection", "close")), data(stream, "ok")]),
        5: frame(FRAME.reset, 0, stream, u32(2)),
      };
      socket.write(answers[stream] ?? okFrames(stream));
    });
    expect(await together(speak, [post, post, post, post])).toEqual({
      answers: [MALFORMED, MALFORMED, "502 connection-terminated", "200 ok"],
      accepted: 1,
    });
  });
});
