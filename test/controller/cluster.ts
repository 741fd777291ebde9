/**
 * A controller of a small cluster, made anew for each test: the tests' API server with the Gateway `edge`, the Service
 * `web` and the HTTPRoute `site` of namespace `shop`. The controller publishes to a directory.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { acknowledgementKey, decodePointer, type Pointer, pointerKey } from "../../src/bundle/publication.ts";
import type { KubeApi, KubeObject, WatchEvent } from "../../src/controller/api.ts";
import { type Controller, runController } from "../../src/controller/controller.ts";
import { directoryPublisher } from "../../src/controller/directory.ts";
import type { PassReport } from "../../src/controller/pass.ts";
import type { Publisher } from "../../src/controller/publisher.ts";
import { ApiServer } from "./api-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const GROUP = "gateway.networking.k8s.io/v1";

/** The API server of the test. */
export let server: ApiServer;
/** The controller's client of the API server. */
export let api: KubeApi;
/** The directory that the controller publishes to. */
export let directory: string;
/** Every pass that has ended. */
export let passes: PassReport[];
/** The routes of {@link wholePass}: whether a pass that has ended has written their status. */
let markers: Map<string, "waiting" | "written">;
/** The events that the controller has received. */
let received: WatchEvent[];
let running: { readonly stop: AbortController; readonly controller: Controller }[];

beforeEach(async () => {
  server = new ApiServer();
  directory = await temporaryDirectory();
  [passes, received, running, markers] = [[], [], [], new Map()];
  const client = await server.start();
  api = {
    ...client,
    watch: (path, query, onEvent, signal) =>
      client.watch(
        path,
        query,
        (event) => {
          onEvent(event);
          received.push(event);
        },
        signal,
      ),
  };
  server.apply("gatewayclasses", {
    apiVersion: GROUP,
    kind: "GatewayClass",
    metadata: { name: "lasthop" },
    spec: { controllerName: "lasthop.dev/gateway-controller" },
  });
  server.apply("gateways", gatewayOf("edge"));
  server.apply("services", serviceOf("web", 80));
  server.apply("httproutes", routeOf("site", "/"));
});

afterEach(async () => {
  await stopControllers();
  await server.stop();
});

/** A Gateway of namespace `shop`; `spec` adds to its specification. */
export const gatewayOf = (name: string, spec: object = {}): KubeObject => ({
  apiVersion: GROUP,
  kind: "Gateway",
  metadata: { name, namespace: "shop" },
  spec: {
    gatewayClassName: "lasthop",
    listeners: [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "Same" } } }],
    ...spec,
  },
});

/** A Service of namespace `shop` with one port. */
export const serviceOf = (name: string, port: number): KubeObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "shop" },
  spec: { type: "ClusterIP", ports: [{ name: "web", protocol: "TCP", port }] },
});

/** An HTTPRoute of namespace `shop` from paths below `path` to a port of the Service `web`. */
export const routeOf = (name: string, path: string, port = 80): KubeObject => ({
  apiVersion: GROUP,
  kind: "HTTPRoute",
  metadata: { name, namespace: "shop", creationTimestamp: "2026-01-01T00:00:00Z" } as KubeObject["metadata"],
  spec: {
    parentRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "edge" }],
    rules: [
      {
        matches: [{ path: { type: "PathPrefix", value: path } }],
        backendRefs: [{ group: "", kind: "Service", name: "web", port, weight: 1 }],
      },
    ],
  },
});

interface StartOptions {
  /** The publisher; by default that of the test's directory. */
  readonly publisher?: Publisher;
  /** A signal that stops the controller before the test ends. */
  readonly signal?: AbortSignal;
  readonly requireBackendTls?: boolean;
  readonly log?: (entry: Readonly<Record<string, unknown>>) => void;
  readonly onPass?: (pass: PassReport) => void;
}

/** Starts a controller, which is stopped after the test. */
export function start(options: StartOptions = {}): Controller {
  const { publisher = directoryPublisher(directory), requireBackendTls = false, log = () => undefined } = options;
  const stop = new AbortController();
  const controller = runController({
    api,
    publisher,
    pool: ["127.2.0.1", "127.2.0.2"],
    compile: { allowLoopback: false, allowAddressAnnotation: false, allowExternalName: false, requireBackendTls },
    signal: options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]),
    now: () => Date.now(),
    log,
    onPass: (pass) => {
      passes.push(pass);
      for (const name of markers.keys()) if (parentsOf(name).length > 0) markers.set(name, "written");
      options.onPass?.(pass);
    },
  });
  running.push({ stop, controller });
  return controller;
}

/** Stops all controllers that the test has started. */
export async function stopControllers(): Promise<void> {
  for (const { stop, controller } of running.splice(0)) {
    stop.abort();
    await controller.done;
  }
}

/**
 * Resolves when a pass has ended that began after this call: the pass that writes the status of a route which is stored
 * now. The route refers to a port of the Service `web`.
 */
export async function wholePass(port = 80): Promise<void> {
  const name = `marker-${markers.size}`;
  markers.set(name, "waiting");
  server.apply("httproutes", routeOf(name, `/${name}`, port));
  await expect.poll(() => markers.get(name)).toBe("written");
}

/** Resolves when the controller has received an event about an object that matches. */
export async function eventReceived(
  type: WatchEvent["type"],
  matching: (object: KubeObject) => boolean,
): Promise<void> {
  const found = (): boolean =>
    received.some((event) => event.type !== "BOOKMARK" && event.type === type && matching(event.object));
  await expect.poll(found).toBe(true);
}

/** The published pointer of a Gateway, or null. */
export async function pointer(gateway = "shop/edge"): Promise<Pointer | null> {
  return readFile(join(directory, pointerKey(gateway)), "utf8").then(decodePointer, () => null);
}

/** Writes an acknowledgement of the Gateway `edge`, as a host does. */
export async function acknowledge(
  bundle: string,
  addresses: readonly string[],
  errors: readonly string[] = [],
): Promise<void> {
  const path = join(directory, acknowledgementKey("shop/edge"));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify({ format: 1, gateway: "shop/edge", bundle, addresses, errors }));
}

/** A condition of a status. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

/** The condition of a type in the status of an object. */
export function conditionOf(object: KubeObject | undefined, type: string): Condition | undefined {
  return ((object?.status ?? {}) as { conditions?: Condition[] }).conditions?.find((each) => each.type === type);
}

/** The Gateway `edge`. */
export const edge = (): KubeObject | undefined => server.get("gateways", "shop", "edge");

/** The entries in the status of an HTTPRoute. */
export const parentsOf = (name: string): { controllerName: string; conditions: Condition[] }[] =>
  ((server.get("httproutes", "shop", name)?.status ?? {}) as { parents?: [] }).parents ?? [];
