/**
 * Leader election by a Lease (coordination.k8s.io/v1), as client-go does it: who holds the Lease writes; the others
 * watch and wait. A holder that cannot renew stops before another may begin.
 */
import { ApiError, type KubeApi, type KubeObject } from "./api.ts";
import { pathOf } from "./resources.ts";
import { pause } from "./watch.ts";

export interface LeaseOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly name: string;
  /** Of this process; unique. */
  readonly identity: string;
  /** Ends the election, and gives the Lease back. */
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Why the Lease could be neither taken nor read, each reason once until it changes. */
  readonly onFault: (message: string) => void;
}

const DURATION_S = 15;
/** Renewals fail for so long before the lead is given up: well before others may take it. */
const RENEW_DEADLINE_MS = 10_000;
const RETRY_MS = 2_000;

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/** Waits for the lead, runs `lead` while it is held, and resolves when it is lost or `signal` aborts. */
export async function lead(options: LeaseOptions, run: (lost: AbortSignal) => Promise<void>): Promise<void> {
  const { api, namespace, name, identity, signal, now } = options;
  const leases = { group: "coordination.k8s.io", version: "v1", name: "leases" };
  const path = pathOf(leases, { namespace, name });
  const collection = path.slice(0, path.lastIndexOf("/"));
  /** The Lease as last seen, and when by our clock: others' clocks are not trusted. */
  let seen: { version: string; atMs: number } | null = null;

  async function acquire(release = false): Promise<Holder> {
    const found = (await api.get(path).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    })) as (KubeObject & { spec?: LeaseSpec }) | null;
    const time = new Date(now()).toISOString().replace("Z", "000Z");
    const metadata = { name, namespace };
    if (found === null) {
      if (release) return "unknown";
      const spec = { holderIdentity: identity, leaseDurationSeconds: DURATION_S, acquireTime: time, renewTime: time };
      await api.create(collection, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec });
      return "us";
    }
    const spec = found.spec ?? {};
    const version = found.metadata.resourceVersion ?? "";
    if (seen?.version !== version) seen = { version, atMs: now() };
    const holder = spec.holderIdentity ?? "";
    const ours = holder === identity;
    const expired = now() - seen.atMs > (spec.leaseDurationSeconds ?? DURATION_S) * 1_000;
    if (release ? !ours : !ours && holder !== "" && !expired) return "another";
    await api.replace(path, {
      ...found,
      spec: {
        ...spec,
        holderIdentity: release ? "" : identity,
        leaseDurationSeconds: release ? 1 : DURATION_S,
        acquireTime: ours ? (spec.acquireTime ?? time) : time,
        renewTime: time,
        leaseTransitions: (spec.leaseTransitions ?? 0) + (ours ? 0 : 1),
      },
    });
    return release ? "unknown" : "us";
  }

  let fault: string | null = null;
  const lost = new AbortController();
  const over = AbortSignal.any([signal, lost.signal]);
  let deadline: ReturnType<typeof setTimeout> | undefined;
  const attempt = async (): Promise<Holder> => {
    // Others count from the moment the API server has it, which is before the answer is here.
    const startMs = now();
    let next: string | null = null;
    // A conflict means that another was faster; any other failure, that nobody knows: both are no lead.
    const holder = await acquire().catch((error: unknown): Holder => {
      if (!(error instanceof ApiError && error.status === 409))
        next = error instanceof Error ? error.message : String(error);
      return "unknown";
    });
    if (next !== null && next !== fault) options.onFault(next);
    fault = next;
    if (holder !== "us" || lost.signal.aborted) return holder;
    const leftMs = startMs + RENEW_DEADLINE_MS - now();
    if (leftMs <= 0) return "unknown";
    clearTimeout(deadline);
    deadline = setTimeout(() => lost.abort(), leftMs);
    return holder;
  };

  while (!signal.aborted && (await attempt()) !== "us") await pause(RETRY_MS, signal);
  const running = over.aborted ? null : run(lost.signal);
  const ended = new Promise((resolve) => over.addEventListener("abort", () => resolve("unknown"), { once: true }));
  while (!over.aborted) {
    await pause(RETRY_MS, over);
    // An API server that does not answer does not keep the lead either.
    if (!over.aborted && (await Promise.race([attempt(), ended])) === "another") lost.abort();
  }
  const held = deadline !== undefined;
  clearTimeout(deadline);
  lost.abort();
  await running;
  if (signal.aborted && held) await acquire(true).catch(() => "unknown");
}

/** Who has the Lease, as far as one attempt tells. */
type Holder = "us" | "another" | "unknown";
