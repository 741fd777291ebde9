/**
 * lasthop's client on Node against undici, node:https and node:http2 with native TLS. They take turns with the same
 * backend; CPU is that of this process. The verdict is cached, as it is for every connection of a policy but the first.
 */
import { type Client, lasthop, many, nodeHttp2, nodeHttps, type Servers, startServer, undici } from "./client-peers.ts";
import { format, interleave, ratios, spread } from "./measure.ts";

const GETS = 3_000;
const CONNECTIONS = 200;
const ROUNDS = Number(process.env["LASTHOP_BENCH_ROUNDS"] ?? 11);
const BULK_MB = 100;
const BULK_BYTES = BULK_MB << 20;

interface Pair {
  readonly ours: Client;
  readonly peer: Client;
}

/** Prints the tables of clients. */
export async function benchClient(): Promise<void> {
  const { at, stop } = await startServer();
  try {
    await gets(at);
    await handshakes(at);
    await bulk(at);
  } finally {
    stop();
  }
}

async function gets(at: Servers["at"]): Promise<void> {
  console.log(`## Client: keep-alive GET of 100 bytes (${GETS} requests a round, ${ROUNDS} rounds)\n`);
  console.log(
    "| protocol, peer | at once | lasthop, CPU µs | peer, CPU µs | ratio | req/s of peer | p99 of peer | aim |\n|---|---|---|---|---|---|---|---|",
  );
  for (const clients of [1, 32]) {
    const h1: Pair = { ours: lasthop(at("full"), "h1", true), peer: undici(at("full"), clients) };
    const h2: Pair = { ours: lasthop(at("http2"), "h2", true), peer: nodeHttp2(at("http2"), true) };
    for (const [name, pair] of [
      ["HTTP/1.1, undici", h1],
      ["HTTP/2, node:http2", h2],
    ] as const) {
      const timed = { ours: new Timed(pair.ours, clients), peer: new Timed(pair.peer, clients) };
      const [own, peer] = await measure(
        () => timed.ours.run(),
        () => timed.peer.run(),
      );
      const cpu = ratios(own, peer);
      const rate = ratios(timed.ours.perSecond.slice(1), timed.peer.perSecond.slice(1));
      const p99 = ratios(timed.ours.p99.slice(1), timed.peer.p99.slice(1));
      const micros = (us: readonly number[]): string => format(spread(us.map((each) => each / GETS)), 0);
      console.log(
        `| ${name} | ${clients} | ${micros(own)} | ${micros(peer)} | ${format(cpu)} | ${format(rate)} | ${format(p99)} | ${verdict(cpu.median <= 1, "≤ 1.0")} |`,
      );
    }
  }
  console.log();
}

async function handshakes(at: Servers["at"]): Promise<void> {
  console.log(
    `## Client: handshake with cached verdict + GET of 100 bytes (${CONNECTIONS} connections a round, ${ROUNDS} rounds)\n`,
  );
  console.log("| handshake | lasthop, CPU µs | node:https, CPU µs | ratio | aim |\n|---|---|---|---|---|");
  for (const [name, server] of [
    ["full", at("full")],
    ["resumed", at("resuming")],
  ] as const) {
    const ours = lasthop(server, "h1", false);
    const peer = nodeHttps(server, name === "resumed");
    const [own, theirs] = await measure(
      () => many(CONNECTIONS, 1, () => ours("/")),
      () => many(CONNECTIONS, 1, () => peer("/")),
    );
    const micros = (us: readonly number[]): string => format(spread(us.map((each) => each / CONNECTIONS)), 0);
    const ratio = ratios(own, theirs);
    console.log(
      `| ${name} | ${micros(own)} | ${micros(theirs)} | ${format(ratio)} | ${verdict(ratio.median <= 1.5, "≤ 1.5")} |`,
    );
  }
  console.log();
}

async function bulk(at: Servers["at"]): Promise<void> {
  console.log(`## Client: ${BULK_MB} MB (MB per CPU-second, a connection each, ${ROUNDS} rounds)\n`);
  console.log(
    "| direction, protocol, suite | peer | lasthop | peer | lasthop of peer | aim |\n|---|---|---|---|---|---|",
  );
  for (const [name, peerName, pair] of [
    ["down, HTTP/1.1, AES-256", "undici", { ours: lasthop(at("full"), "h1", true), peer: undici(at("full"), 1) }],
    ["down, HTTP/1.1, AES-128", "undici", { ours: lasthop(at("aes128"), "h1", true), peer: undici(at("aes128"), 1) }],
    [
      "down, HTTP/2, AES-256",
      "node:http2",
      { ours: lasthop(at("http2"), "h2", true), peer: nodeHttp2(at("http2"), true) },
    ],
    [
      "up, HTTP/1.1, AES-256",
      "undici",
      { ours: lasthop(at("full"), "h1", true, BULK_BYTES), peer: undici(at("full"), 1, BULK_BYTES) },
    ],
    [
      "up, HTTP/2, AES-256",
      "node:http2",
      { ours: lasthop(at("http2"), "h2", true, BULK_BYTES), peer: nodeHttp2(at("http2"), true, BULK_BYTES) },
    ],
  ] satisfies [string, string, Pair][]) {
    const path = name.startsWith("down") ? `/?mb=${BULK_MB}` : "/";
    const samples = await measure(
      () => pair.ours(path),
      () => pair.peer(path),
    );
    const [own, theirs] = samples.map((us) => us.map((each) => BULK_MB / (each / 1e6)));
    const ratio = ratios(own ?? [], theirs ?? []);
    console.log(
      `| ${name} | ${peerName} | ${format(spread(own ?? []), 0)} | ${format(spread(theirs ?? []), 0)} | ${format(ratio)} | ${verdict(ratio.median >= 0.6, "≥ 0.6")} |`,
    );
  }
  console.log();
}

/** The CPU µs of each round, without those of a warm-up round. */
async function measure(
  ours: () => Promise<void>,
  peer: () => Promise<void>,
): Promise<[ours: readonly number[], peer: readonly number[]]> {
  const samples = await interleave({ ours, peer }, ROUNDS + 1);
  return [(samples["ours"] ?? []).slice(1), (samples["peer"] ?? []).slice(1)];
}

/** Rounds of GET requests by one client, with the throughput and the p99 of each round. */
class Timed {
  readonly perSecond: number[] = [];
  readonly p99: number[] = [];
  readonly #client: Client;
  readonly #atOnce: number;

  constructor(client: Client, atOnce: number) {
    this.#client = client;
    this.#atOnce = atOnce;
  }

  async run(): Promise<void> {
    const micros: number[] = [];
    const start = performance.now();
    await many(GETS, this.#atOnce, async () => {
      const sent = performance.now();
      await this.#client("/");
      micros.push(performance.now() - sent);
    });
    this.perSecond.push(GETS / (performance.now() - start));
    this.p99.push(micros.sort((a, b) => a - b)[Math.floor(0.99 * GETS)] ?? Number.NaN);
  }
}

const verdict = (met: boolean, aim: string): string => (met ? `${aim} met` : `${aim} **missed**`);

if (process.argv[1] === import.meta.filename) await benchClient();
