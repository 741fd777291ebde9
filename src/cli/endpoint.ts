/** The endpoint that `serve` and `controller` open for operators: /healthz, /readyz and Prometheus metrics. */
import { createServer, type Server } from "node:http";
import type { Registry } from "prom-client";

export const MAX_PORT = 65_535;

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:9464`, `[::1]:9464`, `localhost:9464`; null: it is none. */
export function parseHostPort(text: string): HostPort | null {
  const { host, port } = /^(?<host>.+):(?<port>\d{1,5})$/.exec(text)?.groups ?? {};
  if (host === undefined || Number(port) > MAX_PORT) return null;
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}

/** `unready` says why /readyz answers 503, a line each; empty: 200. Rejects with what `listen` fails with. */
export function openEndpoint(
  { host, port }: HostPort,
  registry: Registry,
  unready: () => readonly string[],
): Promise<Server> {
  const server = createServer((request, response) => {
    const say = (status: number, text: string): void => {
      response.writeHead(status, { "content-type": "text/plain" }).end(text);
    };
    switch (request.url ?? "") {
      case "/healthz":
        return say(200, "ok\n");
      case "/readyz": {
        const why = unready();
        return why.length === 0 ? say(200, "ok\n") : say(503, `${why.join("\n")}\n`);
      }
      case "/metrics":
        return void registry.metrics().then(
          (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
          (error: unknown) => say(500, String(error)),
        );
      default:
        return say(404, "not found\n");
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server));
  });
}

/** Scrapes under way do not keep the process. */
export function closeEndpoint(server: Server): void {
  server.close();
  server.closeAllConnections();
}
