/** The worker of the tests in workerd. Tests call createWorker themselves; the class of its object is that of the first bundle. */
import { DurableObject } from "cloudflare:workers";
import { createWorker, type Env, type LasthopWorker } from "../../src/host/cloudflare/worker.ts";

let pooled: LasthopWorker["Pool"] | null = null;

/** Sets the bundle of the object. Called before the first request to it. */
export function usePoolOf(bundleText: string): void {
  pooled ??= createWorker(bundleText).Pool;
}

/** The Durable Object that test/worker/wrangler.jsonc binds. */
export class Pool extends DurableObject<Env> {
  readonly #inner: DurableObject<Env>;
  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    if (pooled === null) throw new Error("usePoolOf comes first");
    this.#inner = new pooled(state, env);
  }
  override fetch(request: Request): Response | Promise<Response> {
    if (this.#inner.fetch === undefined) throw new Error("an object has a fetch handler");
    return this.#inner.fetch(request);
  }
}

/** The handler, which no test calls. */
export default { fetch: () => new Response(null, { status: 404 }) };
