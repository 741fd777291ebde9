/**
 * The offers of our ClientHello, for the text of a failure. A backend that accepts none of them answers with an alert,
 * which does not say what the backend would accept.
 */
import type { TlsVersion } from "../../bundle/types.ts";
import { Reader } from "./codec.ts";
import { ConnectionError } from "./errors.ts";

/** The offers, by IANA's names, each list in order of preference. */
export interface Offers {
  readonly versions: readonly TlsVersion[];
  readonly cipherSuites: readonly string[];
  readonly groups: readonly string[];
  readonly signatureSchemes: readonly string[];
}

/** A configuration, as far as its ClientHello shows it. */
export interface OfferSource {
  /** Protocol names, in order of preference. */
  readonly alpn: readonly string[];
  offers(): Offers;
}

/** The offers from the module's output, three lists of numbers (`offers` of `wasm/src/config.rs`). */
export function readOffers(bytes: Uint8Array, minVersion: TlsVersion, maxVersion: TlsVersion): Offers {
  const reader = new Reader(bytes);
  const names = (known: Readonly<Record<number, string>>): string[] =>
    Array.from({ length: reader.u16() }, () => {
      const number = reader.u16();
      return known[number] ?? `0x${number.toString(16).padStart(4, "0")}`;
    });
  return {
    versions: (["1.2", "1.3"] as const).filter((version) => version >= minVersion && version <= maxVersion),
    cipherSuites: names(CIPHER_SUITES),
    groups: names(GROUPS),
    signatureSchemes: names(SIGNATURE_SCHEMES),
  };
}

/** Descriptions of alerts (RFC 8446 §6.2). */
const HANDSHAKE_FAILURE = 40;
const PROTOCOL_VERSION = 70;
const INSUFFICIENT_SECURITY = 71;
const UNRECOGNIZED_NAME = 112;
const NO_APPLICATION_PROTOCOL = 120;

/**
 * The error with the offers that the peer's alert is about. RFC 8446 §6.2: such an alert says that the peer can negotiate
 * from none of the offers, and not what the peer supports. Any other error is returned unchanged.
 */
export function withOffers(error: ConnectionError, source: OfferSource, sni: string): ConnectionError {
  const explained = explainAlert(error.alert, source, sni);
  if (explained === null) return error;
  const { sent, alert, http2Error } = error;
  const received = `${error.received}: ${explained.missing}`;
  return new ConnectionError(error.code, received, { sent, alert, http2Error, expected: explained.expected });
}

function explainAlert(
  alert: number | null,
  source: OfferSource,
  sni: string,
): { expected: string; missing: string } | null {
  switch (alert) {
    case HANDSHAKE_FAILURE:
    case PROTOCOL_VERSION: // OpenSSL also sends this one when its key fits no scheme of TLS 1.3.
    case INSUFFICIENT_SECURITY: {
      const { versions, cipherSuites, groups, signatureSchemes } = source.offers();
      const expected =
        `a backend that shares TLS ${versions.join(" or ")}, a cipher suite (${cipherSuites.join(", ")}), ` +
        `a group (${groups.join(", ")}) and a signature scheme (${signatureSchemes.join(", ")})`;
      return { expected, missing: "no version, no cipher suite, no group or no signature scheme is shared" };
    }
    case UNRECOGNIZED_NAME:
      return { expected: `a backend that knows the SNI ${sni}`, missing: "it does not" };
    case NO_APPLICATION_PROTOCOL:
      return {
        expected: `a backend that shares a protocol by ALPN (${source.alpn.join(", ")})`,
        missing: "none is shared",
      };
    case null:
    default:
      return null;
  }
}

const CIPHER_SUITES: Readonly<Record<number, string>> = {
  0x1301: "TLS_AES_128_GCM_SHA256",
  0x1302: "TLS_AES_256_GCM_SHA384",
  0x1303: "TLS_CHACHA20_POLY1305_SHA256",
  0xc02b: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  0xc02c: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
  0xc02f: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  0xc030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
  0xcca8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
  0xcca9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
};
const GROUPS: Readonly<Record<number, string>> = { 0x17: "secp256r1", 0x18: "secp384r1", 0x1d: "x25519" };
const SIGNATURE_SCHEMES: Readonly<Record<number, string>> = {
  0x0401: "rsa_pkcs1_sha256",
  0x0501: "rsa_pkcs1_sha384",
  0x0601: "rsa_pkcs1_sha512",
  0x0403: "ecdsa_secp256r1_sha256",
  0x0503: "ecdsa_secp384r1_sha384",
  0x0804: "rsa_pss_rsae_sha256",
  0x0805: "rsa_pss_rsae_sha384",
  0x0806: "rsa_pss_rsae_sha512",
  0x0807: "ed25519",
};
