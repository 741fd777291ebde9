/** The process of one worker of `lasthop serve --workers`, which only its supervisor starts (src/host/node/workers/). */
import * as nodeModule from "node:module";
import { join } from "node:path";
import { createMetrics } from "../../host/node/metrics.ts";
import { nodeRuntime } from "../../host/node/runtime.ts";
import { runWorker } from "../../host/node/workers/worker.ts";
import { ROOT } from "../root.ts";
import { linesTo } from "./lines.ts";

// The same directory as in main.ts, so that a worker starts as fast.
nodeModule.enableCompileCache(join(ROOT, "node_modules/.cache/lasthop"));

/** The supervisor reads each write of a worker by itself, which costs as much as a part of a request. */
const GATHER_MS = 10;
const workerMessages = linesTo(2, { onDrop: () => undefined });
const sayAsWorker = (line: string): void => workerMessages.write(`lasthop serve: worker ${process.pid}: ${line}`);
const records = linesTo(1, {
  onDrop: (reason) => sayAsWorker(`its lines of the access log are dropped (${reason})`),
  gatherMs: GATHER_MS,
});
// An uncaught exception ends the process before the lines that are gathered.
process.once("exit", () => void records.settle());
process.removeAllListeners("warning").on("warning", ({ message }) => sayAsWorker(message));

await runWorker({
  runtime: nodeRuntime(),
  reports({ hasMetrics }, servings) {
    const metrics = hasMetrics ? createMetrics(servings, () => records.dropped) : null;
    return {
      log(record) {
        metrics?.onRecord(record);
        records.write(JSON.stringify(record));
      },
      onEvent: metrics?.onEvent,
      metrics: metrics === null ? null : () => metrics.registry.getMetricsAsJSON(),
    };
  },
});
await Promise.all([records.settle(), workerMessages.settle()]);
process.exit(0);
