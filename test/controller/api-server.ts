/**
 * A small API server for the controller's tests, with lists, watches, conditional writes, and the faults of real servers.
 * `npm run conformance` runs the controller against a real one.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { KubeConfig } from "@kubernetes/client-node";
import { type KubeApi, kubeApi, type KubeObject } from "../../src/controller/api.ts";
import { RESOURCES } from "../../src/controller/resources.ts";
import { listen } from "../support/listen.ts";

type Stored = KubeObject & { metadata: { resourceVersion: string } };
interface Watcher {
  readonly plural: string;
  readonly response: ServerResponse;
}

/** An API server on loopback. `plural` is a resource's plural name, as in URLs. */
export class ApiServer {
  readonly #server: Server;
  readonly #objects = new Map<string, Stored>();
  readonly #watchers = new Set<Watcher>();
  /** The plurals of resources that do not exist. */
  readonly absent = new Set<string>();
  /** Faults: each makes one request that matches it fail with `status`, without effect. */
  readonly faults: {
    readonly method: string;
    readonly path: RegExp;
    readonly query?: RegExp;
    readonly status: number;
  }[] = [];
  readonly writes: { readonly method: string; readonly path: string }[] = [];
  /** The paths of single objects that were read. */
  readonly reads: string[] = [];
  /** The oldest version that a watch can resume from. */
  oldest = 0;
  /** A callback after each PUT, before its response. */
  onWritten: (path: string) => Promise<void> = () => Promise.resolve();
  /** The number of objects in one page of a list. */
  pageSize = 500;
  /** The delay of every request. */
  delayMs = 0;
  #version = 1;

  constructor() {
    this.#server = createServer((request, response) => {
      setTimeout(() => {
        this.#handle(request, response).catch((error: unknown) => response.destroy(error as Error));
      }, this.delayMs);
    });
  }

  async start(): Promise<KubeApi> {
    const port = await listen(this.#server);
    for (const { group, name, custom } of RESOURCES) {
      if (!custom) continue;
      const definition = `${name}.${group}`;
      this.#objects.set(`customresourcedefinitions//${definition}`, {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: definition, resourceVersion: "1" },
      });
    }
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: "test", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: "test" },
    );
    return kubeApi(config);
  }

  async stop(): Promise<void> {
    this.cutWatches();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Ends every watch, as API servers do every few minutes. */
  cutWatches(): void {
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  get watching(): number {
    return this.#watchers.size;
  }

  /** Stores an object as `kubectl apply` does: a changed spec makes a new generation. `silent` sends no watch event. */
  apply(plural: string, object: KubeObject, event: "sent" | "silent" = "sent"): KubeObject {
    const key = keyOf(plural, object.metadata.namespace, object.metadata.name);
    const before = this.#objects.get(key);
    const changed = JSON.stringify(before?.spec) !== JSON.stringify(object.spec);
    const generation = (before?.metadata.generation ?? 0) + (changed ? 1 : 0);
    const status = object.status ?? before?.status;
    return this.#store(
      plural,
      key,
      {
        ...object,
        ...(status === undefined ? {} : { status }),
        metadata: { uid: `uid-${key}`, ...object.metadata, generation },
      },
      event,
    );
  }

  remove(plural: string, namespace: string | undefined, name: string): void {
    const key = keyOf(plural, namespace, name);
    const object = this.#objects.get(key);
    this.#objects.delete(key);
    if (object !== undefined)
      this.#emit(plural, "DELETED", {
        ...object,
        metadata: { ...object.metadata, resourceVersion: `${++this.#version}` },
      });
  }

  get(plural: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#objects.get(keyOf(plural, namespace, name));
  }

  #store(plural: string, key: string, object: KubeObject, event: "sent" | "silent" = "sent"): Stored {
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: `${++this.#version}` } };
    const type = this.#objects.has(key) ? "MODIFIED" : "ADDED";
    this.#objects.set(key, stored);
    if (event === "sent") this.#emit(plural, type, stored);
    return stored;
  }

  #emit(plural: string, type: string, object: KubeObject): void {
    for (const watcher of this.#watchers) {
      if (watcher.plural === plural) watcher.response.write(`${JSON.stringify({ type, object })}\n`);
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://api");
    const method = request.method ?? "GET";
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    const fail = (status: number, message: string): void => answer(status, { kind: "Status", code: status, message });
    const parsed =
      /^\/(?:api|apis\/[^/]+)\/[^/]+(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/([^/]+))?(?:\/(status))?$/.exec(
        url.pathname,
      );
    const [, namespace, plural = "namespaces", name, part] = parsed ?? [];
    const fault = this.faults.findIndex(
      (each) => each.method === method && each.path.test(url.pathname) && (each.query?.test(url.search) ?? true),
    );
    if (fault >= 0) return fail(this.faults.splice(fault, 1)[0]?.status ?? 500, "as the test wants it");
    if (this.absent.has(plural)) return fail(404, "the server could not find the requested resource");
    if (method !== "GET") this.writes.push({ method, path: url.pathname });
    if (name === undefined && method === "GET") return this.#listOrWatch(plural, url, response, answer);
    if (method === "GET") this.reads.push(url.pathname);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = chunks.length === 0 ? null : (JSON.parse(Buffer.concat(chunks).toString()) as KubeObject);
    if (method === "POST" && body !== null) {
      const key = keyOf(plural, namespace, body.metadata.name);
      if (this.#objects.has(key)) return fail(409, "already exists");
      return answer(201, this.apply(plural, body));
    }
    const key = keyOf(plural, namespace, name ?? "");
    const before = this.#objects.get(key);
    if (before === undefined) return fail(404, `${key} not found`);
    if (method === "GET") return answer(200, before);
    if (method !== "PUT" || body === null) return fail(405, "no such verb");
    const { resourceVersion } = body.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion)
      return fail(409, "the object has been modified");
    const next = part === "status" ? { ...before, status: body.status } : body;
    const stored = this.#store(plural, key, next);
    await this.onWritten(url.pathname);
    return answer(200, stored);
  }

  #listOrWatch(
    plural: string,
    url: URL,
    response: ServerResponse,
    answer: (status: number, body: object) => void,
  ): void {
    if (url.searchParams.get("watch") !== "true") {
      const items = [...this.#objects].filter(([key]) => key.startsWith(`${plural}/`)).map(([, object]) => object);
      const [from, limit] = [Number(url.searchParams.get("continue") ?? 0), this.pageSize];
      const more = from + limit < items.length ? { continue: `${from + limit}` } : {};
      return answer(200, {
        items: items.slice(from, from + limit),
        metadata: { resourceVersion: `${this.#version}`, ...more },
      });
    }
    response.writeHead(200, { "content-type": "application/json" });
    if (Number(url.searchParams.get("resourceVersion")) < this.oldest) {
      response.end(
        `${JSON.stringify({ type: "ERROR", object: { code: 410, message: "too old resource version" } })}\n`,
      );
      return;
    }
    response.flushHeaders();
    // The watch begins with the objects that have changed since its version.
    const since = Number(url.searchParams.get("resourceVersion"));
    for (const [key, object] of this.#objects) {
      if (key.startsWith(`${plural}/`) && Number(object.metadata.resourceVersion) > since)
        response.write(`${JSON.stringify({ type: "MODIFIED", object })}\n`);
    }
    const watcher = { plural, response };
    this.#watchers.add(watcher);
    response.once("close", () => this.#watchers.delete(watcher));
  }
}

const keyOf = (plural: string, namespace: string | undefined, name: string): string =>
  `${plural}/${namespace ?? ""}/${name}`;
