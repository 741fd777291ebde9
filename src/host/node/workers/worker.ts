/** A worker: serves what its supervisor tells it to, until it is told to stop, by the supervisor or by a signal of its own. */
import type { OnBackendEvent, Runtime } from "../../../backend/index.ts";
import { DEFAULT_POOL_LIMITS } from "../../../backend/index.ts";
import { decodeSecrets } from "../../../bundle/secrets.ts";
import type { AccessLog } from "../../../gateway/index.ts";
import { FRONT_LIMITS } from "../limits.ts";
import { serve, type ServeOptions, type Serving } from "../serve.ts";
import { AskBudget } from "./ask-budget.ts";
import { ClientConnections, type ToSupervisor } from "./client-connections.ts";
import type { FromWorker, ToWorker, WorkerRequest, WorkerSettings } from "./messages.ts";
import type { TcpHandle } from "./tcp-handle.ts";

/** What the command gives its worker. */
export interface WorkerOptions {
  readonly runtime: Runtime;
  /** Makes what the servings report to. */
  readonly reports: (settings: WorkerSettings, servings: () => readonly Serving[]) => Reports;
}

/** Where a worker's servings report to. */
interface Reports {
  readonly log: AccessLog;
  readonly onEvent: OnBackendEvent | undefined;
  /** The values of all metrics, as prom-client's JSON; null where there are none. */
  readonly metrics: (() => Promise<unknown>) | null;
}

/** What a worker has once its supervisor has told it its settings. */
interface Started extends Pick<Reports, "metrics"> {
  readonly settings: WorkerSettings;
  readonly connections: ClientConnections;
}

/**
 * The time that new connections have for their first request before a worker that ends by itself closes the idle ones: their
 * clients were told that they are connected, and would see a reset.
 */
const FIRST_REQUEST_MS = 1_000;

/** Runs the worker of this process. Resolves when all that it served is closed. */
export async function runWorker({ runtime, reports }: WorkerOptions): Promise<void> {
  const servings = new Map<number, Serving>();
  const closing = new Set<Promise<void>>();
  const close = (serving: Serving, limitMs: number): Promise<void> => {
    const closed = serving.close(limitMs).finally(() => closing.delete(closed));
    closing.add(closed);
    return closed;
  };
  const stopped = Promise.withResolvers<void>();
  const started = Promise.withResolvers<Started>();

  const start = (settings: WorkerSettings): void => {
    const connections = new ClientConnections(send, settings.count > 1 ? new AskBudget() : null);
    const { log, onEvent, metrics } = reports(settings, () => [...servings.values()]);
    const options: Omit<ServeOptions, "address" | "portMap"> = {
      runtime,
      log,
      encodedSlashes: settings.encodedSlashes,
      http2: settings.http2,
      limits: { maxConnections: share(FRONT_LIMITS.maxConnections, settings.count) },
      poolLimits: {
        connectionsPerKey: share(DEFAULT_POOL_LIMITS.connectionsPerKey, settings.count),
        idlePerKey: share(DEFAULT_POOL_LIMITS.idlePerKey, settings.count),
      },
      ...(onEvent === undefined ? {} : { onEvent }),
    };
    const answer = async (request: WorkerRequest): Promise<unknown> => {
      if (request.kind === "metrics") return metrics?.();
      if (request.kind === "ping") return undefined;
      const serving = servings.get(request.serving);
      if (request.kind === "close") {
        servings.delete(request.serving);
        if (serving !== undefined) await close(serving, request.limitMs);
        return undefined;
      }
      const { text, ticketKeys } = request;
      const secrets = decodeSecrets(request.secrets);
      if (request.kind === "reload") {
        await serving?.reload(text, secrets, ticketKeys);
        return undefined;
      }
      const { address, portMap } = request;
      const listen = connections.source(request.serving);
      const opened = await serve(text, { ...options, address, portMap, secrets, ticketKeys, listen });
      servings.set(request.serving, opened);
      return undefined;
    };
    const onMessage = (message: ToWorker, handle: TcpHandle | undefined): void => {
      if ("request" in message)
        return void answer(message).then(
          (metrics) => send({ kind: "done", request: message.request, error: null, metrics }),
          (error: unknown) =>
            send({
              kind: "done",
              request: message.request,
              error: error instanceof Error ? error.message : String(error),
            }),
        );
      if (message.kind === "listen" && handle !== undefined) connections.listen(message, message.slot, handle);
      if (message.kind === "unlisten") connections.unlisten(message.slot);
      if (message.kind === "take" && handle !== undefined) {
        connections.take(message, handle);
        send({ kind: "took", connection: message.connection });
      }
      if (message.kind === "placed") connections.placed(message.connection, message.isKept);
      if (message.kind === "stop") stopped.resolve();
    };
    process.on("message", onMessage);
    started.resolve({ settings, connections, metrics });
  };

  const onFirst = (message: ToWorker): void => {
    if (message.kind !== "start") return;
    process.off("message", onFirst);
    start(message.settings);
  };
  process.on("message", onFirst);
  const ended = Promise.withResolvers<void>();
  // A terminal sends these to the supervisor, too, which says what the workers do.
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
  process.on("SIGTERM", () => ended.resolve());
  process.once("disconnect", () => {
    void started.promise.then(({ connections }) => connections.supervisorGone());
    ended.resolve();
  });
  send({ kind: "up" });

  const isTold = await Promise.race([stopped.promise.then(() => true), ended.promise.then(() => false)]);
  if (isTold) return;
  const { settings, connections, metrics } = await started.promise;
  send({ kind: "draining" });
  connections.drain();
  await new Promise((resolve) => void setTimeout(resolve, FIRST_REQUEST_MS));
  for (const serving of servings.values()) void close(serving, settings.drainMs);
  // Those that the supervisor has told to close, too: a signal may come to it and to this process at the same time.
  await Promise.all(closing);
  if (metrics !== null) send({ kind: "counted", metrics: await metrics() });
}

/** The part of a limit that one of `count` workers has. */
const share = (limit: number, count: number): number => Math.ceil(limit / count);

const send: ToSupervisor = (message: FromWorker, handle) => {
  if (!process.connected) return handle?.close();
  // The supervisor has the socket once the message is written. @types/node does not list bare handles.
  (process as unknown as HandleChannelUp).send(message, handle, undefined, () => handle?.close());
};

/** The channel to the supervisor, which sends bare handles. */
interface HandleChannelUp {
  send(message: FromWorker, handle: TcpHandle | undefined, options: undefined, sent: () => void): void;
}
