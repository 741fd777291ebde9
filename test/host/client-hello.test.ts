/** A client's ClientHello is waited for as a whole, and other bytes are left to the runtime at once. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onClientHello } from "../../src/host/node/client-hello.ts";
import { listen } from "../support/listen.ts";

const accepted: Socket[] = [];
const server = createServer((socket) => void accepted.push(socket.on("error", () => undefined)));

let port: number;
beforeAll(async () => {
  port = await listen(server);
});
afterAll(() => {
  for (const socket of accepted) socket.destroy();
  server.close();
});

describe("waiting for a ClientHello", () => {
  it.each([
    ["one record", (hello: Buffer) => hello],
    ["a record for each 7 bytes", (hello: Buffer) => inRecords(hello, 7)],
    ["a record for each 200 bytes", (hello: Buffer) => inRecords(hello, 200)],
  ])("begins with the last byte of one in %s, and puts all of it back", async (_, split) => {
    const bytes = split(await clientHello());
    const { client, socket, begun } = await pair();
    for (const at of [1, 5, 6, 9, 100, bytes.length - 1]) {
      client.write(bytes.subarray(client.bytesWritten, at));
      await expect.poll(() => socket.bytesRead).toBe(at);
      expect(begun(), `after ${at} bytes`).toBe(0);
    }
    client.write(bytes.subarray(-1));
    await expect.poll(begun).toBe(1);
    expect(socket.read()).toEqual(bytes);
  });

  it.each([
    ["a request without TLS", Buffer.from("GET / HTTP/1.1\r\n")],
    ["another handshake message", Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])],
    ["a message header in two records", Buffer.from([22, 3, 1, 0, 1, 1])],
    ["an alert", Buffer.from([21, 3, 1, 0, 2, 2, 40])],
    ["a hello of a megabyte", Buffer.from([22, 3, 1, 64, 0, 1, 16, 0, 0])],
  ])("leaves %s to the runtime at once", async (_, bytes) => {
    const { client, begun } = await pair();
    client.write(bytes);
    await expect.poll(begun).toBe(1);
  });

  it("closes the connection of a client that leaves in the middle", async () => {
    const { client, socket, begun } = await pair();
    client.end((await clientHello()).subarray(0, 50));
    await once(socket, "close");
    expect(begun()).toBe(0);
  });
});

async function pair(): Promise<{ client: Socket; socket: Socket; begun: () => number }> {
  const connection = once(server, "connection") as Promise<[Socket]>;
  const client = connect(port, "127.0.0.1").on("error", () => undefined);
  client.setNoDelay();
  const [socket] = await connection;
  let begun = 0;
  onClientHello(socket, () => begun++);
  return { client, socket, begun: () => begun };
}

/** A ClientHello as the runtime's own client sends it. */
async function clientHello(): Promise<Buffer> {
  const connection = once(server, "connection") as Promise<[Socket]>;
  const client = connectTls({ port, host: "127.0.0.1", servername: "a.example" });
  client.on("error", () => undefined);
  const [socket] = await connection;
  const [hello] = (await once(socket, "data")) as [Buffer];
  client.destroy();
  return hello;
}

/** The same handshake message in records of so many bytes (RFC 8446 §5.1 allows it). */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 0xff]), part);
  }
  return Buffer.concat(records);
}
