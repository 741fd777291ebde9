/** TLS configurations in an instance of the module: what ClientHellos offer, and the session tickets of their connections. */
import type { Cipher, TlsVersion } from "../../bundle/types.ts";
import { CIPHERS } from "./abi.ts";
import { Writer } from "./codec.ts";
import type { Instance } from "./instance.ts";
import { type OfferSource, type Offers, readOffers } from "./client-hello-offers.ts";

/** What a TLS configuration is made of. */
export interface TlsConfigSpec {
  /** Protocol names, in order of preference. */
  readonly alpn: readonly string[];
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** The ciphers that may be used, in order of preference. */
  readonly ciphers: readonly Cipher[];
  /**
   * The certificate that the Gateway presents: the chain in DER, the end-entity certificate first, and the key in PKCS#8
   * DER, which the module overwrites in its input once the key is read.
   */
  readonly clientIdentity: { readonly chain: readonly Uint8Array[]; readonly pkcs8: Uint8Array } | null;
}

/** Makes a configuration in an instance. Throws a ConnectionError when the client identity cannot be used. */
export function createTlsConfig(instance: Instance, spec: TlsConfigSpec): TlsConfig {
  const writer = new Writer(instance.input);
  writer.u8(wireVersion(spec.minVersion));
  writer.u8(wireVersion(spec.maxVersion));
  writer.u8(spec.ciphers.length);
  for (const cipher of spec.ciphers) writer.u8(CIPHERS[cipher]);
  writer.u8(spec.alpn.length);
  for (const protocol of spec.alpn) writer.short(protocol);
  const chain = spec.clientIdentity?.chain ?? [];
  writer.u8(chain.length);
  for (const certificate of chain) writer.long(certificate);
  writer.long(spec.clientIdentity?.pkcs8 ?? new Uint8Array(0));
  const handle = instance.callOrThrow((wasm) => wasm.config_new(writer.length));
  return new TlsConfig(instance, handle, spec);
}

/** A TLS configuration, which keeps the session tickets of its connections. */
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
