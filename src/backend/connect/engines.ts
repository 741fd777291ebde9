/**
 * The engines of a process: instances of the module, each for a bounded number of connections. A module's memory grows
 * and never shrinks, and each step of growth costs more the larger the memory is, so an instance that has grown and has
 * no connections is given up whole.
 */
import { Engine, type TlsConfig, type TlsConfigSpec } from "../engine/engine.ts";
import type { Runtime } from "../runtime.ts";
import { ENGINE_LIMITS } from "../limits.ts";

/** An engine and its configurations, one for each policy, client identity and ALPN. A configuration holds its tickets. */
interface Slot {
  readonly engine: Engine;
  readonly configs: Map<string, TlsConfig>;
}

/** An engine, and a configuration in it. */
export interface Configured {
  readonly engine: Engine;
  readonly config: TlsConfig;
}

/** The engines. Bundles that succeed each other share them, so a policy that stays keeps its tickets. */
export class Engines {
  readonly #runtime: Runtime;
  /** The engines in the order in which they are filled, so that the last ones fall idle and are given up. */
  #slots: readonly Slot[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** An engine with room for a connection. A trapped engine is replaced, with all its configurations. */
  get(): Engine {
    return this.#slot().engine;
  }

  /** An engine with room for a connection, and the configuration of `key` in it, which `spec` makes where there is none. */
  configured(key: string, spec: () => TlsConfigSpec): Configured {
    const { engine, configs } = this.#slot();
    let config = configs.get(key);
    if (config === undefined) configs.set(key, (config = engine.config(spec())));
    return { engine, config };
  }

  /** The memory of all instances. */
  get memoryBytes(): number {
    return this.#slots.reduce((bytes, { engine }) => bytes + engine.memoryBytes, 0);
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
    this.#slots = this.#slots.filter(({ engine }) => !engine.dead && !this.#isSpent(engine));
    const free = this.#slots.find(({ engine }) => engine.connections < ENGINE_LIMITS.connections);
    if (free !== undefined) return free;
    const engine = new Engine(this.#runtime, () => this.#retire(engine));
    const slot = { engine, configs: new Map() };
    this.#slots = [...this.#slots, slot];
    return slot;
  }

  /**
   * Whether an engine gets no further connections. Where the runtime can end an invocation without notice, the memory of
   * its connections stays in the instance. An instance is therefore given up after some connections, and is collected
   * with the last of them, which bounds the memory lost.
   */
  #isSpent({ made }: Engine): boolean {
    return this.#runtime.keep !== undefined && made >= ENGINE_LIMITS.lifetimeConnections;
  }

  /** Gives up an engine that has no connection left, when it has grown. */
  #retire(engine: Engine): void {
    if (engine.memoryBytes < ENGINE_LIMITS.retiredBytes) return;
    this.#slots = this.#slots.filter((slot) => slot.engine !== engine);
  }
}
