/** The policies of a bundle, ready for use: for each a verifier and a TLS configuration, made when first used. */
import { fromBase64 } from "../../bundle/bytes.ts";
import type { Secrets } from "../../bundle/secrets.ts";
import type { Bundle, BundleEndpoint, BundlePolicy, Cipher, Sha256Hex } from "../../bundle/types.ts";
import { CertificateStore, createVerifier, type Verifier } from "../../trust/index.ts";
import type { TlsConfig, TlsConfigSpec } from "../engine/tls-config.ts";
import type { Instance } from "../engine/instance.ts";
import { witnessOf } from "../engine/witness.ts";
import type { Runtime } from "../runtime.ts";
import { CIPHER_ORDERS, EndpointCosts, orderOfRuntime, type RecordCosts } from "./ciphers.ts";
import { Instances } from "./instances.ts";

/** What ALPN offers: all protocols of the policy, or only the one on which an upgrade can be asked for. */
export type Protocols = "any" | "http/1.1";

/** A policy ready for a connection. */
export interface ReadyPolicy {
  readonly digest: Sha256Hex;
  readonly sni: string;
  readonly verifier: Verifier;
  readonly config: TlsConfig;
  /** The ciphers that `config` offers, in order. */
  readonly ciphers: readonly Cipher[];
  /** What the endpoint's records cost; null where the policy or the runtime decides the order of ciphers. */
  readonly costs: RecordCosts | null;
}

/** The policies of one bundle. */
export class Policies {
  readonly #bundle: Bundle;
  readonly #runtime: Runtime;
  readonly #instances: Instances;
  readonly #costs: EndpointCosts;
  readonly #identity: TlsConfigSpec["clientIdentity"];
  readonly #verifiers = new Map<Sha256Hex, Verifier>();
  /** Parsed certificates, shared by all verifiers, so that a CA of several policies is read once. */
  readonly #certificates: CertificateStore;

  /**
   * Throws a BundleError when `secrets` has no key for the bundle's client certificate. `before`: the policies of the last
   * bundle, whose instances and verifiers are taken over.
   */
  constructor(bundle: Bundle, secrets: Secrets, runtime: Runtime, before: Policies | null) {
    this.#bundle = bundle;
    this.#runtime = runtime;
    this.#identity = clientIdentity(bundle, secrets);
    this.#instances = before === null ? new Instances(runtime) : before.#instances;
    this.#costs = before === null ? new EndpointCosts() : before.#costs;
    this.#certificates = before === null ? new CertificateStore(runtime.sha256) : before.#certificates;
    for (const [digest, verifier] of before === null ? [] : before.#verifiers) {
      if (digest in bundle.policies) this.#verifiers.set(digest, verifier);
    }
  }

  /** An instance for a connection without TLS. */
  instance(): Instance {
    return this.#instances.get();
  }

  /** The memory of all instances of the module. */
  get engineBytes(): number {
    return this.#instances.memoryBytes;
  }

  /** The policy with this digest, ready for a connection to the endpoint. */
  get(digest: Sha256Hex, protocols: Protocols, endpoint: BundleEndpoint): ReadyPolicy {
    const policy = this.policy(digest);
    const fixedOrder = policy.ciphers ?? orderOfRuntime(this.#runtime.aead?.().ciphers ?? []);
    const costs = this.#costs.of(digest, endpoint);
    const ciphers = fixedOrder ?? costs.order;
    const config = this.#instances.configured(this.#configKey(digest, protocols, ciphers), () => ({
      alpn: protocols === "any" ? policy.alpn : [protocols],
      minVersion: policy.minTlsVersion,
      maxVersion: policy.maxTlsVersion,
      ciphers,
      clientIdentity: this.#identity,
    }));
    const verifier = this.#verifier(digest, policy);
    return { digest, sni: policy.sni, verifier, config, ciphers, costs: fixedOrder === null ? costs : null };
  }

  /** Frees a policy's tickets after a resumed session was refused, so that the next handshake is a full one. */
  forgetSessions({ digest, ciphers, config }: ReadyPolicy, protocols: Protocols): void {
    this.#instances.drop(this.#configKey(digest, protocols, ciphers), config);
  }

  /** The policy with this digest, as the bundle has it. */
  policy(digest: Sha256Hex): BundlePolicy {
    const policy = this.#bundle.policies[digest];
    if (policy === undefined) throw new RangeError(`bundle: no policy ${digest}`);
    return policy;
  }

  /** Frees the configurations that only earlier bundles needed. */
  dropOthers(): void {
    const keys = new Set(
      Object.keys(this.#bundle.policies).flatMap((digest) => [
        ...this.#configKeys(digest, "any"),
        ...this.#configKeys(digest, "http/1.1"),
      ]),
    );
    this.#instances.retain((key) => keys.has(key));
  }

  /** The keys of every order of ciphers that a policy may have. */
  #configKeys(digest: Sha256Hex, protocols: Protocols): string[] {
    const { ciphers } = this.policy(digest);
    return (ciphers === null ? CIPHER_ORDERS : [ciphers]).map((order) => this.#configKey(digest, protocols, order));
  }

  #configKey(digest: Sha256Hex, protocols: Protocols, ciphers: readonly Cipher[]): string {
    return `${digest} ${this.#bundle.clientCertificate ?? "-"} ${protocols} ${ciphers.join()}`;
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
      sha256: this.#runtime.sha256,
      witness: witnessOf(() => this.#instances.get()),
    });
    this.#verifiers.set(digest, verifier);
    return verifier;
  }
}

/** The certificate that the Gateway presents to backends (`Gateway.spec.tls.backend.clientCertificateRef`); null: none. */
function clientIdentity(bundle: Bundle, secrets: Secrets): TlsConfigSpec["clientIdentity"] {
  if (bundle.clientCertificate === null) return null;
  const certificate = bundle.certificates[bundle.clientCertificate];
  if (certificate === undefined) throw new RangeError(`bundle: no certificate ${bundle.clientCertificate}`);
  const { chain, keyDigest, source } = certificate;
  return { chain: chain.map(fromBase64), pkcs8: secrets.key(keyDigest, source) };
}
