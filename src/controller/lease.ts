/**
 * Leader election by a Lease (coordination.k8s.io/v1), as in client-go: the process that holds the Lease leads, the
 * others wait. A holder that cannot renew the Lease stops before another process can take it.
 */
import { ApiError, type KubeApi, type KubeObject } from "./api.ts";
import { pathOf } from "./resources.ts";
import { pause } from "./watch.ts";

interface LeaseOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly name: string;
  /** The unique identity of this process (`Lease.spec.holderIdentity`). */
  readonly identity: string;
  /** A signal that ends the election when it aborts. The Lease is then released. */
  readonly signal: AbortSignal;
  /** The wall clock, in milliseconds since the epoch. */
  readonly now: () => number;
  /** A callback with the reason why the Lease could be neither read nor taken, once until the reason changes. */
  readonly onFault: (message: string) => void;
}

/** `Lease.spec.leaseDurationSeconds`: after this time without a renewal another process may take the Lease. */
const DURATION_S = 15;
/** The time without a renewal after which the leader stops, which leaves it 5 s before another may lead. */
const RENEW_DEADLINE_MS = 10_000;
const ATTEMPT_INTERVAL_MS = 2_000;

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/** The holder of the Lease, as far as one attempt to take it can say. */
type Holder = "this-process" | "another" | "unknown";

/**
 * Waits until this process holds the Lease, then calls `run` with a signal that aborts when the Lease is lost. Resolves
 * when `run` has ended after that, or after `options.signal` has aborted.
 */
export async function lead(options: LeaseOptions, run: (lost: AbortSignal) => Promise<void>): Promise<void> {
  const { signal, now } = options;
  const lease = new Lease(options);
  const lost = new AbortController();
  const ended = AbortSignal.any([signal, lost.signal]);
  let fault: string | null = null;
  let deadline: ReturnType<typeof setTimeout> | undefined;
  const attempt = async (): Promise<Holder> => {
    // Other processes count from the moment the API server stores the renewal, which is before its response arrives.
    const startMs = now();
    let newFault: string | null = null;
    // A conflict means that another process was faster. After any other failure the holder is unknown.
    const holder = await lease.acquire().catch((error: unknown): Holder => {
      if (!(error instanceof ApiError && error.status === 409))
        newFault = error instanceof Error ? error.message : String(error);
      return "unknown";
    });
    if (newFault !== null && newFault !== fault) options.onFault(newFault);
    fault = newFault;
    if (holder !== "this-process" || lost.signal.aborted) return holder;
    const remainingMs = startMs + RENEW_DEADLINE_MS - now();
    if (remainingMs <= 0) return "unknown";
    clearTimeout(deadline);
    deadline = setTimeout(() => lost.abort(), remainingMs);
    return holder;
  };

  while (!signal.aborted && (await attempt()) !== "this-process") await pause(ATTEMPT_INTERVAL_MS, signal);
  const running = ended.aborted ? null : run(lost.signal);
  const unknown = new Promise((resolve) => ended.addEventListener("abort", () => resolve("unknown"), { once: true }));
  while (!ended.aborted) {
    await pause(ATTEMPT_INTERVAL_MS, ended);
    // The race ends with the deadline, also while an API server does not answer.
    if (!ended.aborted && (await Promise.race([attempt(), unknown])) === "another") lost.abort();
  }
  const wasHeld = deadline !== undefined;
  clearTimeout(deadline);
  lost.abort();
  await running;
  if (signal.aborted && wasHeld) await lease.release().catch(() => undefined);
}

/** The Lease object in the cluster. */
class Lease {
  readonly #options: LeaseOptions;
  readonly #path: string;
  /** The last version seen, and when, by the clock of this process: `renewTime` is by the holder's clock. */
  #seen: { version: string; atMs: number } | null = null;

  constructor(options: LeaseOptions) {
    const { namespace, name } = options;
    this.#options = options;
    this.#path = pathOf({ group: "coordination.k8s.io", version: "v1", name: "leases" }, { namespace, name });
  }

  /** Takes or renews the Lease, unless another process holds it. Rejects with status 409 on a conflict. */
  async acquire(): Promise<Holder> {
    const { api, namespace, name, identity, now } = this.#options;
    const found = await this.#read();
    const time = this.#time();
    if (found === null) {
      const spec = { holderIdentity: identity, leaseDurationSeconds: DURATION_S, acquireTime: time, renewTime: time };
      const collection = this.#path.slice(0, this.#path.lastIndexOf("/"));
      const metadata = { name, namespace };
      await api.create(collection, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec });
      return "this-process";
    }
    const spec = found.spec ?? {};
    const version = found.metadata.resourceVersion ?? "";
    if (this.#seen?.version !== version) this.#seen = { version, atMs: now() };
    const holder = spec.holderIdentity ?? "";
    const isOwn = holder === identity;
    const isExpired = now() - this.#seen.atMs > (spec.leaseDurationSeconds ?? DURATION_S) * 1_000;
    if (!isOwn && holder !== "" && !isExpired) return "another";
    await api.replace(this.#path, {
      ...found,
      spec: {
        ...spec,
        holderIdentity: identity,
        leaseDurationSeconds: DURATION_S,
        acquireTime: isOwn ? (spec.acquireTime ?? time) : time,
        renewTime: time,
        leaseTransitions: (spec.leaseTransitions ?? 0) + (isOwn ? 0 : 1),
      },
    });
    return "this-process";
  }

  /** Releases the Lease if this process holds it, so that another process can take it at once. */
  async release(): Promise<void> {
    const { api, identity } = this.#options;
    const found = await this.#read();
    if (found?.spec?.holderIdentity !== identity) return;
    const time = this.#time();
    await api.replace(this.#path, {
      ...found,
      spec: {
        ...found.spec,
        holderIdentity: "",
        leaseDurationSeconds: 1,
        acquireTime: found.spec.acquireTime ?? time,
        renewTime: time,
        leaseTransitions: found.spec.leaseTransitions ?? 0,
      },
    });
  }

  async #read(): Promise<(KubeObject & { readonly spec?: LeaseSpec }) | null> {
    const found = await this.#options.api.get(this.#path).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    });
    return found as (KubeObject & { readonly spec?: LeaseSpec }) | null;
  }

  /** The time now, in microseconds as `metav1.MicroTime` has it. */
  #time(): string {
    return new Date(this.#options.now()).toISOString().replace("Z", "000Z");
  }
}
