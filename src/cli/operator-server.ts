/** The HTTP server that `serve` and `controller` open for operators: /healthz, /readyz and Prometheus metrics. */
import { createServer, type Server } from "node:http";

/** The highest TCP port. */
export const MAX_PORT = 65_535;

/** An address to bind. An IPv6 address has no brackets. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** The metrics of one process, or of several as one: what prom-client's `Registry` has of it. */
interface MetricsText {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/** The address in a text such as `127.0.0.1:9464`, `[::1]:9464` or `localhost:9464`; null when it is none. */
export function parseHostPort(text: string): HostPort | null {
  const { host, port } = /^(?<host>.+):(?<port>\d{1,5})$/.exec(text)?.groups ?? {};
  if (host === undefined || Number(port) > MAX_PORT) return null;
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}

/**
 * Opens the server. /readyz answers 503 with the lines of `unready`, or 200 when there are none. Rejects when the
 * address cannot be bound.
 */
export function openOperatorServer(
  { host, port }: HostPort,
  registry: MetricsText,
  unready: () => readonly string[],
): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, text: string): void => {
      response.writeHead(status, { "content-type": "text/plain" }).end(text);
    };
    switch (request.url ?? "") {
      case "/healthz":
        return answer(200, "ok\n");
      case "/readyz": {
        const reasons = unready();
        return reasons.length === 0 ? answer(200, "ok\n") : answer(503, `${reasons.join("\n")}\n`);
      }
      case "/metrics":
        return void registry.metrics().then(
          (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
          (error: unknown) => answer(500, String(error)),
        );
      default:
        return answer(404, "not found\n");
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server));
  });
}

/** Closes the server and its connections: a scrape in progress must not keep the process alive. */
export function closeOperatorServer(server: Server): void {
  server.close();
  server.closeAllConnections();
}
