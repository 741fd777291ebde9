/** `lasthop serve --workers`: this process supervises, and others serve. It alone writes the access log and shows metrics. */
import { join } from "node:path";
import { collectDefaultMetrics, Counter, Registry } from "prom-client";
import type { Served } from "../../host/node/serve.ts";
import { nodeRuntime } from "../../host/node/runtime.ts";
import { CombinedMetrics } from "../../host/node/workers/combined-metrics.ts";
import { serveByWorkers } from "../../host/node/workers/shared-serving.ts";
import { Supervisor } from "../../host/node/workers/supervisor.ts";
import { closeOperatorServer, openOperatorServer } from "../operator-server.ts";
import type { Running } from "./bundle-file.ts";
import type { Lines } from "./lines.ts";
import type { ServeSettings } from "./settings.ts";
import { serveUntilStopped, stopSignal } from "./signals.ts";
import { startServing } from "./start.ts";

/** What this process writes to. */
interface Outputs {
  readonly records: Lines;
  readonly messages: Lines;
  readonly say: (line: string) => void;
}

/** Serves by `count` workers until a signal. Rejects as {@link startServing} does, and with NoWorkerStarts. */
export async function serveWithWorkers(settings: ServeSettings, count: number, outputs: Outputs): Promise<void> {
  const { records, messages, say } = outputs;
  let running: Running<Served> | null = null;
  const stopped = stopSignal(() => supervisor.kill());
  const crashes = new Counter({
    name: "lasthop_worker_crashes_total",
    help: "Workers that have ended without being told to.",
    registers: [],
  });
  const supervisor = new Supervisor({
    settings: {
      count,
      encodedSlashes: settings.encodedSlashes,
      http2: settings.http2,
      drainMs: settings.drainMs,
      hasMetrics: settings.metrics !== null,
    },
    entry: join(import.meta.dirname, "worker.ts"),
    say,
    onLines: (lines) => records.pass(lines),
    onCutLine: () => records.drop("a worker has ended in the middle of a line"),
    onSaid: (_, line) => messages.write(line),
    onCounted: (worker, values) => metrics?.counted(worker, values),
    onEnded(worker, isCrash) {
      if (isCrash) crashes.inc();
      void metrics?.ended(worker);
    },
  });
  const metrics =
    settings.metrics === null ? null : new CombinedMetrics(ownMetrics(crashes, records), () => supervisor.alive);
  const unready = (): string[] => [
    ...((running?.servings.length ?? 0) > 0 ? [] : ["no Gateway is served"]),
    ...(supervisor.ready.length > 0 ? [] : ["no worker serves"]),
  ];
  const server =
    settings.metrics === null || metrics === null ? null : await openOperatorServer(settings.metrics, metrics, unready);
  try {
    // No request is served here, so the runtime only decodes bundles, and there is nothing to log.
    const options = { serve: serveByWorkers(supervisor), runtime: nodeRuntime(), log: () => undefined, say };
    running = await startServing(settings, options);
    await Promise.race([
      // A directory may have nothing to serve yet; its workers wait for it.
      supervisor.start().then(() => running && serveUntilStopped(running, settings.drainMs, stopped)),
      supervisor.failed,
    ]);
    await supervisor.stop(settings.drainMs);
  } catch (error) {
    supervisor.kill();
    throw error;
  } finally {
    if (server !== null) closeOperatorServer(server);
  }
}

function ownMetrics(crashes: Counter, records: Lines): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  registry.registerMetric(crashes);
  registry.registerMetric(
    new Counter({
      name: "lasthop_access_log_dropped_total",
      help: "Lines of the access log that could not be written, or that its reader did not take.",
      registers: [],
      collect() {
        this.reset();
        this.inc(records.dropped);
      },
    }),
  );
  return registry;
}
