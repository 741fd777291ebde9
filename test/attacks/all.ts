/** The attacks of `npm run attacks`: each is bounded in what it sends and in its time, and ends what it began. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Attack } from "./attack.ts";
import { BACKEND_ATTACKS } from "./backends.ts";
import { MALFORMED } from "./framing.ts";
import { unfinishedHandshakes } from "./handshakes.ts";
import { hold, HOLDS } from "./holding.ts";
import { flood, FLOODS } from "./http2.ts";
import { pipeline } from "./pipelining.ts";
import type { Target } from "./target.ts";
import { pause } from "../support/pause.ts";

/** The attacks of clients and of backends, in the order in which they are made. */
export const ATTACKS: readonly Attack[] = [
  ...BACKEND_ATTACKS,
  {
    name: "pipelining",
    run: async (target, { ms, isShort }) => {
      await pipeline(target, { requests: isShort ? 10_000 : 100_000, limitMs: ms });
      return [];
    },
  },
  {
    name: "pipelining, 20 connections",
    run: async (target, { ms, isShort }) => {
      const requests = isShort ? 1_000 : 10_000;
      await Promise.all(Array.from({ length: 20 }, () => pipeline(target, { requests, limitMs: ms })));
      return [];
    },
  },
  ...(["silent", "half"] as const).map((kind): Attack => ({
    name: `handshakes: ${kind}`,
    run: async (target, { ms, isShort }) => {
      const crowd = await unfinishedHandshakes(target, { kind, count: isShort ? 500 : 5_000 });
      await pause(ms, "The attack lasts for a time.");
      crowd.close();
      return [];
    },
  })),
  {
    name: "malformed requests",
    run: async (target, { ms }) => {
      const end = performance.now() + ms;
      while (performance.now() < end) await Promise.all(MALFORMED.map(({ bytes }) => say(target, bytes)));
      return [];
    },
  },
  ...FLOODS.map((one): Attack => ({
    name: one.name,
    run: async (target, { ms, isShort }) => {
      const count = isShort ? 20_000 : 200_000;
      await flood(target, one, { count, connections: count, limitMs: ms });
      return [];
    },
  })),
  ...HOLDS.map((kind): Attack => ({
    name: `held: ${kind}`,
    isSlow: true,
    run: async (target, { ms }) => {
      const holding = hold(target, { kind, requests: 1_100 });
      await pause(ms, "The attack lasts for a time.");
      holding.close();
      return [];
    },
  })),
];

/** Sends bytes on a new connection. Resolves when the connection has closed, after 2 s at the latest. */
async function say({ port, host }: Target, bytes: string): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port }).on("error", () => undefined);
  const timer = setTimeout(() => socket.destroy(), 2_000);
  socket.end(Buffer.from(bytes.replaceAll("HOST", host), "latin1"));
  await once(socket.resume(), "close");
  clearTimeout(timer);
}
