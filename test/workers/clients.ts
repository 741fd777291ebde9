/** Clients of `lasthop serve --workers`: one that makes new connections one after another, and one that keeps its own. */
import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { connect as connectTcp, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { HOST } from "./gateway.ts";

/** The outcome of a connection: the status of its one request, or how it broke. */
export type Outcome = number | "reset" | "refused" | "ended";

/** One new connection with one request. `tls`: with TLS. */
export function askOnce(port: number, path: string, tls: ConnectionOptions | null = null): Promise<Outcome> {
  return new Promise((resolve) => {
    const to = { host: "127.0.0.1", port };
    const socket: Socket = tls === null ? connectTcp(to) : connectTls({ ...to, servername: HOST, ...tls });
    let answer = "";
    let failure: Outcome = "ended";
    socket.once(tls === null ? "connect" : "secureConnect", () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`),
    );
    socket.on("data", (bytes: Buffer) => (answer += bytes.toString("latin1")));
    socket.on(
      "error",
      (error: NodeJS.ErrnoException) => (failure = error.code === "ECONNREFUSED" ? "refused" : "reset"),
    );
    socket.once("close", () => {
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
      resolve(status !== undefined && failure === "ended" ? Number(status) : failure);
    });
  });
}

/** Makes `count` new connections, some at a time. Resolves with the number of each outcome. */
export async function askMany(
  count: number,
  atOnce: number,
  ask: (index: number) => Promise<Outcome>,
): Promise<Map<Outcome, number>> {
  const outcomes = new Map<Outcome, number>();
  let started = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (started < count) {
        const outcome = await ask(started++);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    }),
  );
  return outcomes;
}

/** An answer on a kept connection. */
export interface Answer {
  readonly status: number;
  readonly version: string | undefined;
}

/** `count` answers of one version. */
export const answers = (count: number, version: string): Answer[] =>
  Array.from({ length: count }, () => ({ status: 200, version }));

/** Clients with `connections` kept connections. */
export class KeptClients {
  readonly #agent: Agent;
  readonly #port: number;

  constructor(port: number, connections: number) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** One request on a connection that is free. Rejects when it is not answered. */
  async ask(path: string): Promise<Answer> {
    const request = get({ host: "127.0.0.1", port: this.#port, path, agent: this.#agent, headers: { host: HOST } });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    await text(response);
    return { status: response.statusCode ?? 0, version: String(response.headers["x-version"]) };
  }

  /** One request on each connection at the same time. */
  askAll(path: string): Promise<Answer[]> {
    return Promise.all(Array.from({ length: this.#agent.maxSockets }, () => this.ask(path)));
  }

  close(): void {
    this.#agent.destroy();
  }
}
