/**
 * The TLS of one port's HTTPS listeners: which certificate a handshake presents, and which clients it admits. SNI selects
 * the listener. Of the listener's certificates the one whose names match best is presented, the first of `certificateRefs`
 * among equals, on every runtime alike.
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

/** The TLS state of a port. */
export interface PortTls {
  /** A text that changes when a handshake would present or ask for something else. */
  readonly fingerprint: string;
  /** A text that changes when clients that were admitted before might be refused now. */
  readonly admission: string;
  /** How client certificates are validated; null when clients are not asked for one. */
  readonly mode: BundleClientValidation["mode"] | null;
  /** The keys of session tickets where several processes share them; null for keys that this process makes. */
  readonly ticketKeys: Buffer | null;
  /** The certificate for a server name in lower case, or for a client without SNI (null). Null when no listener matches. */
  presentable(sni: string | null): Presentable | null;
}

/** A certificate with its key, and with the anchors for client certificates. */
interface Presentable {
  readonly certificate: X509Certificate;
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
}

/** Ciphers with forward secrecy and authenticated encryption (RFC 9325 §4.2). */
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

/**
 * The TLS state of a port, null for HTTP listeners. Throws a BundleError for a certificate or key that cannot be used.
 * `ticketKeys`: see {@link PortTls.ticketKeys}.
 */
export function portTls(
  bundle: Bundle,
  secrets: Secrets,
  port: number,
  ticketKeys: Buffer | null = null,
): PortTls | null {
  const listeners = bundle.listeners.flatMap(({ port: listenerPort, name, hostname, tls }) =>
    listenerPort === port && tls !== null ? [{ name, hostname, tls }] : [],
  );
  const [first, ...others] = listeners;
  if (first === undefined) return null;
  const validation = first.tls.clientValidation;
  const admission = JSON.stringify([validation, validation && bundle.anchorSets[validation.anchorSet]]);
  // `Gateway.spec.tls.frontend` configures ports: a handshake asks for a certificate before it knows the listener.
  const different = others.find(({ tls }) => JSON.stringify(tls.clientValidation) !== JSON.stringify(validation));
  if (different !== undefined)
    throw new BundleError("wrong-type", `listener ${different.name}`, `port ${port} has one client validation for all`);
  // `AllowInsecureFallback` admits every client, so certificates are not compared with anchors: an RSA signature that does
  // not verify would leave an error in OpenSSL's queue, for which Node destroys the connection after the handshake.
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
    ticketKeys,
    presentable(sni) {
      // `Listener.tls`: "MUST use the longest matching SNI out of all available certificates".
      const names = sni === null ? ["*"] : candidateHostnames(sni);
      const certificates = names.map((name) => presented.get(name)).find((found) => found !== undefined);
      return certificates === undefined ? null : best(certificates, sni);
    },
  };
}

/**
 * A server that makes the TLS handshake on connections handed to it; `http2` says whether it offers HTTP/2. Each TLS state
 * of a port has a server of its own: session tickets of an earlier one are useless with it, so no client resumes a session
 * that would be refused now.
 */
export function createTlsServer(tls: PortTls, http2: boolean, secured: (socket: TLSSocket) => void): Server {
  const server = createServer(
    {
      // The certificate for clients without SNI. Where no listener matches them there is none, and the handshake fails.
      ...tls.presentable(null)?.options,
      minVersion: "TLSv1.2",
      ciphers: CIPHERS,
      ALPNProtocols: http2 ? ["h2", "http/1.1"] : ["http/1.1"],
      ...(tls.ticketKeys === null ? {} : { ticketKeys: tls.ticketKeys }),
      requestCert: tls.mode !== null,
      // `AllowInsecureFallback`: "accept connections even if the client certificate is not presented or fails".
      rejectUnauthorized: tls.mode === "AllowValidOnly",
      SNICallback: (name, done) => done(null, tls.presentable(sniOf(name))?.context),
    },
    secured,
  );
  return server;
}

/** The server name in the form of listeners' hostnames; null when the client has sent none. */
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

/** The certificate with the longest name that matches, an exact one before a wildcard; the first when none matches. */
function best(certificates: readonly Presentable[], sni: string | null): Presentable | null {
  let found: { readonly presentable: Presentable; readonly rank: number } | null = null;
  for (const presentable of certificates) {
    const name = sni === null ? undefined : presentable.certificate.checkHost(sni, { subject: "never" });
    const rank = name === undefined ? 0 : name.startsWith("*") ? name.length : MAX_NAME_LENGTH + name.length;
    if (found === null || rank > found.rank) found = { presentable, rank };
  }
  return found?.presentable ?? null;
}

/** A length above that of any name in DNS. */
const MAX_NAME_LENGTH = 255;

const anchorsOf = ({ anchorSets, anchors }: Bundle, set: Sha256Hex): string[] =>
  (anchorSets[set]?.anchors ?? []).map((digest) => pem(anchors[digest] ?? ""));

// No line break after the last line: OpenSSL takes no empty one (RFC 7468 §3).
const pem = (base64: string): string =>
  `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}(?=.)/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
