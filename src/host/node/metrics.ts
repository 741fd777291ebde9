/** Prometheus metrics of `lasthop serve`. docs/operations.md says what each means. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { BackendEvent } from "../../backend/index.ts";
import type { Bundle } from "../../bundle/types.ts";
import type { AccessRecord } from "../../gateway/index.ts";
import type { Serving } from "./serve.ts";

/** The metrics of a process, and the callbacks that count. */
interface Metrics {
  readonly registry: Registry;
  readonly onRecord: (record: AccessRecord) => void;
  readonly onEvent: (event: BackendEvent) => void;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * The metrics of `servings`. Labels are names of the bundle and our codes, and never what a client has sent, so that
 * their number is bounded.
 */
export function createMetrics(servings: () => readonly Serving[], droppedLines = (): number => 0): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: "lasthop_requests_total",
    help: "Requests answered, by listener, route, status class and code (empty: none of ours).",
    labelNames: ["listener", "route", "status", "code"] as const,
    registers,
  });
  const duration = new Histogram({
    name: "lasthop_request_duration_seconds",
    help: "From a request's arrival to the end of its response.",
    labelNames: ["route"] as const,
    buckets: SECONDS,
    registers,
  });
  const mirrors = new Counter({
    name: "lasthop_mirrors_failed_total",
    help: "Mirrored copies that failed, by backend and code.",
    labelNames: ["backend", "code"] as const,
    registers,
  });
  const plaintext = new Counter({
    name: "lasthop_plaintext_requests_total",
    help: "Requests that a backend answered over plaintext.",
    labelNames: ["backend"] as const,
    registers,
  });
  const events = new Counter({
    name: "lasthop_backend_events_total",
    help: "Connections opened, refused and reused, requests tried again, endpoints ejected and recovered, by backend.",
    labelNames: ["backend", "event", "code"] as const,
    registers,
  });
  const connecting = new Histogram({
    name: "lasthop_backend_connect_seconds",
    help: "From the first dial to a verified connection.",
    labelNames: ["backend", "resumed"] as const,
    buckets: SECONDS,
    registers,
  });
  const gauges = {
    open: "Backend connections that are open or being opened.",
    idle: "Of them, those that carry no request.",
    inFlight: "Requests in flight to backends.",
    ejected: "Endpoints left out for now.",
    engineBytes: "Memory of the TLS engines.",
  } as const;
  for (const [stat, help] of Object.entries(gauges) as [keyof typeof gauges, string][]) {
    registry.registerMetric(
      new Gauge({
        name: `lasthop_backend_${stat.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
        help,
        registers: [],
        collect() {
          this.set(servings().reduce((sum, serving) => sum + serving.stats()[stat], 0));
        },
      }),
    );
  }
  registry.registerMetric(
    new Counter({
      name: "lasthop_access_log_dropped_total",
      help: "Lines of the access log that could not be written, or that its reader did not take.",
      registers: [],
      collect() {
        this.reset();
        this.inc(droppedLines());
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "lasthop_bundle_info",
      help: "1 for each bundle that is served.",
      labelNames: ["gateway", "digest"] as const,
      registers: [],
      collect() {
        this.reset();
        for (const { bundle } of servings()) this.set({ gateway: bundle.gateway, digest: bundle.digest }, 1);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "lasthop_plaintext_backends",
      help: "Backends to which requests go in plaintext, for no BackendTLSPolicy covers them, by Gateway.",
      labelNames: ["gateway"] as const,
      registers: [],
      collect() {
        this.reset();
        for (const { bundle } of servings()) this.set({ gateway: bundle.gateway }, plaintextBackends(bundle));
      },
    }),
  );

  return {
    registry,
    onRecord({ listener, route, backend, status, code, durationMs, mirror, protocol, tls }) {
      // `protocol` and `tls` are known once the backend has answered.
      if (backend !== null && protocol !== null && tls === null) plaintext.inc({ backend });
      if (mirror) return mirrors.inc({ backend: backend ?? "", code: code ?? "" });
      const labels = { listener: listener ?? "", route: route ?? "", status: `${Math.floor(status / 100)}xx` };
      requests.inc({ ...labels, code: code ?? "" });
      duration.observe({ route: labels.route }, durationMs / 1_000);
    },
    onEvent(event) {
      const { backend, kind } = event;
      events.inc({ backend, event: kind, code: "code" in event ? String(event.code) : "" });
      if (event.kind === "connected")
        connecting.observe({ backend, resumed: String(event.resumed ?? false) }, event.durationMs / 1_000);
    },
  };
}

const plaintextBackends = ({ backends }: Bundle): number =>
  Object.values(backends).filter(({ transport }) => transport.kind === "plaintext").length;
