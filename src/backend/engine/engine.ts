/** The TLS and HTTP engine: an instance of wasm/ and the TLS configurations in it. */
import type { TlsVersion } from "../../bundle/types.ts";
import { Writer } from "./codec.ts";
import { type EngineRuntime, Instance } from "./instance.ts";
import { type OfferSource, type Offers, readOffers } from "./client-hello-offers.ts";

/** What a TLS configuration is made of. */
export interface TlsConfigSpec {
  /** Protocol names, in order of preference. */
  readonly alpn: readonly string[];
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /**
   * The certificate that the Gateway presents: the chain in DER, the end-entity certificate first, and the key in PKCS#8
   * DER, which the module overwrites in its input once the key is read.
   */
  readonly clientIdentity: { readonly chain: readonly Uint8Array[]; readonly pkcs8: Uint8Array } | null;
}

/**
 * An engine. Its instance is made on first use, so that importing costs nothing and workerd instantiates inside a request.
 * One engine serves many connections. A trap ends all of them; then `dead` is true, and the owner makes a new engine.
 */
export class Engine {
  readonly #runtime: EngineRuntime;
  readonly #onIdle: () => void;
  #instance: Instance | null = null;

  /** `onIdle` is called whenever the engine's last connection was freed. */
  constructor(runtime: EngineRuntime, onIdle: () => void = () => undefined) {
    this.#runtime = runtime;
    this.#onIdle = onIdle;
  }

  /** The number of connections that hold memory in this engine. */
  get connections(): number {
    return this.#instance?.connections ?? 0;
  }

  /** The number of connections that this engine has had in all, closed ones too. */
  get made(): number {
    return this.#instance?.made ?? 0;
  }

  /** The size of the instance's memory; 0 before the first use, and once the engine is dead. */
  get memoryBytes(): number {
    return this.#instance === null || this.dead ? 0 : this.#instance.memoryBytes;
  }

  /** Whether the instance has trapped. */
  get dead(): boolean {
    return this.#instance !== null && this.#instance.trapped !== null;
  }

  /** The instance, for files of backend/ alone. */
  get instance(): Instance {
    this.#instance ??= new Instance(this.#runtime, this.#onIdle);
    return this.#instance;
  }

  /**
   * Makes a configuration, which keeps the session tickets of its connections. Throws a ConnectionError when the client
   * identity cannot be used.
   */
  config(spec: TlsConfigSpec): TlsConfig {
    const { instance } = this;
    const writer = new Writer(instance.input);
    writer.u8(wireVersion(spec.minVersion));
    writer.u8(wireVersion(spec.maxVersion));
    writer.u8(spec.alpn.length);
    for (const protocol of spec.alpn) writer.short(protocol);
    const chain = spec.clientIdentity?.chain ?? [];
    writer.u8(chain.length);
    for (const certificate of chain) writer.long(certificate);
    writer.long(spec.clientIdentity?.pkcs8 ?? new Uint8Array(0));
    return new TlsConfig(
      instance,
      instance.callOrThrow((wasm) => wasm.config_new(writer.length)),
      spec,
    );
  }
}

/** A TLS configuration in an instance of the module. */
export class TlsConfig implements OfferSource {
  readonly instance: Instance;
  readonly handle: number;
  readonly alpn: readonly string[];
  readonly #versions: Pick<TlsConfigSpec, "minVersion" | "maxVersion">;

  constructor(instance: Instance, handle: number, { alpn, minVersion, maxVersion }: TlsConfigSpec) {
    this.instance = instance;
    this.handle = handle;
    this.alpn = alpn;
    this.#versions = { minVersion, maxVersion };
  }

  /** The offers of this configuration's ClientHello. */
  offers(): Offers {
    this.instance.callOrThrow((wasm) => wasm.offers(this.handle));
    return readOffers(this.instance.output, this.#versions.minVersion, this.#versions.maxVersion);
  }

  /** Frees the configuration and its tickets. Connections made with this configuration go on. */
  free(): void {
    if (this.instance.trapped === null) this.instance.call((wasm) => wasm.config_free(this.handle));
  }
}

function wireVersion(version: TlsVersion): number {
  return version === "1.2" ? 2 : 3;
}
