/** The exports of controller/ for other rooms. */
export { parsePool } from "./addresses.ts";
export { kubeApi } from "./api.ts";
export { type Controller, runController } from "./controller.ts";
export { directoryPublisher } from "./directory.ts";
export { createMetrics } from "./metrics.ts";
export { kvOverRest, kvPublisher } from "./kv.ts";
export { lead } from "./lease.ts";
export type { Publisher } from "./publisher.ts";
