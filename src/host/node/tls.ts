/**
 * What HTTPS listeners of one port present, and to whom. One certificate a handshake, the same on every runtime: of the
 * listener that SNI chooses, the one whose names match best, and of those the first of `certificateRefs`.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from "node:tls";
import { BundleError } from "../../bundle/codec.ts";
import type { Secrets } from "../../bundle/secrets.ts";
import type { Bundle, BundleClientValidation, BundleListenerTls, Sha256Hex } from "../../bundle/types.ts";
import { candidateHostnames } from "../../gateway/index.ts";

export interface PortTls {
  /** Changes when anything does that a handshake shows. */
  readonly fingerprint: string;
  /** Changes when clients that were let in might not be any more. */
  readonly admission: string;
  /** Whom clients must show themselves to be; null: nobody asks. */
  readonly mode: BundleClientValidation["mode"] | null;
  /** For a server name in lower case; null: for a client that sends none. Null where no listener is meant. */
  presentable(sni: string | null): Presentable | null;
}

/** A certificate with its key, and the anchors for the client's. */
export interface Presentable {
  readonly certificate: X509Certificate;
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
}

/** Forward secrecy and authenticated encryption only (RFC 9325 §4.2). */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** Null for a port of HTTP listeners. Throws a BundleError for a certificate or key that cannot be used. */
export function portTls(bundle: Bundle, secrets: Secrets, port: number): PortTls | null {
  const listeners = bundle.listeners.flatMap(({ port: its, name, hostname, tls }) =>
    its === port && tls !== null ? [{ name, hostname, tls }] : [],
  );
  const [first, ...others] = listeners;
  if (first === undefined) return null;
  const validation = first.tls.clientValidation;
  const admission = JSON.stringify([validation, validation && bundle.anchorSets[validation.anchorSet]]);
  // `Gateway.spec.tls.frontend` configures ports: a handshake asks for a certificate before it knows the listener.
  const odd = others.find(({ tls }) => JSON.stringify(tls.clientValidation) !== JSON.stringify(validation));
  if (odd !== undefined)
    throw new BundleError("wrong-type", `listener ${odd.name}`, `port ${port} has one client validation for all`);
  // Who is let in whatever they present is not held against anchors: an RSA signature that does not verify leaves an
  // error in OpenSSL's queue, and Node cuts the connection for it after the handshake.
  const ca =
    validation === null
      ? null
      : validation.mode === "AllowInsecureFallback"
        ? []
        : anchorsOf(bundle, validation.anchorSet);
  const presented = new Map(
    listeners.map(({ hostname, tls }) => [hostname ?? "*", certificatesOf(bundle, secrets, tls, ca)]),
  );
  return {
    fingerprint: JSON.stringify([listeners, admission]),
    admission,
    mode: validation?.mode ?? null,
    presentable(sni) {
      // `Listener.tls`: "MUST use the longest matching SNI out of all available certificates".
      const names = sni === null ? ["*"] : candidateHostnames(sni);
      const certificates = names.map((name) => presented.get(name)).find((found) => found !== undefined);
      return certificates === undefined ? null : best(certificates, sni);
    },
  };
}

/**
 * Shakes hands on connections handed to it, offering HTTP/2 or not, for as long as those last. A server for each state of a port's TLS: its tickets die with it, so no
 * client resumes what would be refused now.
 */
export function createTlsServer(tls: PortTls, http2: boolean, secured: (socket: TLSSocket) => void): Server {
  const server = createServer(
    {
      // For clients without SNI. Without a listener for them there is no certificate, and the handshake fails.
      ...tls.presentable(null)?.options,
      minVersion: "TLSv1.2",
      ciphers: CIPHERS,
      ALPNProtocols: http2 ? ["h2", "http/1.1"] : ["http/1.1"],
      requestCert: tls.mode !== null,
      // `AllowInsecureFallback`: "accept connections even if the client certificate is not presented or fails".
      rejectUnauthorized: tls.mode === "AllowValidOnly",
      SNICallback: (name, done) => done(null, tls.presentable(sniOf(name))?.context),
    },
    secured,
  );
  return server;
}

/** As listeners' hostnames are written; null: none was sent. */
export const sniOf = (name: string | false | null | undefined): string | null =>
  typeof name !== "string" || name === "" ? null : name.toLowerCase().replace(/\.$/, "");

function certificatesOf(
  { certificates }: Bundle,
  secrets: Secrets,
  { certificates: digests }: BundleListenerTls,
  ca: string[] | null,
): readonly Presentable[] {
  return digests.map((digest) => {
    const entry = certificates[digest];
    if (entry === undefined) throw new RangeError(`bundle: no certificate ${digest}`);
    const { chain, source, keyDigest } = entry;
    try {
      const certificate = new X509Certificate(Buffer.from(chain[0] ?? "", "base64"));
      const key = createPrivateKey({ key: Buffer.from(secrets.key(keyDigest, source)), format: "der", type: "pkcs8" });
      if (!certificate.checkPrivateKey(key)) throw new TypeError("the key is another certificate's");
      const options = {
        cert: chain.map(pem).join(""),
        key: key.export({ format: "pem", type: "pkcs8" }),
        ciphers: CIPHERS,
        minVersion: "TLSv1.2" as const,
        // An anchor need not be self-signed, as for backends.
        ...(ca === null ? {} : { ca, allowPartialTrustChain: true }),
      };
      return { certificate, options, context: createSecureContext(options) };
    } catch (error) {
      if (error instanceof BundleError) throw error;
      // Errors of node:crypto quote no key.
      throw new BundleError("bad-secrets", source, error instanceof Error ? error.message : String(error));
    }
  });
}

/** The longest name that matches, an exact one before a wildcard; where none does, the first. */
function best(certificates: readonly Presentable[], sni: string | null): Presentable | null {
  let found: { readonly presentable: Presentable; readonly rank: number } | null = null;
  for (const presentable of certificates) {
    const name = sni === null ? undefined : presentable.certificate.checkHost(sni, { subject: "never" });
    const rank = name === undefined ? 0 : name.startsWith("*") ? name.length : MAX_NAME + name.length;
    if (found === null || rank > found.rank) found = { presentable, rank };
  }
  return found?.presentable ?? null;
}

/** Longer than any name that DNS allows. */
const MAX_NAME = 255;

const anchorsOf = ({ anchorSets, anchors }: Bundle, set: Sha256Hex): string[] =>
  (anchorSets[set]?.anchors ?? []).map((digest) => pem(anchors[digest] ?? ""));

// No line break after the last line: OpenSSL takes no empty one (RFC 7468 §3).
const pem = (base64: string): string =>
  `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}(?=.)/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
