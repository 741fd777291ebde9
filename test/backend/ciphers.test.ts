/** The order of ciphers that the runtime or the records of an endpoint decide, without connections. */
import { describe, expect, it } from "vitest";
import { CIPHER_ORDERS, EndpointCosts, orderOfRuntime, RecordCosts } from "../../src/backend/connect/ciphers.ts";
import { RecordLengths, watchRecords } from "../../src/backend/connect/record-lengths.ts";
import type { ByteStream } from "../../src/backend/runtime.ts";
import type { Cipher } from "../../src/bundle/types.ts";
import { nodeAead } from "../../src/host/node-crypto.ts";
import { expectCiphers } from "./fixtures/aead.ts";

const BOTH: readonly Cipher[] = ["aes-gcm", "chacha20-poly1305"];

it("Node has both ciphers, and opens and seals as published", () => {
  expectCiphers(nodeAead(), BOTH);
});

it("every order has both ciphers", () => {
  for (const order of CIPHER_ORDERS) expect(order.toSorted()).toEqual(BOTH);
});

describe("a runtime decides the order unless it has both ciphers", () => {
  it.each<[string, readonly Cipher[], Cipher | undefined]>([
    ["both", BOTH, undefined],
    ["both, ChaCha20-Poly1305 the quicker one, as Deno", BOTH.toReversed(), "chacha20-poly1305"],
    ["AES-GCM alone, as Bun", ["aes-gcm"], "aes-gcm"],
    ["ChaCha20-Poly1305 alone", ["chacha20-poly1305"], "chacha20-poly1305"],
    ["neither", [], "chacha20-poly1305"],
  ])("%s", (_, ciphers, first) => {
    expect(orderOfRuntime(ciphers)?.[0]).toBe(first);
  });
});

describe("the costs of an endpoint's records", () => {
  const firstAfter = (times: number, ...records: readonly number[]): Cipher | undefined => {
    const costs = new RecordCosts();
    for (let time = 0; time < times; time++) for (const bytes of records) costs.add(bytes);
    return costs.order[0];
  };
  const LARGE_BODY = [150, ...Array.from({ length: 6 }, () => 16_401), 2_000];
  it.each<[string, Cipher, number, readonly number[]]>([
    ["nothing", "chacha20-poly1305", 0, []],
    ["small requests and responses", "chacha20-poly1305", 10_000, [150, 300]],
    ["responses of 1 kB", "chacha20-poly1305", 10_000, [150, 1_200]],
    ["responses of 2.5 kB", "chacha20-poly1305", 10_000, [150, 2_600]],
    ["responses of 5 kB", "aes-gcm", 10_000, [150, 5_300]],
    ["a few large bodies", "chacha20-poly1305", 10, LARGE_BODY],
    ["many large bodies", "aes-gcm", 1_000, LARGE_BODY],
    ["a handshake's certificates before small records", "chacha20-poly1305", 10_000, [3_000, 74, 200, 200, 200]],
  ])("%s: %s first", (_, first, times, records) => {
    expect(firstAfter(times, ...records)).toBe(first);
  });

  it("follow an endpoint whose records change, in both directions, and not at once", () => {
    const costs = new RecordCosts();
    const orderAfter = (times: number, bytes: number) => {
      for (let record = 0; record < times; record++) costs.add(bytes);
      return costs.order[0];
    };
    expect(orderAfter(100_000, 200)).toBe("chacha20-poly1305");
    expect(orderAfter(100, 16_401)).toBe("chacha20-poly1305");
    expect(orderAfter(2_000, 16_401)).toBe("aes-gcm");
    expect(orderAfter(100, 700)).toBe("aes-gcm");
    expect(orderAfter(2_000, 700)).toBe("chacha20-poly1305");
  });

  it("of mixed sizes cause no change after another", () => {
    const costs = new RecordCosts();
    const orders = new Set<readonly Cipher[]>();
    for (let round = 0; round < 1_000; round++) {
      for (const [times, bytes] of [
        [100, 16_401],
        [200, 700],
      ] as const) {
        for (let record = 0; record < times; record++) costs.add(bytes);
        orders.add(costs.order);
      }
    }
    expect(orders.size).toBe(1);
  });

  it("are one endpoint's under one policy, and bounded", () => {
    const endpoints = new EndpointCosts();
    const one = endpoints.of("a", { host: "10.0.0.1", port: 443 });
    expect(endpoints.of("a", { host: "10.0.0.1", port: 443 })).toBe(one);
    for (const [policy, host, port] of [
      ["b", "10.0.0.1", 443],
      ["a", "10.0.0.2", 443],
      ["a", "10.0.0.1", 444],
    ] as const) {
      expect(endpoints.of(policy, { host, port })).not.toBe(one);
    }
    for (let port = 1; port <= 4_096; port++) endpoints.of("c", { host: "10.0.0.3", port });
    expect(endpoints.of("a", { host: "10.0.0.1", port: 443 })).not.toBe(one);
  });
});

describe("the lengths of records", () => {
  const lengths = [0, 1, 255, 256, 16_401, 3];
  const record = (type: number, length: number): Buffer =>
    Buffer.concat([Buffer.from([type, 3, 3, length >> 8, length & 0xff]), Buffer.alloc(length, 23)]);
  // A handshake's record, of type 22, is not encrypted.
  const stream = Buffer.concat([record(22, 517), ...lengths.map((length) => record(23, length)), record(21, 2)]);

  it("are the same at every cut", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const seen: number[] = [];
      const records = new RecordLengths((bytes) => seen.push(bytes));
      records.pass(stream.subarray(0, cut));
      records.pass(stream.subarray(cut));
      expect(seen, `cut ${cut}`).toEqual(lengths);
    }
    const seen: number[] = [];
    const records = new RecordLengths((bytes) => seen.push(bytes));
    for (const byte of stream) records.pass(Uint8Array.of(byte));
    expect(seen).toEqual(lengths);
  });

  it("are told of both directions, and the stream is the same", async () => {
    const written: Uint8Array[] = [];
    const pieces = [stream.subarray(0, 600), stream.subarray(600), null];
    const under: ByteStream = {
      read: () => Promise.resolve(pieces.shift() ?? null),
      write: (bytes) => Promise.resolve(void written.push(bytes)),
      close: () => void written.push(Uint8Array.of()),
    };
    const seen: number[] = [];
    const watched = watchRecords(under, (bytes) => seen.push(bytes));
    expect([await watched.read(), await watched.read(), await watched.read()]).toEqual([
      stream.subarray(0, 600),
      stream.subarray(600),
      null,
    ]);
    await watched.write(record(23, 7));
    watched.close();
    expect(written).toEqual([record(23, 7), Uint8Array.of()]);
    expect(seen).toEqual([...lengths, 7]);
  });
});
