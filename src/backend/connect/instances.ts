/**
 * The instances of the module in a process, each for a bounded number of connections. A module's memory grows and never
 * shrinks, and each step of growth costs more the larger the memory is, so an instance that has grown and has no connections
 * is given up whole.
 */
import { createTlsConfig, type TlsConfig, type TlsConfigSpec } from "../engine/tls-config.ts";
import { Instance } from "../engine/instance.ts";
import type { Runtime } from "../runtime.ts";
import { ENGINE_LIMITS } from "../limits.ts";

/** An instance and its configurations, one for each policy, client identity and ALPN. A configuration holds its tickets. */
interface Slot {
  readonly instance: Instance;
  readonly configs: Map<string, TlsConfig>;
}

/** The instances. Bundles that succeed each other share them, so a policy that stays keeps its tickets. */
export class Instances {
  readonly #runtime: Runtime;
  /** The instances in the order in which they are filled, so that the last ones fall idle and are given up. */
  #slots: readonly Slot[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** An instance with room for a connection. A trapped instance is replaced, with all its configurations. */
  get(): Instance {
    return this.#slot().instance;
  }

  /** The configuration of `key` in an instance with room for a connection; `spec` says how one is made. */
  configured(key: string, spec: () => TlsConfigSpec): TlsConfig {
    const { instance, configs } = this.#slot();
    let config = configs.get(key);
    if (config === undefined) configs.set(key, (config = createTlsConfig(instance, spec())));
    return config;
  }

  /** The memory of all instances. */
  get memoryBytes(): number {
    return this.#slots.reduce(
      (bytes, { instance }) => bytes + (instance.trapped === null ? instance.memoryBytes : 0),
      0,
    );
  }

  /** Frees a configuration and its tickets, if it is still the configuration of `key`: the next use makes another. */
  drop(key: string, config: TlsConfig): void {
    for (const { configs } of this.#slots) {
      if (configs.get(key) !== config) continue;
      configs.delete(key);
      config.free();
    }
  }

  /** Frees every configuration whose key `keeps` denies, and its tickets. */
  retain(keeps: (key: string) => boolean): void {
    for (const { configs } of this.#slots) {
      for (const [key, config] of configs) {
        if (keeps(key)) continue;
        configs.delete(key);
        config.free();
      }
    }
  }

  #slot(): Slot {
    this.#slots = this.#slots.filter(({ instance }) => instance.trapped === null && !this.#isSpent(instance));
    const free = this.#slots.find(({ instance }) => instance.connections < ENGINE_LIMITS.connections);
    if (free !== undefined) return free;
    const instance = new Instance(this.#runtime, () => this.#retire(instance));
    const slot = { instance, configs: new Map() };
    this.#slots = [...this.#slots, slot];
    return slot;
  }

  /**
   * Whether an instance gets no further connections. Where the runtime can end an invocation without notice, the memory of
   * its connections stays in it. It is therefore given up after some connections, and is collected
   * with the last of them, which bounds the memory lost.
   */
  #isSpent({ made }: Instance): boolean {
    return this.#runtime.keep !== undefined && made >= ENGINE_LIMITS.lifetimeConnections;
  }

  /** Gives up an instance that has no connection left, when it has grown. */
  #retire(instance: Instance): void {
    if (instance.memoryBytes < ENGINE_LIMITS.retiredBytes) return;
    this.#slots = this.#slots.filter((slot) => slot.instance !== instance);
  }
}
