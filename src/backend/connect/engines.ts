/**
 * The engines of a process: instances of the module, each for a bounded number of connections. A module's memory grows
 * and never shrinks, and each step of growth costs more the larger it is; an instance that has grown and serves nobody
 * is given up whole.
 */
import { Engine, type TlsConfig, type TlsConfigSpec } from "../engine/engine.ts";
import type { Runtime } from "../runtime.ts";
import { ENGINE_LIMITS } from "../limits.ts";

/** An engine and the configurations in it: tickets live there, one configuration for a policy, client identity and ALPN. */
interface Slot {
  readonly engine: Engine;
  readonly configs: Map<string, TlsConfig>;
}

export interface Configured {
  readonly engine: Engine;
  readonly config: TlsConfig;
}

/** Bundles that succeed each other share them, so a policy that stays keeps its tickets. */
export class Engines {
  readonly #runtime: Runtime;
  /** In the order they are filled, so that the last ones fall idle and go. */
  #slots: readonly Slot[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** An engine with room for a connection. A trapped one is replaced, and with it every configuration it held. */
  get(): Engine {
    return this.#slot().engine;
  }

  /** The same with a configuration in it, made when it is not there yet. */
  configured(key: string, spec: () => TlsConfigSpec): Configured {
    const { engine, configs } = this.#slot();
    let config = configs.get(key);
    if (config === undefined) configs.set(key, (config = engine.config(spec())));
    return { engine, config };
  }

  /** Of all instances. */
  get memoryBytes(): number {
    return this.#slots.reduce((bytes, { engine }) => bytes + engine.memoryBytes, 0);
  }

  /** Frees this configuration and its tickets, if it is still the one under its key: the next use makes another. */
  drop(key: string, config: TlsConfig): void {
    for (const { configs } of this.#slots) {
      if (configs.get(key) !== config) continue;
      configs.delete(key);
      config.free();
    }
  }

  /** Frees every configuration that `keeps` does not want, and the tickets in it. */
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
   * Where an invocation can end without a word, the memory of its connections stays in the instance. It is given up
   * after so many, and goes with its last connection: what such ends cost is bounded.
   */
  #isSpent({ made }: Engine): boolean {
    return this.#runtime.keep !== undefined && made >= ENGINE_LIMITS.lifetimeConnections;
  }

  /** `engine` has no connection left. */
  #retire(engine: Engine): void {
    if (engine.memoryBytes < ENGINE_LIMITS.retiredBytes) return;
    this.#slots = this.#slots.filter((slot) => slot.engine !== engine);
  }
}
