/**
 * The controller: watches a cluster, compiles it, publishes a bundle for each Gateway, and writes statuses. The leader
 * alone writes; what was published keeps serving whatever becomes of us.
 */
import { createHash } from "node:crypto";
import type { Acknowledgement } from "../bundle/publication.ts";
import { clusterCompiler, type ClusterOptions, type CompiledGateway } from "../compile/index.ts";
import { type AddressRequest, assignAddresses, type Assignment } from "./addresses.ts";
import { ApiError, type KubeApi, type KubeObject } from "./api.ts";
import { infrastructureOf } from "./infrastructure.ts";
import type { Serving } from "./merge.ts";
import { type PlaintextCount, watchPlaintext } from "./plaintext.ts";
import type { Publication, Publisher } from "./publisher.ts";
import type { Resource } from "./resources.ts";
import { statusWriter } from "./statuses.ts";
import { createStore, type Store } from "./store.ts";
import { keyOf, pause } from "./watch.ts";

export interface ControllerOptions {
  readonly api: KubeApi;
  readonly publisher: Publisher;
  /** Addresses to serve Gateways on; empty: the platform has its own. */
  readonly pool: readonly string[];
  readonly compile: ClusterOptions;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
  /** Called after every pass. */
  readonly onPass?: (pass: Pass) => void;
}

/** For metrics and health. */
export interface Pass {
  readonly compileMs: number;
  readonly gateways: number;
  readonly failures: readonly string[];
  readonly plaintext: PlaintextCount;
}

export interface Controller {
  readonly synced: boolean;
  /** Why it is not up to date: watches that fail, writes that failed in the last pass. */
  readonly faults: readonly string[];
  /** Resolves once `signal` has aborted and the pass under way has ended. */
  readonly done: Promise<void>;
}

/** Changes come in crowds (a rollout, a list): one pass for those that come within so long, and never later than the second. */
const SETTLE_MS = 25;
const MAX_SETTLE_MS = 250;
/** What failed is tried again after so long, without any change. */
const RETRY_MS = 1_000;
/** What nobody watches, such as a pointer that somebody removes, is looked at so often. */
const RECHECK_MS = 600_000;

export function runController(options: ControllerOptions): Controller {
  const { publisher, signal, now, log } = options;
  const api = whileLeading(options.api, signal);
  const pending = new Pending(signal);
  const removed = new Set<Resource>();
  const store = createStore({
    api,
    signal,
    onChange: ({ resource, removed: gone }) => {
      if (gone && resource.custom) removed.add(resource);
      pending.add();
    },
  });
  const compile = clusterCompiler(options.compile);
  const sayPlaintext = watchPlaintext(log);
  const writer = statusWriter(api, store, now);
  const infrastructure = infrastructureOf(api, store, now);
  let failures: readonly string[] = [];
  let told: readonly string[] = [];

  async function pass(): Promise<readonly string[]> {
    // Nothing is said of a cluster that has been read in part.
    if (!store.synced) return [];
    const missing = await missingDefinitions(api, removed);
    if (missing.length > 0) return missing;
    removed.clear();
    const startMs = performance.now();
    const compiled = compile(store.objects(), now());
    const { statuses, gateways } = compiled;
    const compileMs = performance.now() - startMs;
    const plaintext = sayPlaintext(compiled);
    const faults: string[] = [];
    const failed = (what: string) => (error: unknown) => {
      faults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    };
    const assigned = assignAddresses(
      options.pool,
      gateways.map(({ name }) => requestOf(name, store)),
    );
    const pointers = await publisher.pointers();
    const programmed = new Map<string, Serving>();
    for (const gateway of gateways) {
      // Who leads next publishes; a pointer has no resourceVersion that would tell the two apart.
      if (signal.aborted) return faults;
      const assignment = assigned.get(gateway.name) ?? null;
      const addresses = assignment?.kind === "assigned" ? assignment.addresses : [];
      let seen: Acknowledgement | null = null;
      let unpublished: string | null = null;
      try {
        seen = await publisher.publish(publicationOf(gateway, addresses), pointers, signal);
      } catch (error) {
        unpublished = `publication failed: ${error instanceof Error ? error.message : String(error)}`;
        faults.push(`Gateway ${gateway.name}: ${unpublished}`);
      }
      programmed.set(
        gateway.name,
        servingOf(gateway, options.pool.length > 0 ? assignment : null, seen, unpublished, publisher),
      );
    }
    for (const name of pointers.keys()) {
      if (signal.aborted) return faults;
      if (!programmed.has(name)) await publisher.withdraw(name).catch(failed(`Gateway ${name}`));
    }
    await infrastructure.ensure(
      [...programmed.keys()].flatMap((name) => store.get("Gateway", name) ?? []),
      (name, error) => failed(`Gateway ${name}`)(error),
    );
    faults.push(...(await writer.write(statuses, (object) => servedBy(object, programmed))));
    options.onPass?.({ compileMs, gateways: gateways.length, failures: faults, plaintext });
    return faults;
  }

  async function run(): Promise<void> {
    const acknowledgements = publisher.watch(() => pending.add());
    const recheck = setInterval(() => pending.add(), RECHECK_MS);
    while (!signal.aborted) {
      await pending.settled();
      if (signal.aborted) break;
      const before = told;
      failures = await pass().catch((error: unknown) => [describe(error)]);
      // What fails then, fails because it is over.
      if (signal.aborted) break;
      told = [...store.faults, ...failures];
      for (const fault of told) if (!before.includes(fault)) log({ level: "error", message: fault });
      if (failures.length > 0) void pause(RETRY_MS, signal).then(() => pending.add());
    }
    clearInterval(recheck);
    acknowledgements.close();
  }

  return {
    get synced() {
      return store.synced;
    },
    get faults() {
      return [...store.faults, ...failures];
    },
    done: run(),
  };
}

