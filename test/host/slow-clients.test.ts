/** Slow clients on the wire: one that keeps a body waiting is cut, and one that waits for its backend is not. */
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import type { ExchangeRequest, ExchangeResponse } from "../../src/backend/exchange.ts";
import type { RequestSignal } from "../../src/backend/request-signal.ts";
import { type BoundPort, bindPort } from "../../src/host/node/bound-port.ts";
import { FRONT_LIMITS } from "../../src/host/node/limits.ts";
import { serveInOneInstance } from "../support/serve-client.ts";
import { pause } from "../support/pause.ts";

const LIMITS = { ...FRONT_LIMITS, paceMs: 400, paceBytesPerMs: 100 };

type Answer = (request: ExchangeRequest) => Pick<ExchangeResponse, "body">;

interface Asked {
  /** The number of bytes of the answer that came, if the client reads. */
  readonly bytes: () => number;
  /** Whether the answer ended as a whole one does. */
  readonly isWhole: () => boolean;
  readonly isCut: () => boolean;
  write(bytes: Buffer): void;
  pause(): void;
}

async function portTo(answer: Answer): Promise<BoundPort> {
  const answered = async (request: ExchangeRequest): Promise<ExchangeResponse> => ({
    status: 200,
    headers: [],
    trailers: null,
    upgrade: null,
    ...answer(request),
  });
  const refuse = (): never => {
    throw new Error("refused");
  };
  const options = { address: "127.0.0.1", bind: 0, port: 80, tls: null, limits: LIMITS };
  const boundPort = await bindPort({
    ...options,
    serveClient: serveInOneInstance,
    answering: { gateway: { handle: answered, refuse } },
  });
  onTestFinished(() => {
    boundPort.destroy();
    return boundPort.close();
  });
  return boundPort;
}

const PROTOCOLS = {
  async "HTTP/1.1"({ bound }: BoundPort): Promise<Asked> {
    const socket: Socket = connect({ host: "127.0.0.1", port: bound, noDelay: true }).on("error", () => undefined);
    let text = "";
    let isClosed = false;
    socket.setEncoding("latin1").on("data", (some: string) => (text += some));
    socket.on("close", () => (isClosed = true));
    await once(socket, "connect");
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    return {
      bytes: () => text.length,
      isWhole: () => text.endsWith("\r\n0\r\n\r\n"),
      isCut: () => isClosed,
      write: (bytes) => void socket.write(bytes),
      pause: () => void socket.pause(),
    };
  },
  async "HTTP/2"({ bound }: BoundPort): Promise<Asked> {
    const session: ClientHttp2Session = connectHttp2(`http://127.0.0.1:${bound}`).on("error", () => undefined);
    sessions.push(session);
    await once(session, "connect");
    const stream: ClientHttp2Stream = session.request({ ":method": "POST", ":path": "/" }, { endStream: false });
    const its = { bytes: 0, isWhole: false, isCut: false };
    stream.on("error", () => undefined).on("data", (some: Buffer) => (its.bytes += some.length));
    stream.on("end", () => (its.isWhole = true));
    stream.on("close", () => (its.isCut = stream.rstCode !== 0));
    return {
      bytes: () => its.bytes,
      isWhole: () => its.isWhole,
      isCut: () => its.isCut,
      write: (bytes) => void stream.write(bytes),
      pause: () => void stream.pause(),
    };
  },
} as const;
const sessions: ClientHttp2Session[] = [];

describe.each(Object.entries(PROTOCOLS))("a client over %s", (_, ask) => {
  afterEach(() => {
    for (const session of sessions.splice(0)) session.destroy();
  });

  const reading = async ({ body }: ExchangeRequest): Promise<void> => {
    const reader = body?.getReader();
    while ((await reader?.read())?.done === false);
  };
  const SILENT = (): ReadableStream<Uint8Array> => new ReadableStream();
  /** A body of `most` pieces, with a pause before each, until it is cancelled. */
  const streaming = (
    piece: Uint8Array,
    everyMs: number,
    most = Number.POSITIVE_INFINITY,
  ): ReadableStream<Uint8Array> => {
    let count = 0;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (everyMs > 0) await pause(everyMs, "The backend is slow.");
        if (count++ < most) controller.enqueue(piece);
        else controller.close();
      },
    });
  };

  it("that sends by the byte is cut", async () => {
    const boundPort = await portTo((request) => {
      void reading(request).catch(() => undefined);
      return { body: SILENT() };
    });
    const client = await ask(boundPort);
    const startMs = performance.now();
    const sending = setInterval(() => client.write(Buffer.from("a")), 50);
    await expect.poll(client.isCut).toBe(true);
    clearInterval(sending);
    expect(performance.now() - startMs).toBeGreaterThan(LIMITS.paceMs);
  });

  it("that sends by the byte is cut though its answer moves", async () => {
    const boundPort = await portTo((request) => {
      void reading(request).catch(() => undefined);
      return { body: streaming(new Uint8Array(64_000), 10) };
    });
    const client = await ask(boundPort);
    const sending = setInterval(() => client.write(Buffer.from("a")), 50);
    await expect.poll(client.isCut).toBe(true);
    clearInterval(sending);
    expect(client.bytes()).toBeGreaterThan(0);
  });

  it("whose upload the backend does not take is not cut", async () => {
    // The time of the first client is over when a client that came after it is cut.
    const requests: ExchangeRequest[] = [];
    const boundPort = await portTo((request) => {
      if (requests.push(request) > 1) void reading(request).catch(() => undefined);
      return { body: SILENT() };
    });
    const client = await ask(boundPort);
    client.write(Buffer.alloc(500_000));
    await expect.poll(() => requests).toHaveLength(1);
    const slower = await ask(boundPort);
    await expect.poll(slower.isCut).toBe(true);
    expect(client.isCut()).toBe(false);
  });

  it("that reads is not cut, however little the backend sends", async () => {
    // The backend does not read the upload.
    const boundPort = await portTo(() => ({ body: streaming(new Uint8Array(7), LIMITS.paceMs / 4, 16) }));
    const client = await ask(boundPort);
    await expect.poll(client.isWhole).toBe(true);
    expect(client.bytes()).toBeGreaterThanOrEqual(16 * 7);
  });

  it("whose upload nobody wants any more is not cut while it takes its answer", async () => {
    const boundPort = await portTo(({ body }) => {
      const reader = body?.getReader();
      void reader?.read();
      setTimeout(() => void reader?.cancel(), 50);
      return { body: streaming(new Uint8Array(7), LIMITS.paceMs / 4, 16) };
    });
    const client = await ask(boundPort);
    await expect.poll(client.isWhole).toBe(true);
  });

  it("that reads no more is cut though the backend goes on", async () => {
    // A client that reads nothing does not see that it is cut.
    const signals: RequestSignal[] = [];
    const boundPort = await portTo(({ signal }) => {
      signals.push(signal);
      return { body: streaming(new Uint8Array(64_000), 0) };
    });
    const client = await ask(boundPort);
    client.pause();
    await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([true]);
  });
});
