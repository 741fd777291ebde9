/** Prometheus metrics of the controller. docs/kubernetes.md says what each means. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { PassReport } from "./pass.ts";

/** The state of the controller, read whenever metrics are scraped. */
interface MetricsSource {
  readonly faults: readonly string[];
  /** Whether this process holds the Lease. */
  readonly leading: boolean;
}

/** The metrics, and the callback that counts passes. */
interface Metrics {
  readonly registry: Registry;
  readonly onPass: (pass: PassReport) => void;
}

/** A registry with the controller's metrics, and those of its process. */
export function createMetrics(source: () => MetricsSource): Metrics {
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
  const plaintext = new Gauge({
    name: "lasthop_controller_plaintext_backends",
    help: "Backends that get plaintext, for no BackendTLSPolicy covers them, by Gateway.",
    labelNames: ["gateway"] as const,
    registers,
  });
  const unattached = new Gauge({
    name: "lasthop_controller_unattached_targets",
    help: "Targets of BackendTLSPolicies that attach to nothing, and so protect nothing.",
    registers,
  });
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
    registry,
    onPass({ compileMs, gateways: count, failures: failed, plaintext: { backends, unattached: targets } }) {
      passes.inc();
      failures.inc(failed.length);
      compile.observe(compileMs / 1_000);
      gateways.set(count);
      plaintext.reset();
      for (const [gateway, number] of backends) plaintext.set({ gateway }, number);
      unattached.set(targets);
    },
  };
}
