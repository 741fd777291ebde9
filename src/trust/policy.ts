/** The policy of a verifier: as it is given to trust/, and as it is read once for all verdicts. */
import { fromBase64, sameBytes } from "../bundle/bytes.ts";
import { type Budgets, DEFAULT_BUDGETS } from "./budget.ts";
import { type AnchorIndex, type SourcedCertificate, indexAnchors } from "./path/issuers.ts";
import { CrlSet } from "./revocation/crl-set.ts";
import { type CertificateStore, KnownCertificate, digestKey } from "./signatures/store.ts";
import { parseAnchor } from "./x509/certificate.ts";
import type { TrustIdentifier } from "./x509/identity.ts";

/** What a policy means to trust/: `BundlePolicy` with its anchors and CRLs decoded. */
export interface TrustPolicy {
  /** Reference identifiers, one of which must match. Empty: nothing matches, every chain is refused. */
  readonly identifiers: readonly TrustIdentifier[];
  /** `source` names the object an anchor came from, for the verdict: `ConfigMap team/ca`. */
  readonly anchors: readonly { readonly der: Uint8Array; readonly source: string }[];
  /** `strict` adds the issuance rules of `checks/issuance.ts`. */
  readonly profile: "private" | "strict";
  /** Base64 SHA-256 of a SubjectPublicKeyInfo; empty: no pinning. */
  readonly spkiPins: readonly string[];
  /** CRLs in DER; null: revocation is not configured. */
  readonly crls: readonly Uint8Array[] | null;
  /** Certificates in a path, end entity and anchor included. */
  readonly maxChainDepth: number;
  /** Limits other than `DEFAULT_BUDGETS`. */
  readonly budgets?: Partial<Budgets>;
}

/** A policy whose anchors, CRLs and pins were read. */
export interface ReadPolicy {
  /**
   * Reference identifiers; null: no name is asked for, as in cases of x509-limbo alone: `createVerifier` always asks
   * for one.
   */
  readonly identifiers: readonly TrustIdentifier[] | null;
  readonly anchors: readonly SourcedCertificate[];
  readonly anchorIndex: AnchorIndex;
  readonly profile: "private" | "strict";
  /** Digests of SubjectPublicKeyInfos, as `digestKey` writes them; empty: no pinning. */
  readonly pins: ReadonlySet<string>;
  /** CRLs; null: revocation is not configured. */
  readonly crls: CrlSet | null;
  readonly maxLength: number;
  readonly limits: Budgets;
}

/** Reads a policy. An anchor that cannot be read is never trusted; compile/ has said so with `judgeAnchor`. */
export function readPolicy(
  trust: TrustPolicy,
  identifiers: readonly TrustIdentifier[] | null,
  store: CertificateStore,
): ReadPolicy {
  const anchors = readAnchors(trust, store);
  return {
    identifiers,
    anchors,
    anchorIndex: indexAnchors(anchors),
    profile: trust.profile,
    pins: new Set(trust.spkiPins.map(decodePin)),
    crls: trust.crls === null ? null : new CrlSet(trust.crls),
    maxLength: trust.maxChainDepth,
    limits: { ...DEFAULT_BUDGETS, ...trust.budgets },
  };
}

function readAnchors(trust: TrustPolicy, store: CertificateStore): SourcedCertificate[] {
  const anchors: SourcedCertificate[] = [];
  for (const { der, source } of trust.anchors) {
    if (anchors.some(({ known }) => sameBytes(known.certificate.der, der))) continue;
    const strict = store.read(der);
    if (strict.kind === "parsed") store.remember(strict.value);
    // The store holds certificates that may be presented. An anchor that was read with the leniency for anchors is
    // not put there, so that a backend that presents the same bytes is refused.
    const parsed = strict.kind === "parsed" ? strict : parseAnchor(der.slice());
    if (parsed.kind === "malformed") continue;
    const known = parsed.value instanceof KnownCertificate ? parsed.value : new KnownCertificate(parsed.value);
    anchors.push({ known, position: -1, source });
  }
  return anchors;
}

/** A pin as `digestKey` writes the digest it names. A pin that is no base64 of 32 octets matches no key, and still pins. */
function decodePin(pin: string): string {
  const unusable = `unusable pin ${pin}`;
  try {
    const octets = fromBase64(pin);
    return octets.length === 32 ? digestKey(octets) : unusable;
  } catch {
    return unusable;
  }
}
