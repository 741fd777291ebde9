/** The controller's own endpoint: /healthz, /readyz and Prometheus metrics. */
import { createServer, type Server } from "node:http";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Pass } from "./controller.ts";

export interface HealthSource {
  /** Lists have been read; a standby is ready too. */
  readonly synced: boolean;
  readonly faults: readonly string[];
  readonly leading: boolean;
}

export interface Health {
  readonly onPass: (pass: Pass) => void;
  listen(host: string, port: number): Promise<Server>;
}

export function createHealth(source: () => HealthSource): Health {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const passes = new Counter({
    name: "lasthop_controller_passes_total",
    help: "Compile and publish passes.",
    registers,
  });
  const failures = new Counter({
    name: "lasthop_controller_failures_total",
    help: "Publications, status writes and infrastructure writes that failed; each is tried again.",
    registers,
  });
  const compile = new Histogram({
    name: "lasthop_controller_compile_seconds",
    help: "Time to compile the cluster, in seconds.",
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const gateways = new Gauge({ name: "lasthop_controller_gateways", help: "Gateways of ours.", registers });
  registry.registerMetric(
    new Gauge({
      name: "lasthop_controller_leading",
      help: "1 while this process holds the Lease.",
      registers: [],
      collect() {
        this.set(source().leading ? 1 : 0);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "lasthop_controller_faults",
      help: "Watches and writes that fail at present.",
      registers: [],
      collect() {
        this.set(source().faults.length);
      },
    }),
  );

  return {
    onPass({ compileMs, gateways: count, failures: failed }) {
      passes.inc();
      failures.inc(failed.length);
      compile.observe(compileMs / 1_000);
      gateways.set(count);
    },
    listen(host, port) {
      const server = createServer((request, response) => {
        const say = (status: number, text: string): void => {
          response.writeHead(status, { "content-type": "text/plain" }).end(text);
        };
        const { synced, faults } = source();
        switch (request.url) {
          case "/healthz":
            return say(200, "ok\n");
          case "/readyz":
            return synced ? say(200, "ok\n") : say(503, ["not synced", ...faults, ""].join("\n"));
          case "/metrics":
            return void registry.metrics().then(
              (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
              (error: unknown) => say(500, String(error)),
            );
          case undefined:
          default:
            return say(404, "not found\n");
        }
      });
      return new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => resolve(server));
      });
    },
  };
}
