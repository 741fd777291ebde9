/** Policies of a bundle made ready: a verifier and a TLS configuration each, made when first used. */
import { fromBase64 } from "../bundle/bytes.ts";
import type { Bundle, BundlePolicy, Sha256Hex } from "../bundle/types.ts";
import { CertificateStore, createVerifier, type Verifier } from "../trust/index.ts";
import { Engine } from "./engine/engine.ts";
import type { TlsConfig } from "./engine/engine.ts";
import type { Host } from "./host.ts";

export interface ReadyPolicy {
  readonly digest: Sha256Hex;
  readonly sni: string;
  readonly verifier: Verifier;
  readonly engine: Engine;
  readonly config: TlsConfig;
}

export class Policies {
  readonly #bundle: Bundle;
  readonly #host: Host;
  readonly #verifiers = new Map<Sha256Hex, Verifier>();
  /** Parsed certificates, shared by all verifiers: policies of one CA read it once. */
  readonly #certificates: CertificateStore;
  #engine: Engine | null = null;
  /** Of the present engine: tickets live in it, one configuration a policy. */
  #configs = new Map<Sha256Hex, TlsConfig>();

  constructor(bundle: Bundle, host: Host) {
    this.#bundle = bundle;
    this.#host = host;
    this.#certificates = new CertificateStore(host.sha256);
  }

  /** The TLS engine; a trapped one is replaced, and with it every configuration and ticket it held. */
  engine(): Engine {
    if (this.#engine === null || this.#engine.dead) {
      this.#engine = new Engine(this.#host);
      this.#configs = new Map();
    }
    return this.#engine;
  }

  get(digest: Sha256Hex): ReadyPolicy {
    const policy = this.#bundle.policies[digest];
    if (policy === undefined) throw new RangeError(`bundle: no policy ${digest}`);
    const engine = this.engine();
    const config = this.#configs.get(digest) ?? this.#configure(engine, digest, policy);
    return { digest, sni: policy.sni, verifier: this.#verifier(digest, policy), engine, config };
  }

  #configure(engine: Engine, digest: Sha256Hex, policy: BundlePolicy): TlsConfig {
    const config = engine.config({
      alpn: policy.alpn,
      minVersion: policy.minTlsVersion,
      maxVersion: policy.maxTlsVersion,
      clientIdentity: null,
    });
    this.#configs.set(digest, config);
    return config;
  }

  #verifier(digest: Sha256Hex, policy: BundlePolicy): Verifier {
    let verifier = this.#verifiers.get(digest);
    if (verifier !== undefined) return verifier;
    const set = this.#bundle.anchorSets[policy.anchorSet];
    if (set === undefined) throw new RangeError(`bundle: no anchor set ${policy.anchorSet}`);
    const source = set.source.join(", ");
    const anchors = set.anchors.map((key) => {
      const der = this.#bundle.anchors[key];
      if (der === undefined) throw new RangeError(`bundle: no anchor ${key}`);
      return { der: fromBase64(der), source };
    });
    verifier = createVerifier({
      policy: digest,
      trust: {
        identifiers: policy.identifiers,
        anchors,
        profile: policy.profile,
        spkiPins: policy.spkiPins,
        crls: policy.crls === null ? null : policy.crls.map(fromBase64),
        maxChainDepth: policy.maxChainDepth,
      },
      cache: this.#certificates,
      sha256: this.#host.sha256,
    });
    this.#verifiers.set(digest, verifier);
    return verifier;
  }
}
