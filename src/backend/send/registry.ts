/** The backends of one bundle, made ready when first used, and what they take over from the bundle before. */
import type { Secrets } from "../../bundle/secrets.ts";
import type { BackendId, Bundle, BundleBackend, BundleEndpoint } from "../../bundle/types.ts";
import { Policies } from "../connect/policies.ts";
import type { BackendStats } from "../events.ts";
import type { Runtime } from "../runtime.ts";
import type { KeyedPool } from "../pool/keyed-pool.ts";
import { type Pool, type PoolKey, poolKey } from "../pool/pool.ts";
import { Endpoint, Endpoints } from "./endpoints.ts";

export interface BackendState {
  readonly id: BackendId;
  readonly backend: BundleBackend;
  readonly endpoints: Endpoints;
}

/** What outlives a bundle. */
export interface Lasting {
  readonly runtime: Runtime;
  readonly pool: Pool;
  readonly random: () => number;
  readonly endpoints: Map<PoolKey, Endpoint>;
}

export class BackendRegistry {
  readonly policies: Policies;
  readonly #bundle: Bundle;
  readonly #lasting: Lasting;
  readonly #made = new Map<BackendId, BackendState>();

  constructor(bundle: Bundle, policies: Policies, lasting: Lasting) {
    this.#bundle = bundle;
    this.policies = policies;
    this.#lasting = lasting;
  }

  get(id: BackendId): BackendState {
    let state = this.#made.get(id);
    if (state !== undefined) return state;
    const backend = this.#bundle.backends[id];
    if (backend === undefined) throw new RangeError(`bundle: no backend ${id}`);
    const endpoints = backend.endpoints.map((address) => this.#endpoint(backend, address));
    state = { id, backend, endpoints: new Endpoints(endpoints, this.#lasting.random) };
    this.#made.set(id, state);
    return state;
  }

  /**
   * Those of the next bundle. Connections and tickets that it has no use for go. Throws a BundleError when `secrets`
   * lacks a key, and then nothing has changed.
   */
  succeed(bundle: Bundle, secrets: Secrets): BackendRegistry {
    const { runtime, endpoints, pool } = this.#lasting;
    const next = new BackendRegistry(bundle, new Policies(bundle, secrets, runtime, this.policies), this.#lasting);
    const keyedPools = new Set<KeyedPool | null>();
    const kept = new Set<Endpoint>();
    for (const id of this.#made.keys()) {
      if (!Object.hasOwn(bundle.backends, id)) continue;
      for (const endpoint of next.get(id).endpoints.all) {
        endpoint.refusedPeer.forget();
        kept.add(endpoint);
        keyedPools.add(endpoint.keyedPool).add(endpoint.upgrades);
      }
    }
    for (const [key, endpoint] of endpoints) if (!kept.has(endpoint)) endpoints.delete(key);
    pool.retain(keyedPools);
    next.policies.dropOthers();
    return next;
  }

  stats(): BackendStats {
    const { pool, endpoints } = this.#lasting;
    const ejected = [...endpoints.values()].filter((each) => each.isEjected || each.refusedPeer.isRemembered).length;
    const { open, idle, inFlight } = pool;
    return { open, idle, inFlight, ejected, engineBytes: this.policies.engineBytes };
  }

  /** The same one for the same endpoint, protocol, policy and client identity. */
  #endpoint(backend: BundleBackend, address: BundleEndpoint): Endpoint {
    const { pool, endpoints } = this.#lasting;
    const { transport, protocol } = backend;
    const isTls = transport.kind === "tls";
    const identity = isTls ? this.#bundle.clientCertificate : null;
    const key = poolKey(backend, address, identity, "any");
    const known = endpoints.get(key);
    if (known !== undefined) return known;

    const alpn = isTls ? this.policies.policy(transport.policy).alpn : [protocol === "h2c" ? "h2" : "http/1.1"];
    const [hasHttp1, hasHttp2] = [alpn.includes("http/1.1"), alpn.includes("h2")];
    const keyedPool = pool.keyedPool(key, hasHttp1 && hasHttp2 ? null : hasHttp2);
    const upgrades = hasHttp2 ? pool.keyedPool(poolKey(backend, address, identity, "http/1.1"), false) : keyedPool;
    const endpoint = new Endpoint(address, keyedPool, hasHttp1 ? upgrades : null);
    endpoints.set(key, endpoint);
    return endpoint;
  }
}