/** Once `signal` has aborted another may lead: nothing more is written, in the middle of a pass neither. */
function whileLeading(api: KubeApi, signal: AbortSignal): KubeApi {
  return {
    ...api,
    async replace(path, body) {
      signal.throwIfAborted();
      return api.replace(path, body);
    },
    async create(path, body) {
      signal.throwIfAborted();
      return api.create(path, body);
    },
  };
}

/** What the world does needs no stack; a bug of ours does. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const bug = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return bug ? (error.stack ?? error.message) : error.message;
}

/** Changes since the last pass: settles shortly after the last of a crowd. */
class Pending {
  readonly #signal: AbortSignal;
  #changed = false;
  #wake: (() => void) | null = null;
  #lastMs = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake?.(), { once: true });
  }

  add(): void {
    this.#changed = true;
    this.#lastMs = performance.now();
    this.#wake?.();
  }

  async settled(): Promise<void> {
    while (!this.#changed && !this.#signal.aborted) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
    const startMs = performance.now();
    for (;;) {
      const quietMs = performance.now() - this.#lastMs;
      if (quietMs >= SETTLE_MS || performance.now() - startMs >= MAX_SETTLE_MS || this.#signal.aborted) break;
      await pause(SETTLE_MS - quietMs, this.#signal);
    }
    this.#changed = false;
  }
}

/**
 * Objects of a kind whose CustomResourceDefinition is going or gone are deleted by the API server one by one. Nobody
 * asked for that traffic to change, least of all for a policy's Service to be sent plaintext: what is published stays.
 */
async function missingDefinitions(api: KubeApi, removed: ReadonlySet<Resource>): Promise<string[]> {
  const missing: string[] = [];
  for (const { name, group } of removed) {
    const definition = `${name}.${group}`;
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${definition}`;
    try {
      const { metadata } = (await api.get(path)) as KubeObject;
      if (metadata.deletionTimestamp === undefined) continue;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
    missing.push(`CustomResourceDefinition ${definition} is gone: what is published keeps serving until it is back`);
  }
  return missing;
}

function publicationOf({ name, bundle, text, secrets }: CompiledGateway, addresses: readonly string[]): Publication {
  return {
    gateway: name,
    bundle: { digest: bundle.digest, text },
    secrets: secrets === null ? null : { digest: createHash("sha256").update(secrets).digest("hex"), text: secrets },
    addresses,
  };
}

function requestOf(name: string, store: Store): AddressRequest {
  const object = store.get("Gateway", name);
  const { addresses = [] } = (object?.spec ?? {}) as { addresses?: { type?: string; value?: string }[] };
  const { addresses: held = [] } = (object?.status ?? {}) as { addresses?: { value?: string }[] };
  const values = (list: readonly { value?: string }[]): string[] =>
    list.flatMap(({ value }) => (value === undefined || value === "" ? [] : [value]));
  return { gateway: name, wanted: values(addresses), held: values(held) };
}

/** What the Gateway's status says of addresses and `Programmed`. */
function servingOf(
  { bundle }: CompiledGateway,
  assignment: Assignment | null,
  seen: Acknowledgement | null,
  failed: string | null,
  { programmedMessage }: Publisher,
): Serving {
  const no = (reason: string, message: string): Serving => ({
    addresses: assignment?.kind === "assigned" ? addressesOf(assignment.addresses) : [],
    programmed: { status: "False", reason, message },
  });
  if (failed !== null) return no("Pending", failed);
  if (assignment?.kind === "refused") return no(assignment.reason, assignment.message);
  if (seen === null) return no("Pending", "No host has acknowledged the bundle yet");
  const [error] = seen.errors;
  if (error !== undefined) return no("Pending", `The host serves it in part, or not at all: ${error}`);
  if (seen.bundle !== bundle.digest) return no("Pending", "The host has not loaded the current bundle yet");
  const unbound = (assignment?.addresses ?? []).filter((address) => !seen.addresses.includes(address));
  if (unbound.length > 0) return no("AddressNotUsable", `The host has not bound ${unbound.join(", ")}`);
  return {
    addresses: addressesOf(seen.addresses),
    programmed: { status: "True", reason: "Programmed", message: programmedMessage },
  };
}

const addressesOf = (addresses: readonly string[]): object[] =>
  addresses.map((value) => ({ type: "IPAddress", value }));

/** A ListenerSet is served as its Gateway is. */
function servedBy(object: KubeObject, programmed: ReadonlyMap<string, Serving>): Serving | null {
  if (object.kind === "Gateway") return programmed.get(keyOf(object)) ?? null;
  if (object.kind !== "ListenerSet") return null;
  const { parentRef } = object.spec as { parentRef?: { name: string; namespace?: string } };
  const gateway = `${parentRef?.namespace ?? object.metadata.namespace ?? ""}/${parentRef?.name ?? ""}`;
  const serving = programmed.get(gateway);
  return serving === undefined ? null : { ...serving, addresses: null };
}
