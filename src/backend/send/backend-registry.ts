/** The backends of one bundle, made ready when first used, and what they take over from the bundle before. */
import type { Secrets } from "../../bundle/secrets.ts";
import type { BackendId, Bundle, BundleBackend, BundleEndpoint } from "../../bundle/types.ts";
import { Policies } from "../connect/policies.ts";
import type { BackendStats, OnBackendEvent } from "../events.ts";
import type { Timeouts } from "../limits.ts";
import type { KeyedPool } from "../pool/keyed-pool.ts";
import { type Pool, type PoolKey, poolKey } from "../pool/pool.ts";
import type { Runtime } from "../runtime.ts";
import { Endpoint, Endpoints } from "./endpoints.ts";

/** A backend of the bundle, with its endpoints and their records. */
export interface BackendState {
  readonly id: BackendId;
  readonly backend: BundleBackend;
  readonly endpoints: Endpoints;
}

/** What the registries of succeeding bundles have in common. */
export interface BackendContext {
  readonly runtime: Runtime;
  readonly pool: Pool;
  readonly random: () => number;
  readonly timeouts: Timeouts;
  readonly onEvent: OnBackendEvent | null;
  /** Endpoints with their records, which outlive a bundle as their connections do. */
  readonly endpoints: Map<PoolKey, Endpoint>;
}

/** The backends of one bundle. */
export class BackendRegistry {
  readonly context: BackendContext;
  readonly policies: Policies;
  readonly #bundle: Bundle;
  readonly #states = new Map<BackendId, BackendState>();

  constructor(bundle: Bundle, policies: Policies, context: BackendContext) {
    this.#bundle = bundle;
    this.policies = policies;
    this.context = context;
  }

  /** The backend with this id, which the bundle must have. */
  get(id: BackendId): BackendState {
    let state = this.#states.get(id);
    if (state !== undefined) return state;
    const backend = this.#bundle.backends[id];
    if (backend === undefined) throw new RangeError(`bundle: no backend ${id}`);
    const endpoints = backend.endpoints.map((address) => this.#endpoint(backend, address));
    state = { id, backend, endpoints: new Endpoints(endpoints, this.context.random) };
    this.#states.set(id, state);
    return state;
  }

  /**
   * The registry of the next bundle. Connections and session tickets that the next bundle does not need are closed and
   * freed. Throws a BundleError when `secrets` lacks a key, and then nothing has changed.
   */
  succeed(bundle: Bundle, secrets: Secrets): BackendRegistry {
    const { runtime, endpoints, pool } = this.context;
    const next = new BackendRegistry(bundle, new Policies(bundle, secrets, runtime, this.policies), this.context);
    const keyedPools = new Set<KeyedPool | null>();
    const kept = new Set<Endpoint>();
    for (const id of this.#states.keys()) {
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

  /** Gauges of all backends. */
  stats(): BackendStats {
    const { pool, endpoints } = this.context;
    const ejected = [...endpoints.values()].filter((each) => each.isEjected || each.refusedPeer.isRemembered).length;
    const { open, idle, inFlight } = pool;
    return { open, idle, inFlight, ejected, engineBytes: this.policies.engineBytes };
  }

  /** The endpoint of this address: the same object for the same endpoint, protocol, policy and client identity. */
  #endpoint(backend: BundleBackend, address: BundleEndpoint): Endpoint {
    const { pool, endpoints } = this.context;
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
