/** The backends of one bundle, made ready when first used, and what they take over from the bundle before. */
import type { Secrets } from "../../bundle/secrets.ts";
import type { BackendId, Bundle, BundleBackend, BundleEndpoint } from "../../bundle/types.ts";
import { Policies } from "../connect/policies.ts";
import type { BackendStats } from "../events.ts";
import type { Host } from "../host.ts";
import type { Lane } from "../pool/lane.ts";
import { type Pool, type PoolKey, poolKey } from "../pool/pool.ts";
import { Endpoint, Endpoints } from "./endpoints.ts";

export interface Service {
  readonly id: BackendId;
  readonly backend: BundleBackend;
  readonly endpoints: Endpoints;
}

/** What outlives a bundle. */
export interface Lasting {
  readonly host: Host;
  readonly pool: Pool;
  readonly random: () => number;
  readonly endpoints: Map<PoolKey, Endpoint>;
}

export class Services {
  readonly policies: Policies;
  readonly #bundle: Bundle;
  readonly #lasting: Lasting;
  readonly #made = new Map<BackendId, Service>();

  constructor(bundle: Bundle, policies: Policies, lasting: Lasting) {
    this.#bundle = bundle;
    this.policies = policies;
    this.#lasting = lasting;
  }

  get(id: BackendId): Service {
    let service = this.#made.get(id);
    if (service !== undefined) return service;
    const backend = this.#bundle.backends[id];
    if (backend === undefined) throw new RangeError(`bundle: no backend ${id}`);
    const endpoints = backend.endpoints.map((address) => this.#endpoint(backend, address));
    service = { id, backend, endpoints: new Endpoints(endpoints, this.#lasting.random) };
    this.#made.set(id, service);
    return service;
  }

  /**
   * Those of the next bundle. Connections and tickets that it has no use for go. Throws a BundleError when `secrets`
   * lacks a key, and then nothing has changed.
   */
  succeed(bundle: Bundle, secrets: Secrets): Services {
    const { host, endpoints, pool } = this.#lasting;
    const next = new Services(bundle, new Policies(bundle, secrets, host, this.policies), this.#lasting);
    const lanes = new Set<Lane | null>();
    const kept = new Set<Endpoint>();
    for (const id of this.#made.keys()) {
      if (!Object.hasOwn(bundle.backends, id)) continue;
      for (const endpoint of next.get(id).endpoints.all) {
        endpoint.refusedPeer.forget();
        kept.add(endpoint);
        lanes.add(endpoint.lane).add(endpoint.upgrades);
      }
    }
    for (const [key, endpoint] of endpoints) if (!kept.has(endpoint)) endpoints.delete(key);
    pool.retain(lanes);
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
    const lane = pool.lane(key, hasHttp1 && hasHttp2 ? null : hasHttp2);
    const upgrades = hasHttp2 ? pool.lane(poolKey(backend, address, identity, "http/1.1"), false) : lane;
    const endpoint = new Endpoint(address, lane, hasHttp1 ? upgrades : null);
    endpoints.set(key, endpoint);
    return endpoint;
  }
}
