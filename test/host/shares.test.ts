/** Shares of clients in a pool: one client may use all of it, and does not keep it from others. */
import { afterEach, describe, expect, it } from "vitest";
import { Queue } from "../../src/backend/pool/queue.ts";
import type { RequestClient } from "../../src/backend/exchange.ts";
import { SHARE_LIMITS, Shares } from "../../src/backend/pool/shares.ts";
import { Waiter } from "../../src/backend/pool/waiter.ts";
import { hold, HOLDS } from "../attacks/holding.ts";
import { type Gateway, startGateway, UNDER_TEST } from "../attacks/target.ts";
import { ask } from "../runtimes/clients.ts";

describe.each(UNDER_TEST)("the connections of an endpoint, on %s", (runtime) => {
  let gateway: Gateway | null = null;
  afterEach(async () => gateway?.close());

  it.each(HOLDS)(
    "are not kept from others by %s",
    async (kind) => {
      gateway = await startGateway({ runtime });
      const { port, host, backend } = gateway;
      const holding = hold(gateway, { kind, requests: 1_100 });
      await expect.poll(() => backend.open, { timeout: 60_000 }).toBe(1_024);
      for (let count = 0; count < 9; count++) expect((await ask(port, host, "/")).status).toBe(200);
      holding.close();
    },
    150_000,
  );

  it("serve all requests of one address, however many more there are", async () => {
    gateway = await startGateway({ runtime });
    const { port, host, backend } = gateway;
    const answers = Array.from({ length: 1_300 }, () => ask(port, host, "/slow?ms=4000").then(({ status }) => status));
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
    expect(backend.peak).toBeGreaterThan(900);
  }, 60_000);
});

describe("shares", () => {
  interface Asked extends RequestClient {
    stalledSinceMs: number | null;
    wasCut: boolean;
  }
  const client = (connection: object, address: string, stalledSinceMs: number | null): Asked => ({
    connection,
    address,
    stalledSinceMs,
    wasCut: false,
    cut() {
      this.wasCut = true;
    },
  });

  const requestOf = (its: RequestClient) => ({
    dialer: { connectMs: 1_000, open: () => Promise.reject(new Error("nobody dials")) },
    onAccepted: () => undefined,
    isFresh: false,
    client: its,
    signal: new AbortController().signal,
  });

  it("are no limit for who is alone", () => {
    const shares = new Shares(10);
    const alone = client({}, "a", null);
    for (let count = 0; count < 20; count++) shares.hold(alone, 0);
    expect(shares.hasShare(alone)).toBe(false);
  });

  it("count by connection, and by address", () => {
    const shares = new Shares(12);
    const connections = Array.from({ length: 5 }, () => client({}, "many", null));
    for (const each of connections) shares.hold(each, 0);
    const other = client({}, "one", null);
    const over = shares.wait(other);
    // Of six connections each may have two; of two addresses each may have six.
    expect(shares.hasShare(connections[0] ?? other)).toBe(false);
    for (const each of connections.slice(0, 1)) shares.hold(each, 0);
    expect(shares.hasShare(connections[0] ?? other)).toBe(true);
    expect(shares.hasShare(connections[1] ?? other)).toBe(true);
    expect(shares.hasShare(other)).toBe(false);
    over();
    expect(shares.hasShare(connections[1] ?? other)).toBe(false);
  });

  it("cut what is above them and stalled, and nothing else", () => {
    const shares = new Shares(4);
    const connection = {};
    const stalled = Array.from({ length: 3 }, () => client(connection, "a", 1_000));
    const busy = client({}, "b", null);
    for (const each of [...stalled, busy]) shares.hold(each, 0);
    shares.wait(client({}, "c", null));
    shares.makeRoom(1_500, 1);
    expect(stalled.some(({ wasCut }) => wasCut)).toBe(false);
    shares.makeRoom(3_000, 1);
    expect(stalled.filter(({ wasCut }) => wasCut)).toHaveLength(2);
    expect(busy.wasCut).toBe(false);
    expect([shares.isContended(4_000), shares.isContended(14_000)]).toEqual([true, false]);
  });

  it.each([
    [8, 128],
    [1_024, 1],
  ])(
    "give a client that waits room within one look, behind %i clients that hold all with %i each",
    (connections, each) => {
      const shares = new Shares(1_024);
      const holders = Array.from({ length: connections }, () => {
        const connection = {};
        return Array.from({ length: each }, () => client(connection, "one", 0));
      }).flat();
      for (const holder of holders) shares.hold(holder, 0);
      const arrivedMs = 3_000;
      const other = client({}, "one", null);
      shares.wait(other);
      shares.makeRoom(arrivedMs + SHARE_LIMITS.waitMs, 1);
      expect(holders.some(({ wasCut }) => wasCut)).toBe(true);
      expect(SHARE_LIMITS.waitMs).toBeLessThanOrEqual(250);
    },
  );

  it("cut no more than those that wait, while those that were cut leave", () => {
    const shares = new Shares(100);
    const holders = Array.from({ length: 100 }, () => client({}, "one", 0));
    for (const holder of holders) shares.hold(holder, 0);
    for (let look = 0; look < 10; look++) shares.makeRoom(10_000 + look * SHARE_LIMITS.waitMs, 3);
    expect(holders.filter(({ wasCut }) => wasCut)).toHaveLength(3 + SHARE_LIMITS.spare);
  });

  it("cut one request a second that only is old", () => {
    const shares = new Shares(4);
    const connection = {};
    const old = Array.from({ length: 4 }, () => client(connection, "one", null));
    for (const each of old) shares.hold(each, 0);
    shares.wait(client({}, "one", null));
    const cutAt = (nowMs: number): number => {
      shares.makeRoom(nowMs, 1);
      return old.filter(({ wasCut }) => wasCut).length;
    };
    const looks = Array.from({ length: 6 }, (_, look) => cutAt(SHARE_LIMITS.oldMs + look * SHARE_LIMITS.waitMs));
    expect(looks).toEqual([1, 1, 1, 1, 2, 2]);
  });

  it("put whoever has least of its share first, and in order those that have as much", () => {
    const shares = new Shares(12);
    const [much, little, nothing, asMuch] = [{}, {}, {}, {}].map((connection) => client(connection, "one", null));
    if (much === undefined || little === undefined || nothing === undefined || asMuch === undefined) throw new Error();
    for (const each of [much, much, little, asMuch]) shares.hold(each, 0);
    const queue = new Queue((each) => shares.taken(each));
    for (const [sinceMs, its] of [much, little, asMuch, nothing, much].entries()) {
      shares.wait(its);
      queue.add(new Waiter(requestOf(its), sinceMs, () => undefined));
    }
    const first: unknown[] = [];
    const dials: (() => void)[] = [];
    for (let count = 0; count < 4; count++) {
      const waiter = queue.next(() => true, true);
      if (waiter === null) break;
      queue.remove(waiter);
      first.push(waiter.request.client);
      if (waiter.request.client !== undefined) dials.push(shares.dial(waiter.request.client));
    }
    // The share is three: `nothing` has one by the second call, as much as `little` and `asMuch` have.
    expect(first).toEqual([nothing, little, asMuch, much]);
    expect(shares.hasShare(much)).toBe(true);
    for (const end of dials) end();
    expect(shares.hasShare(much)).toBe(false);
    for (let count = 0; count < 3; count++) shares.hold(much, 0);
    expect(queue.next(() => true, true)).toBe(null);
    expect(queue.next(() => true, false)?.request.client).toBe(much);
  });
});
